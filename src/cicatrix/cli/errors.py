"""How a command ends: exit codes, and every error as three lines (what happened, why, what to do next)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum


class Code(IntEnum):
    """Exit codes; public: never renumbered."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    BLOCKED = 3
    AUTHENTICATION = 4
    VERIFICATION = 5
    PENDING = 8
    GATE_USAGE = 64
    """Instead of 2, which is the seed's "warning", for `gate` alone (GK-5)."""
    INTERRUPTED = 130


WORST_FIRST = (Code.AUTHENTICATION, Code.ERROR, Code.VERIFICATION, Code.USAGE, Code.PENDING, Code.BLOCKED, Code.DONE)
"""With several targets the command ends with the code that stands first here."""


def worst(codes: Iterable[Code]) -> Code:
    """The one exit code of several results."""
    return min(codes, key=WORST_FIRST.index, default=Code.DONE)


class Stop(Exception):  # noqa: N818 -- it stops the command; not every stop is a fault
    """Ends a command with three lines on standard error and an exit code."""

    def __init__(self, what: str, why: str, next_step: str, code: Code = Code.ERROR) -> None:
        super().__init__(f"{what} {why}")
        self.what, self.why, self.next, self.code = what, why, next_step, code


def usage(what: str, why: str, next_step: str) -> Stop:
    """A command that cannot be understood."""
    return Stop(what, why, next_step, Code.USAGE)


def explained(error: Exception) -> Stop | None:
    """An error of the rooms below as three lines; None for one that nobody foresaw.

    Told by their shape, so that nothing has to be imported to say what went wrong: each error of GitHub, the ledger and
    the settings carries `what`, `why` and `next`.
    """
    if isinstance(error, Stop):
        return error
    what, why, following = (getattr(error, name, None) for name in ("what", "why", "next"))
    if isinstance(what, str) and isinstance(why, str) and isinstance(following, str):
        return Stop(what, why, following, _code(error))
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return Stop(
            "The operating system refused.",
            f"{place}{error.strerror or type(error).__name__}.",
            "Check that the path exists, that this user may use it, and that the disk has room.",
        )
    return None


_RIGHTS = re.compile(r"(?:^|: )github_refused: (?:401\b|403\b.*\bneeds the permission )")


def credentials_refused(sentence: str) -> bool:
    """Whether a refusal, as answers and operations tell it, is of the credentials or for a missing permission."""
    return _RIGHTS.search(sentence) is not None


def _code(error: Exception) -> Code:
    status = getattr(error, "status", None)
    if status in {401, 403} and hasattr(error, "accepted_permissions"):
        return Code.AUTHENTICATION
    if hasattr(error, "not_before"):
        return Code.PENDING
    return Code.ERROR
