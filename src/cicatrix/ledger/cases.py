"""Cases: one row a failed run or, without a run, a red commit of a ref; worked on by one claimer at a time.

The epoch fences off whoever lost its lease.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, insert, literal_column, or_, select, update

from cicatrix.core.cases import ENDED, Case, CaseState, may_follow

from . import rows
from .errors import LedgerError, StaleEpoch
from .tables import cases

_ENDED = tuple(sorted(state.value for state in ENDED))

# Statements are built once: building one costs five times what running it does.
_BY_ID = select(cases).where(cases.c.id == bindparam("case_id"))
_OF_RUN = select(cases).where(
    cases.c.host == bindparam("host"),
    cases.c.repository_id == bindparam("repository_id"),
    cases.c.run_id == bindparam("run_id"),
    cases.c.run_id != literal_column("''"),
)
# the conditions on '' are the partial indexes' own, written as they are there
_WITHOUT_RUN = (
    cases.c.host == bindparam("host"),
    cases.c.repository_id == bindparam("repository_id"),
    cases.c.ref == bindparam("ref"),
    cases.c.run_id == literal_column("''"),
)
_OF_COMMIT = select(cases).where(*_WITHOUT_RUN, cases.c.head_sha == bindparam("head_sha"))
_OF_REF = (
    select(cases).where(*_WITHOUT_RUN).order_by(cases.c.opened_at.desc(), cases.c.id.desc()).limit(bindparam("most"))
)
_OPEN = insert(cases)
_TAKE = (
    update(cases)
    .where(cases.c.id == bindparam("case_id"))
    .values(epoch=cases.c.epoch + 1, lease_until=bindparam("until"))
)
_TAKE_FREE = _TAKE.where(or_(cases.c.lease_until.is_(None), cases.c.lease_until <= bindparam("now")))
_SAVE = update(cases).where(cases.c.id == bindparam("case_id"), cases.c.epoch == bindparam("held_epoch"))


def by_id(connection: Connection, case_id: str) -> Case | None:
    found = connection.execute(_BY_ID, {"case_id": case_id}).mappings().first()
    return rows.case(found) if found else None


def of_run(connection: Connection, host: str, repository_id: str, run_id: str) -> Case | None:
    key = {"host": host, "repository_id": repository_id, "run_id": run_id}
    found = connection.execute(_OF_RUN, key).mappings().first()
    return rows.case(found) if found else None


def of_commit(connection: Connection, host: str, repository_id: str, ref: str, head_sha: str) -> Case | None:
    """The case that `gate` opened for this commit of this ref."""
    key = {"host": host, "repository_id": repository_id, "ref": ref, "head_sha": head_sha}
    found = connection.execute(_OF_COMMIT, key).mappings().first()
    return rows.case(found) if found else None


def of_ref(connection: Connection, host: str, repository_id: str, ref: str, limit: int) -> tuple[Case, ...]:
    """The cases that `gate` opened for this ref, newest first."""
    key = {"host": host, "repository_id": repository_id, "ref": ref, "most": limit}
    return tuple(rows.case(row) for row in connection.execute(_OF_REF, key).mappings())


def due(connection: Connection, now: datetime, limit: int, host: str | None = None) -> tuple[Case, ...]:
    """Open cases whose time has come and that nobody holds, longest due first; of one host when it is named."""
    found = connection.execute(
        select(cases)
        .where(
            cases.c.wake_at <= now,
            cases.c.state.not_in(_ENDED),
            or_(cases.c.lease_until.is_(None), cases.c.lease_until <= now),
            *(() if host is None else (cases.c.host == host,)),
        )
        .order_by(cases.c.wake_at, cases.c.id)
        .limit(limit)
    ).mappings()
    return tuple(rows.case(row) for row in found)


def opened(connection: Connection, case: Case) -> Case:
    """Insert the case, or return the one that its run has already; without a run, that commit of its ref.

    Raises `ValueError` for a case that has neither run nor ref.
    """
    if not case.run_id and not case.ref:
        raise ValueError(f"case {case.id} has neither a run nor a ref, so nothing tells it from others")
    if case.run_id:
        known = of_run(connection, case.host, case.repository_id, case.run_id)
    else:
        known = of_commit(connection, case.host, case.repository_id, case.ref, case.head_sha)
    if known is not None:
        return known
    connection.execute(_OPEN, rows.case_values(case))
    return case


def claim(connection: Connection, case_id: str, now: datetime, lease: timedelta, *, force: bool = False) -> Case | None:
    """Raise the epoch and take the lease; None when there is no such case or someone else holds it.

    `force` takes it from whoever holds it: that one's next save raises `StaleEpoch`.
    """
    key = {"case_id": case_id, "until": now + lease}
    done = connection.execute(_TAKE, key) if force else connection.execute(_TAKE_FREE, key | {"now": now})
    return by_id(connection, case_id) if done.rowcount == 1 else None


def save(connection: Connection, case: Case) -> None:
    """Store a claimed case and give its lease back.

    Raises `StaleEpoch` when it was claimed again since, `LedgerError` for a step that the table of states does not
    allow. An ended case may only go back to `deciding`, for a person's new request.
    """
    stored = by_id(connection, case.id)
    if stored is None or stored.epoch != case.epoch:
        raise StaleEpoch(
            "The case was taken over while this step ran.",
            f"case {case.id}: this step holds epoch {case.epoch}, the row {stored.epoch if stored else 'is gone'}.",
            "Nothing was stored; the step that took over goes on.",
        )
    reopened = stored.state in ENDED and case.state is CaseState.DECIDING
    if not may_follow(stored.state, case.state) and not reopened:
        raise LedgerError(
            "The case cannot go that way.",
            f"case {case.id}: `{case.state.value}` does not follow `{stored.state.value}`.",
            "This is a fault of Cicatrix: please report it with `cicatrix explain`'s output.",
        )
    held = {"case_id": case.id, "held_epoch": case.epoch}
    connection.execute(_SAVE, rows.case_values(case) | {"lease_until": None} | held)
