"""Every answer that is not a success: RFC 9457 problem documents with the seed's fields (docs/api.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """One code: its usual status and its title (the seed's `error`)."""

    status: int
    title: str


CODES: Mapping[str, Kind] = {
    "INVALID_PR_NUMBER": Kind(400, "Invalid pull request number"),
    "MISSING_PARAMS": Kind(400, "Missing required parameters"),
    "INVALID_INPUT": Kind(400, "Invalid input"),
    "UNAUTHORIZED": Kind(401, "Authentication required"),
    "REPO_ACCESS_DENIED": Kind(403, "Repository access denied"),
    "CALLER_NOT_AUTHORISED": Kind(403, "Caller not authorised"),
    "ACTION_NOT_ALLOWED": Kind(403, "Action not allowed"),
    "APPROVAL_REQUIRED": Kind(403, "Approval required"),
    "POLICY_DENIED": Kind(403, "Denied by the automation policy"),
    "SECOND_PERSON_REQUIRED": Kind(403, "A second person is required"),
    "NOT_FOUND": Kind(404, "Not found"),
    "PR_NOT_FOUND": Kind(404, "Pull request not found"),
    "METHOD_NOT_ALLOWED": Kind(405, "Method not allowed"),
    "REQUEST_TIMEOUT": Kind(408, "Request too slow"),
    "REGISTRY_NOT_FOUND": Kind(409, "Repository not in registry"),
    "REGISTRY_CONFLICT": Kind(409, "Registry conflict"),
    "REQUEST_IN_PROGRESS": Kind(409, "Request in progress"),
    "NO_FAILURES": Kind(409, "No failures"),
    "PAYLOAD_TOO_LARGE": Kind(413, "Request body too large"),
    "UNSUPPORTED_MEDIA_TYPE": Kind(415, "Unsupported media type"),
    "IDEMPOTENCY_KEY_REUSED": Kind(422, "Idempotency key reused"),
    "INTERNAL_ERROR": Kind(500, "Internal error"),
    "GITHUB_UNAVAILABLE": Kind(503, "GitHub unavailable"),
    "LEDGER_UNAVAILABLE": Kind(503, "Ledger unavailable"),
    "LAWBOOK_MISMATCH": Kind(503, "Lawbook cannot be used"),
    "SERVICE_BUSY": Kind(503, "Service busy"),
}
"""Closed: codes are added, never renamed. POLICY_DENIED is 429 when waiting helps, GITHUB_UNAVAILABLE 502 when GitHub
gave no usable answer."""


@dataclass
class Problem(Exception):  # noqa: N818 -- named as RFC 9457 names it
    """Raised anywhere in a request; the application renders it. Texts may be foreign: they are redacted on the way out.

    `detail` says what is wrong and why, `next` what to do. `retry_after` is in seconds.
    """

    code: str
    detail: str
    next: str
    details: Mapping[str, Any] = field(default_factory=dict)
    status: int = 0
    retry_after: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(self.detail)
        self.status = self.status or CODES[self.code].status

    def document(self, request_id: str) -> dict[str, Any]:
        """The body. A 500 carries the request's id and nothing about what went wrong."""
        title = CODES[self.code].title
        return {
            "type": f"/problems/{self.code.lower().replace('_', '-')}",
            "title": title,
            "status": self.status,
            "detail": self.detail,
            "error": title,
            "code": self.code,
            "details": dict(self.details),
            "requestId": request_id,
            "next": self.next,
        }

    def all_headers(self) -> dict[str, str]:
        headers = dict(self.headers)
        if self.retry_after is not None:
            headers["Retry-After"] = str(max(1, self.retry_after))
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return headers


def invalid(problems: list[dict[str, str]], code: str = "INVALID_INPUT") -> Problem:
    """400 with everything that is wrong: `{field, problem}` each."""
    shown = "; ".join(f"{p['field']} {p['problem']}" for p in problems[:3])
    more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return Problem(
        code,
        f"The request is not valid: {shown}{more}.",
        "Correct what details.problems lists; /openapi.json describes the request. Nothing was sent to GitHub.",
        {"problems": problems},
    )


def internal() -> Problem:
    """500, which tells the caller nothing but the id under which the log tells the operator everything."""
    return Problem(
        "INTERNAL_ERROR",
        "The service failed in a way that it should not.",
        "Give the operator this request id; the service's log holds the rest.",
    )


def seconds_until(moment: datetime, now: datetime) -> int:
    """For Retry-After: whole seconds, at least 1."""
    return max(1, ceil((moment - now).total_seconds()))


def stamp(moment: datetime) -> str:
    """A time on the wire: UTC, ISO 8601."""
    return moment.isoformat().replace("+00:00", "Z")
