"""Typed errors of the rooms below as problems: told by type and status code, never by their text (AP-5)."""

from __future__ import annotations

from datetime import datetime

from cicatrix.flows.denied import Denied
from cicatrix.flows.rerun import RequestIdReused, RequestInProgress
from cicatrix.flows.seed_000 import InvalidInput
from cicatrix.github import Deferred, GitHubError, Refused
from cicatrix.ledger import LedgerError

from .problems import CODES, Problem, internal, invalid, seconds_until, stamp

IN_PROGRESS_AGAIN = 5
"""Seconds after which a caller may ask again for a request that is being worked on."""
UNANSWERED_AGAIN = 30


def problem_of(error: Exception, now: datetime) -> Problem:
    """What the caller is told about an error; INTERNAL_ERROR for one that nobody foresaw."""
    match error:
        case Problem():
            return error
        case Denied():
            return denied(error, now)
        case InvalidInput():
            return invalid([{"field": error.field, "problem": error.problem}])
        case RequestInProgress():
            return Problem(
                "REQUEST_IN_PROGRESS",
                "A request with this id is being worked on.",
                "Ask again with the same requestId: its stored answer will be replayed.",
                retry_after=IN_PROGRESS_AGAIN,
            )
        case RequestIdReused():
            return Problem(
                "IDEMPOTENCY_KEY_REUSED",
                "This requestId was used for another request.",
                "Use a new id, or repeat the first request exactly.",
            )
        case GitHubError():
            return _github(error, now)
        case LedgerError():
            return Problem(
                "LEDGER_UNAVAILABLE",
                "The ledger cannot be used now, so nothing may be sent to GitHub.",
                "Ask again later with the same requestId; /readyz tells the operator more.",
                retry_after=UNANSWERED_AGAIN,
            )
    return internal()


def denied(error: Denied, now: datetime) -> Problem:
    """A guardrail said no. Only a denial that ends by itself is a 429 (AP-2)."""
    details = dict(error.details)
    status, wait = 0, None
    if error.next_allowed_at is not None:
        details.setdefault("nextAllowedAt", stamp(error.next_allowed_at))
        if error.code == "POLICY_DENIED":
            status, wait = 429, seconds_until(error.next_allowed_at, now)
    code = error.code if error.code in CODES else "ACTION_NOT_ALLOWED"
    return Problem(code, f"{error.what} {error.why}".strip(), error.next, details, status=status, retry_after=wait)


def _github(error: GitHubError, now: datetime) -> Problem:
    detail = f"{error.what}: {error.why}"
    if isinstance(error, Deferred):
        return Problem(
            "GITHUB_UNAVAILABLE",
            f"GitHub said not now. {detail}",
            "Ask again after Retry-After with the same requestId.",
            {"nextAllowedAt": stamp(error.not_before)},
            retry_after=seconds_until(error.not_before, now),
        )
    if not isinstance(error, Refused):
        return Problem(
            "GITHUB_UNAVAILABLE",
            f"GitHub gave no usable answer. {detail}",
            "Ask again later with the same requestId: what was sent is on record and never sent twice.",
            status=502,
            retry_after=UNANSWERED_AGAIN,
        )
    match error.status:
        case 401:
            return Problem(
                "UNAUTHORIZED",
                f"GitHub refused this service's credential. {detail}",
                "The operator renews it; `cicatrix doctor` checks it.",
            )
        case 403:
            return _forbidden(error, detail)
        case 404 | 410:
            return Problem(
                "NOT_FOUND",
                f"GitHub has no such thing, or this service may not see it. {detail}",
                "Check owner, repo and numbers, and that the App or token may read the repository.",
            )
    return Problem(
        "GITHUB_UNAVAILABLE",
        f"GitHub refused with {error.status}. {detail}",
        error.next,
        {"githubStatus": error.status},
        status=502,
    )


def _forbidden(error: Refused, detail: str) -> Problem:
    details = {} if error.accepted_permissions is None else {"acceptedPermissions": error.accepted_permissions}
    return Problem(
        "REPO_ACCESS_DENIED",
        f"GitHub does not let this service do that here. {detail}",
        "Install the App there or widen the token's rights; `cicatrix doctor -R OWNER/REPO` names what is missing.",
        details,
    )
