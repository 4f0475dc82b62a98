"""What stops all writes somewhere: the kill switch in the database, and an unexplained attempt of our App."""

from __future__ import annotations

from sqlalchemy import Connection, and_, bindparam, or_, select

from .tables import identity_conflicts, kill_switches

DEPLOYMENT, ORGANISATION, REPOSITORY = "deployment", "organisation", "repository"


_SWITCH = (
    select(kill_switches.c.scope, kill_switches.c.reason)
    .where(
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
        )
    )
    .order_by(kill_switches.c.scope)  # alphabetical is widest first
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


def kill_switch(connection: Connection, host: str, repository_id: str, owner_id: str) -> str | None:
    """Why the database's kill switch stops writes to this repository: the widest scope that does, or None."""
    key = {"host": host, "repository_id": repository_id, "owner_id": owner_id}
    found = connection.execute(_SWITCH, key).first()
    return f"{found.scope}: {found.reason}" if found else None


def identity_conflict(connection: Connection, host: str, repository_id: str) -> str | None:
    """The oldest unresolved `identity.conflict` of this repository, or None."""
    found: str | None = connection.execute(_CONFLICT, {"host": host, "repository_id": repository_id}).scalar()
    return found
