"""What can go wrong between us and GitHub, modelled by whether the call took effect.

    GitHubError
    ├── NotSent      no byte left us: DNS, connect, pool timeout, bad URL, no token for it
    ├── Refused      a definite no: 401 403 404 409 410 422, a redirect of a write
    ├── Deferred     a definite "not now": rate limits; carries `not_before`
    └── Unanswered   timeout or reset after sending, any 5xx, an answer that cannot be read: it may have taken effect

No error holds a token, a request or a response object, and none is chained to an exception that does.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from cicatrix.core.redact import redact

_KEY_OF_A_LINK = re.compile(r"(?<=[?&])(sig|signature)=[^&\s\"']+", re.IGNORECASE)
_LONGEST_TEXT = 500
_LONGEST_BODY = 4_000
_LOOKED_AT = 10_000


def shown(text: str) -> str:
    """Foreign text as one short line: redacted, without the keys of links, control and direction characters."""
    line = " ".join(_KEY_OF_A_LINK.sub(r"\1=[redacted]", redact(text[:_LOOKED_AT])).split())
    return line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 1] + "…"


def kept_body(body: bytes) -> str:
    """The body of an answer as it may be stored: its first 4,000 characters, redacted, without the keys of links."""
    text = redact(body[:_LOOKED_AT].decode("utf-8", "replace"))
    return _KEY_OF_A_LINK.sub(r"\1=[redacted]", text)[:_LONGEST_BODY]


class Diagnostics(NamedTuple):
    """Three lines for a person: what happened, why, what to do next."""

    what: str
    why: str
    next: str


class GitHubError(Exception):
    """A call to GitHub did not succeed."""

    next_step = "Try again; `cicatrix doctor` checks host, network and token."

    def __init__(self, what: str, *, why: str = "", next_step: str = "", status: int | None = None) -> None:
        super().__init__(what)
        self.what = shown(what)
        self.why = shown(why) or "GitHub gave no reason."
        self.next = shown(next_step) or type(self).next_step
        self.status = status
        """HTTP status of the answer, None when there was no answer."""
        self.body = ""
        """What GitHub answered, redacted and cut; empty when there was no answer or it had no body."""

    def diagnostics(self) -> Diagnostics:
        """What happened, why, and what to do next."""
        return Diagnostics(self.what, self.why, self.next)

    def __str__(self) -> str:
        sentence = (type(self).__doc__ or "").partition("\n")[0]
        return f"{sentence} {self.what}: {self.why}"


class NotSent(GitHubError):  # noqa: N818 - the four names of the design say what happened
    """Nothing left us, so nothing can have happened at GitHub."""

    next_step = "Check the network and the host's URL, then try again."

    def __init__(
        self, what: str, *, why: str = "", next_step: str = "", status: int | None = None, stopped: bool = False
    ) -> None:
        super().__init__(what, why=why, next_step=next_step, status=status)
        self.stopped = stopped
        """Whether the kill switch held it back: then it is not to be tried again either."""


class Refused(GitHubError):  # noqa: N818 - the four names of the design say what happened
    """GitHub definitely refused."""

    next_step = "Read GitHub's reason; trying again as it is gives the same answer."

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        next_step: str = "",
        status: int,
        accepted_permissions: str | None = None,
        running: bool | None = None,
    ) -> None:
        super().__init__(what, why=why, next_step=next_step, status=status)
        self.status: int = status
        self.accepted_permissions = accepted_permissions
        """Value of `X-Accepted-GitHub-Permissions`, such as `actions=write`: what the call would have needed."""
        self.running = running
        """A hint from GitHub's wording on a 403: True "already running", False another reason, None not a 403.

        GitHub's 403 is ambiguous; only a fresh read of the run settles it.
        """

    @property
    def message(self) -> str:
        """GitHub's own words, redacted."""
        return self.why

    @property
    def permission_missing(self) -> bool:
        """Whether the credential lacks a permission, so that another one may succeed. A rate limit is `Deferred`."""
        said = self.accepted_permissions is not None or "resource not accessible" in self.why.lower()
        return self.status == 403 and said and not self.running


class Deferred(GitHubError):  # noqa: N818 - the four names of the design say what happened
    """GitHub definitely said "not now"; nothing happened."""

    next_step = "Wait until the time named; the limit lifts by itself."

    def __init__(
        self, what: str, *, why: str = "", next_step: str = "", status: int | None = None, not_before: datetime
    ) -> None:
        super().__init__(what, why=why, next_step=next_step, status=status)
        self.not_before = not_before
        """The earliest time to ask again, at most one hour ahead."""


class Unanswered(GitHubError):  # noqa: N818 - the four names of the design say what happened
    """No usable answer came, so a write may or may not have taken effect."""

    next_step = "A read can be tried again; a write is settled by reading GitHub back, never by sending it again."
