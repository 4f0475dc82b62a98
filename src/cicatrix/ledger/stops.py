"""What stops all writes somewhere: the kill switch in the database, and an unexplained attempt of our App."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, delete, insert, or_, select, update

from cicatrix.core.actions import ActionType
from cicatrix.core.records import KillSwitch

from .tables import identity_conflicts, kill_switches

DEPLOYMENT, ORGANISATION, REPOSITORY, ACTION = _WIDEST_FIRST = ("deployment", "organisation", "repository", "action")

Append = Callable[[str, Mapping[str, object]], int]
"""`Tx.append`: kind and data of an entry; its index."""
Text = Callable[[str], str]
"""`Tx.text`: a text; its commitment."""

_SWITCH = select(kill_switches.c.scope, kill_switches.c.reason).where(
    or_(
        kill_switches.c.scope == DEPLOYMENT,
        and_(
            kill_switches.c.scope == ORGANISATION,
            kill_switches.c.host == bindparam("host"),
            kill_switches.c.target == bindparam("owner_id"),
        ),
        and_(
            kill_switches.c.scope == REPOSITORY,
            kill_switches.c.host == bindparam("host"),
            kill_switches.c.target == bindparam("repository_id"),
        ),
        and_(kill_switches.c.scope == ACTION, kill_switches.c.target == bindparam("action")),
    )
)
_CONFLICT = (
    select(identity_conflicts.c.id)
    .where(
        identity_conflicts.c.host == bindparam("host"),
        identity_conflicts.c.repository_id == bindparam("repository_id"),
        identity_conflicts.c.resolved_at.is_(None),
    )
    .order_by(identity_conflicts.c.opened_index)
)


def kill_switch(connection: Connection, host: str, repository_id: str, owner_id: str, action: str) -> str | None:
    """Why the database's kill switch stops this action on this repository: the widest scope that does, or None."""
    key = {"host": host, "repository_id": repository_id, "owner_id": owner_id, "action": action}
    found = connection.execute(_SWITCH, key).all()
    widest = min(found, key=lambda row: _WIDEST_FIRST.index(row.scope), default=None)
    return f"{widest.scope}: {widest.reason}" if widest else None


def kill_switches_set(connection: Connection) -> tuple[KillSwitch, ...]:
    """Every switch that is set, widest scope first."""
    found = connection.execute(select(kill_switches).order_by(kill_switches.c.host, kill_switches.c.target)).mappings()
    told = [KillSwitch(**row) for row in found]
    return tuple(sorted(told, key=lambda switch: _WIDEST_FIRST.index(switch.scope)))


def identity_conflict(connection: Connection, host: str, repository_id: str) -> str | None:
    """The oldest unresolved `identity.conflict` of this repository, or None."""
    found: str | None = connection.execute(_CONFLICT, {"host": host, "repository_id": repository_id}).scalar()
    return found


# the kill switch


def scope_key(scope: str, host: str, target: str) -> dict[str, str]:
    """The row that a scope names. Raises `ValueError` for a scope that is unknown or incomplete."""
    if scope == DEPLOYMENT:
        complete = host == "" and target == ""
    elif scope == ACTION:
        complete = host == "" and target in frozenset(ActionType)
    else:
        complete = scope in (ORGANISATION, REPOSITORY) and host != "" and target != ""
    if not complete:
        raise ValueError(
            f"kill switch scope {scope!r} with host {host!r} and target {target!r}: write `deployment` with neither, "
            "`organisation` or `repository` with both, or `action` with an action type such as `rerun_failed_jobs`"
        )
    return {"scope": scope, "host": host, "target": target}


def set_switch(
    connection: Connection,
    key: Mapping[str, str],
    reason: str,
    principal: str,
    now: datetime,
    *,
    append: Append,
    text: Text,
) -> int:
    """Append `kill_switch.set` and replace the row of `scope_key`; the entry's index. `reason` is redacted already."""
    index = append("kill_switch.set", _told(key, reason, principal, text))
    _remove_switch(connection, key)
    connection.execute(
        insert(kill_switches).values(**key, reason=reason, set_by=principal, set_at=now, ledger_index=index)
    )
    return index


def lift_switch(
    connection: Connection,
    key: Mapping[str, str],
    reason: str,
    principal: str,
    *,
    append: Append,
    text: Text,
    redact: Callable[[str], str],
) -> int | None:
    """Remove the row of `scope_key` and append `kill_switch.lifted`; None when there was no such row."""
    if not _remove_switch(connection, key):
        return None
    return append("kill_switch.lifted", _told(key, redact(reason), principal, text))


def _told(key: Mapping[str, str], reason: str, principal: str, text: Text) -> dict[str, object]:
    return {**key, "reason": text(reason), "principal": text(principal)}


def _remove_switch(connection: Connection, key: Mapping[str, str]) -> bool:
    c = kill_switches.c
    done = connection.execute(
        delete(kill_switches).where(c.scope == key["scope"], c.host == key["host"], c.target == key["target"])
    )
    return done.rowcount == 1


# identity conflicts


def open_conflict(
    connection: Connection,
    attempt: tuple[str, str, str, int],
    now: datetime,
    *,
    append: Append,
    new_id: Callable[[], str],
) -> str | None:
    """Append `identity.conflict` and insert its row; the conflict's id, or None when the attempt has a row already.

    `attempt` is host, repository id, run id and the attempt's number.
    """
    host, repository_id, run_id, run_attempt = attempt
    c = identity_conflicts.c
    known = connection.execute(
        select(c.id).where(
            c.host == host, c.repository_id == repository_id, c.run_id == run_id, c.run_attempt == run_attempt
        )
    ).first()
    if known is not None:
        return None
    conflict_id = new_id()
    where: dict[str, object] = {"host": host, "repositoryId": repository_id, "runId": run_id}
    index = append("identity.conflict", {"conflictId": conflict_id, "runAttempt": run_attempt, **where})
    connection.execute(
        insert(identity_conflicts).values(
            id=conflict_id,
            host=host,
            repository_id=repository_id,
            run_id=run_id,
            run_attempt=run_attempt,
            opened_at=now,
            opened_index=index,
        )
    )
    return conflict_id


def resolve_conflict(
    connection: Connection,
    conflict_id: str,
    reason: str,
    principal: str,
    now: datetime,
    *,
    append: Append,
    text: Text,
) -> int | None:
    """Append `identity.resolved` and end the conflict; the entry's index, or None when it is not open."""
    c = identity_conflicts.c
    found = connection.execute(select(identity_conflicts).where(c.id == conflict_id, c.resolved_at.is_(None))).first()
    if found is None:
        return None
    index = append(
        "identity.resolved",
        {
            "conflictId": conflict_id,
            "host": found.host,
            "repositoryId": found.repository_id,
            "runId": found.run_id,
            "reason": text(reason),
            "principal": text(principal),
        },
    )
    connection.execute(
        update(identity_conflicts).where(c.id == conflict_id).values(resolved_at=now, resolved_index=index)
    )
    return index
