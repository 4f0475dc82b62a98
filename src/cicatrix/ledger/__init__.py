"""REMEMBERS: append-only entries, operations and their slots, cases, requests, measurements; on SQLite.

Names are imported on first use, so that `cicatrix.ledger.verify` loads the standard library and the core alone;
`verify` itself is imported from there.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .entries import EntryRow, Head
    from .errors import LedgerError, LedgerUnavailable, LedgerUnsafe, OpenOperation, StaleEpoch
    from .export import export_lines
    from .ledger import Intent, Ledger
    from .listing import BadCursor, Page
    from .measurements import StoredMeasurement
    from .policy_rows import StoredAutomation, StoredStop
    from .proofs import Proof
    from .requests import StoredRequest
    from .rows import StoredAttempt, StoredAudit, StoredOutcome
    from .slots import Slot
    from .story import rebuild
    from .tx import Tx
    from .view import View

_HOME = {
    "BadCursor": "listing",
    "EntryRow": "entries",
    "Head": "entries",
    "Intent": "ledger",
    "Ledger": "ledger",
    "LedgerError": "errors",
    "LedgerUnavailable": "errors",
    "LedgerUnsafe": "errors",
    "OpenOperation": "errors",
    "Page": "listing",
    "Proof": "proofs",
    "Slot": "slots",
    "StaleEpoch": "errors",
    "StoredAttempt": "rows",
    "StoredAudit": "rows",
    "StoredAutomation": "policy_rows",
    "StoredMeasurement": "measurements",
    "StoredOutcome": "rows",
    "StoredRequest": "requests",
    "StoredStop": "policy_rows",
    "Tx": "tx",
    "View": "view",
    "export_lines": "export",
    "rebuild": "story",
}

__all__ = [
    "BadCursor",
    "EntryRow",
    "Head",
    "Intent",
    "Ledger",
    "LedgerError",
    "LedgerUnavailable",
    "LedgerUnsafe",
    "OpenOperation",
    "Page",
    "Proof",
    "Slot",
    "StaleEpoch",
    "StoredAttempt",
    "StoredAudit",
    "StoredAutomation",
    "StoredMeasurement",
    "StoredOutcome",
    "StoredRequest",
    "StoredStop",
    "Tx",
    "View",
    "export_lines",
    "rebuild",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
