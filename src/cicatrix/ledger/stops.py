"""What stops all writes somewhere: the kill switch in the database, and an unexplained attempt of our App."""

from __future__ import annotations

from sqlalchemy import Connection, and_, or_, select

from .tables import identity_conflicts, kill_switches

DEPLOYMENT, ORGANISATION, REPOSITORY = "deployment", "organisation", "repository"


def kill_switch(connection: Connection, host: str, repository_id: str, owner_id: str) -> str | None:
    """Why the database's kill switch stops writes to this repository: the widest scope that does, or None."""
    c = kill_switches.c
    found = connection.execute(
        select(c.scope, c.reason)
        .where(
            or_(
                c.scope == DEPLOYMENT,
                and_(c.scope == ORGANISATION, c.host == host, c.target == owner_id),
                and_(c.scope == REPOSITORY, c.host == host, c.target == repository_id),
            )
        )
        .order_by(c.scope)  # alphabetical is widest first
    ).first()
    return f"{found.scope}: {found.reason}" if found else None


def identity_conflict(connection: Connection, host: str, repository_id: str) -> str | None:
    """The oldest unresolved `identity.conflict` of this repository, or None."""
    c = identity_conflicts.c
    found: str | None = connection.execute(
        select(c.id)
        .where(c.host == host, c.repository_id == repository_id, c.resolved_at.is_(None))
        .order_by(c.opened_index)
    ).scalar()
    return found
