"""Mutable rows that give rights are believed only as far as history and log vouch for them.

The tables that say what is active may be written; history and the log may not. A row that was changed, brought back or
removed behind their back gives no rights: its reader raises, and no write to GitHub follows (GE-4).
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, select

from .entries import find
from .errors import LedgerError
from .tables import entries

# Statements are built once: building one costs five times what running it does.
_ENTRY = select(entries).where(entries.c.idx == bindparam("idx"))


def by_entry(connection: Connection, index: int, kind: str, told: Mapping[str, object], what: str) -> None:
    """Compare a row with the entry that made it. Raises `LedgerError` when the entry is another or tells otherwise."""
    found = find(connection, _ENTRY.params(idx=index))
    data = found[0].data if found and found[0].kind == kind else {}
    wrong = sorted(name for name, value in told.items() if data.get(name) != value)
    if wrong:
        raise not_vouched(what, f"its row and entry {index} differ in {', '.join(wrong)}")


def not_vouched(what: str, why: str) -> LedgerError:
    """The error for a row that was changed by hand."""
    return LedgerError(
        f"The ledger does not vouch for {what}.",
        f"Somebody changed the database by hand: {why}.",
        "Set it again (`cicatrix registry apply`, `lawbook activate` or `key create`) and find out who wrote to it.",
    )
