"""What can go wrong between us and git, and what can be said no to.

    GitError
    ├── GitUnsafe        this git, or this folder, does not behave as our guards need: nothing is done with it
    ├── ShallowClone     history is cut off: nothing that looks at parents may be done
    ├── RevertRefused    the revert is not made; carries the reason
    └── PushError
        ├── PushNotSent      no byte of the push left us
        ├── PushRefused      a definite no; carries the reason
        └── PushUnanswered   cut or timed out after sending: it may have taken effect

No error holds a token, a URL's user part or the bytes of an answer.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.redact import redact

_USER_OF_A_URL = re.compile(r"(?<=://)[^/@\s'\"]+@")
_LONGEST_TEXT = 500
_LOOKED_AT = 10_000


def shown(text: str) -> str:
    """Foreign text as one short line: redacted, without control and direction characters and users of URLs."""
    line = " ".join(_USER_OF_A_URL.sub("", redact(text[:_LOOKED_AT])).split())
    return line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 1] + "…"


class Diagnostics(NamedTuple):
    """Three lines for a person: what happened, why, what to do next."""

    what: str
    why: str
    next: str


class GitError(Exception):
    """Work with git did not succeed; nothing has left this machine."""

    next_step = "Try again; `cicatrix doctor` checks git, the network and the token."

    def __init__(self, what: str, *, why: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = shown(what)
        self.why = shown(why) or "git gave no reason."
        self.next = shown(next_step) or type(self).next_step

    def diagnostics(self) -> Diagnostics:
        """What happened, why, and what to do next."""
        return Diagnostics(self.what, self.why, self.next)

    def __str__(self) -> str:
        sentence = (type(self).__doc__ or "").partition("\n")[0]
        return f"{sentence} {self.what}: {self.why}"


class GitTimeout(GitError):  # noqa: N818 -- named by what happened, as all errors towards a remote
    """git did not end in its time and was stopped."""

    next_step = "Try again; a large repository may need a longer timeout."


class GitUnsafe(GitError):  # noqa: N818 -- named by what happened, as all errors towards a remote
    """This git or this folder does not behave as the guards need, so nothing is done with it."""

    next_step = "Install a current git (2.39 or newer), and let nobody else write to Cicatrix's own folders."
    reason = HealReason.GIT_UNSAFE


class ShallowClone(GitError):  # noqa: N818 -- named by what happened, as all errors towards a remote
    """History is cut off, and without parents a revert would be wrong."""

    next_step = "Fetch the whole history: `fetch-depth: 0` for actions/checkout, or `git fetch --unshallow`."
    reason = HealReason.SHALLOW_CLONE


class RevertRefused(GitError):  # noqa: N818 -- named by what happened, as all errors towards a remote
    """The commit is not reverted, and nothing was changed."""

    next_step = "Revert it by hand if it has to go; the reason says what stands against doing it by machine."

    def __init__(self, reason: HealReason, why: str) -> None:
        super().__init__(f"revert refused ({reason.value})", why=why)
        self.reason = reason


class PushError(GitError):
    """A push did not succeed."""


class PushNotSent(PushError):  # noqa: N818 -- named by what happened, as all errors towards a remote
    """Nothing left us, so nothing can have happened at the remote."""

    next_step = "Check the network and the remote's URL; the same push may be sent again."


class PushRefused(PushError):  # noqa: N818 -- named by what happened, as all errors towards a remote
    """The remote definitely refused; no ref was changed."""

    next_step = "Read the remote's reason; pushing the same again gives the same answer."

    def __init__(self, reason: HealReason, why: str) -> None:
        super().__init__(f"push refused ({reason.value})", why=why)
        self.reason = reason


class PushUnanswered(PushError):  # noqa: N818 -- named by what happened, as all errors towards a remote
    """No usable answer came, so the ref may or may not have been changed."""

    next_step = "Read the remote's ref; a push is settled by reading, never by sending it again."
