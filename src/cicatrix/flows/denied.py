"""A request that is refused before anything is decided: which guardrail said no, on what evidence, what would help."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime


class Denied(Exception):  # noqa: N818  # named for what is the case, as GitHub's four errors are
    """The request may not be worked on. `code` is one of the API's codes (docs/api.md); nothing was sent to GitHub.

    `what`, `why` and `next` are the three lines that every surface shows. `details` is JSON-able and holds no secret.
    """

    def __init__(
        self,
        code: str,
        what: str,
        why: str,
        next_step: str,
        *,
        details: Mapping[str, object] | None = None,
        next_allowed_at: datetime | None = None,
    ) -> None:
        super().__init__(f"{what} {why}")
        self.code, self.what, self.why, self.next = code, what, why, next_step
        self.details = dict(details or {})
        self.next_allowed_at = next_allowed_at
