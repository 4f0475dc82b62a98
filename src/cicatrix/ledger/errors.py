"""What can go wrong with the ledger, told in three lines for a person.

LedgerError
├── LedgerUnavailable   it cannot be opened, read or written now: no write to GitHub may follow
├── LedgerUnsafe        the start-up self-test changed history, so the guards are gone
├── StaleEpoch          a case was claimed by someone else since
└── OpenOperation       an operation of this kind, run and target is open already
"""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, IntegrityError

from cicatrix.core.operations import Kind, Operation


class LedgerError(Exception):
    """The ledger said no. `what` went wrong, `why`, and what to do `next`."""

    def __reduce__(self) -> tuple[type[LedgerError], tuple[str, str, str]]:
        """As its three lines, so that it crosses from one process to another whole."""
        return type(self), (self.what, self.why, self.next)

    def __init__(self, what: str, why: str, next_step: str) -> None:
        super().__init__(f"{what}\n{why}\n{next_step}")
        self.what = what
        self.why = why
        self.next = next_step


class LedgerUnavailable(LedgerError):  # noqa: N818 -- named for what is the case, as GitHub's four errors are
    """The ledger cannot be opened, read or written now."""


class LedgerUnsafe(LedgerError):  # noqa: N818 -- named for what is the case, as GitHub's four errors are
    """A statement that changes history succeeded in the self-test."""


class StaleEpoch(LedgerError):  # noqa: N818 -- named for what is the case, as GitHub's four errors are
    """The case was claimed by someone else since."""


class OpenOperation(LedgerError):  # noqa: N818 -- named for what is the case, as GitHub's four errors are
    """One is open already; at most one may be for a kind, run and target."""


def open_already(operation: Operation, error: IntegrityError) -> OpenOperation:
    """The error for a second operation."""
    return OpenOperation(
        "The run has an open operation already."
        if operation.kind == Kind.RERUN
        else f"Such a {operation.kind.replace('_', ' ')} has an open operation already.",
        f"{f'run {operation.run_id}' if operation.run_id else operation.target} of repository"
        f" {operation.repository_id}: {error.orig}.",
        "Wait until it is settled (`cicatrix tick`), then ask again.",
    )


_ADVICE: tuple[tuple[frozenset[int], str, str, str], ...] = (
    (
        frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}),
        "The ledger stayed locked by another process.",
        "SQLite waited for the write lock and did not get it",
        "Look for a process that holds the file open (a stopped debugger, a backup), then ask again.",
    ),
    (
        frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}),
        "The ledger cannot be written.",
        "the file or its folder is read-only",
        "Give this user write access to the file and its folder, or name another file in CICATRIX_DATABASE_URL.",
    ),
    (
        frozenset({sqlite3.SQLITE_FULL}),
        "The ledger cannot be written.",
        "the disk or the file's size limit is full",
        "Free some space or raise the limit, then ask again. Nothing was sent to GitHub.",
    ),
    (
        frozenset({sqlite3.SQLITE_IOERR}),
        "The ledger cannot be written.",
        "the operating system refused the write",
        "Check free space, quotas and the disk's health, then ask again. Nothing was sent to GitHub.",
    ),
    (
        frozenset({sqlite3.SQLITE_CANTOPEN}),
        "The ledger cannot be opened.",
        "the file cannot be read or made there",
        "Check that the folder exists and that this user may write to it.",
    ),
    (
        frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT}),
        "The ledger cannot be read.",
        "the file is not a sound SQLite database",
        "Name another file in CICATRIX_DATABASE_URL, or restore the last backup and run `cicatrix ledger verify`.",
    ),
)


def sqlite_code(error: BaseException) -> int | None:
    """SQLite's primary result code (https://www.sqlite.org/rescode.html), also of an error that SQLAlchemy wrapped."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


def unavailable(error: BaseException, place: str) -> LedgerUnavailable | None:
    """The environment's fault as an error for a person; None for a fault of ours (constraint, wrong SQL)."""
    code = sqlite_code(error)
    for codes, what, why, next_step in _ADVICE:
        if code in codes:
            detail = str(error.orig if isinstance(error, DBAPIError) else error)
            return LedgerUnavailable(what, f"{place}: {why} ({detail}).", next_step)
    return None
