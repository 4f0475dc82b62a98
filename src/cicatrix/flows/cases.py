"""Moving a case through its table, under its fence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from cicatrix.core.cases import AWAITS, Case, CaseState
from cicatrix.ledger import StaleEpoch, Tx

LEASE = timedelta(minutes=2)

PASSING = frozenset({CaseState.DECIDING, CaseState.JUDGING})
"""States that a tick only passes through. Whoever dies in one leaves a case that is due again after a lease."""


def take_over(tx: Tx, case: Case, now: datetime) -> Case:
    """The case under a new epoch, whoever held it: a writer with the old epoch is refused from here on.

    Safe because operations, not cases, carry the bound: a case only remembers what is to be awaited.
    """
    taken = tx.claim_case(case.id, now, LEASE, force=True)
    assert taken is not None
    return taken


def still_held(tx: Tx, held: Case | None) -> None:
    """Raises StaleEpoch when the claimed case was claimed again since: whoever stalled too long writes nothing."""
    current = tx.case(held.id) if held else None
    if held is None or (current is not None and current.epoch == held.epoch):
        return
    raise StaleEpoch(
        "The case was taken over while this step ran.",
        f"case {held.id}: this step holds epoch {held.epoch}, the row {current.epoch if current else 'is gone'}.",
        "Nothing was stored; the step that took over goes on.",
    )


def path_to_deciding(state: CaseState) -> tuple[CaseState, ...]:
    """The steps by which a person's new request brings a case back to `deciding`, along the table."""
    return {
        CaseState.DECIDING: (),
        CaseState.RERAN: (CaseState.JUDGING, CaseState.DECIDING),
    }.get(state, (CaseState.DECIDING,))


def move(
    tx: Tx,
    case: Case,
    state: CaseState,
    now: datetime,
    *,
    wake_at: datetime | None = None,
    note: str | None = None,
    operation_id: str | None = None,
    data: Mapping[str, object] | None = None,
) -> Case:
    """Save the case in `state`.

    Raises StaleEpoch when somebody took it over since, LedgerError for a step that the table forbids.
    """
    moved = replace(
        case,
        state=state,
        awaits=AWAITS[state],
        wake_at=now + LEASE if wake_at is None and state in PASSING else wake_at,
        note=case.note if note is None else note,
        updated_at=now,
        lease_until=None,
        operation_id=operation_id or case.operation_id,
        data=case.data if data is None else data,
    )
    tx.save_case(moved)
    return moved
