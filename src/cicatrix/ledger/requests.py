"""Idempotency of our own callers: one request id, one request, one answer (RR-13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, insert, select, update

from .errors import LedgerError
from .tables import requests

NEW, IN_PROGRESS, FINISHED, CONFLICT = "new", "in_progress", "finished", "conflict"

# Statements are built once: building one costs five times what running it does.
_STORED = select(requests).where(requests.c.request_id == bindparam("request_id"))
_BEGIN = insert(requests)
_FINISH = (
    update(requests)
    .where(requests.c.request_id == bindparam("key"), requests.c.response.is_(None))
    .values(response=bindparam("answer"), finished_at=bindparam("now"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRequest:
    """What is known of a request id.

    `state` is `new` (it is the caller's to work on now), `in_progress` (someone works on it until `lease_until`),
    `finished` (`response` is the stored answer, as JSON text) or `conflict` (the id belongs to another request).
    `resumed`: it was begun before and its lease has lapsed, so operations of it may exist.
    """

    request_id: str
    request_hash: str
    state: str
    created_at: datetime
    lease_until: datetime
    response: str | None = None
    resumed: bool = False


def stored(connection: Connection, request_id: str) -> StoredRequest | None:
    """The request as it stands: `in_progress` or `finished`."""
    row = connection.execute(_STORED, {"request_id": request_id}).first()
    if row is None:
        return None
    return StoredRequest(
        request_id=row.request_id,
        request_hash=row.request_hash,
        state=IN_PROGRESS if row.response is None else FINISHED,
        created_at=row.created_at,
        lease_until=row.lease_until,
        response=row.response,
    )


def begin(connection: Connection, request_id: str, request_hash: str, now: datetime, lease: timedelta) -> StoredRequest:
    """Claim a request id, or learn why not."""
    known = stored(connection, request_id)
    until = now + lease
    if known is None:
        connection.execute(
            _BEGIN,
            {"request_id": request_id, "request_hash": request_hash, "created_at": now, "lease_until": until},
        )
        return StoredRequest(
            request_id=request_id, request_hash=request_hash, state=NEW, created_at=now, lease_until=until
        )
    if known.request_hash != request_hash:
        return _as(known, CONFLICT)
    if known.state == FINISHED or known.lease_until > now:
        return known
    connection.execute(update(requests).where(requests.c.request_id == request_id).values(lease_until=until))
    return StoredRequest(
        request_id=request_id,
        request_hash=request_hash,
        state=NEW,
        created_at=known.created_at,
        lease_until=until,
        resumed=True,
    )


def finish(connection: Connection, request_id: str, response: str, now: datetime) -> None:
    """Store the answer. The first one stays: a second worker on the same request changes nothing."""
    known = stored(connection, request_id)
    if known is None:
        raise LedgerError(
            "The request was never begun.",
            f"request {request_id} is not in the table of requests.",
            "This is a fault of Cicatrix: please report it.",
        )
    connection.execute(_FINISH, {"key": request_id, "answer": response, "now": now})


def release(connection: Connection, request_id: str, now: datetime) -> None:
    """End the lease of an unfinished request."""
    connection.execute(
        update(requests)
        .where(requests.c.request_id == request_id, requests.c.response.is_(None))
        .values(lease_until=now)
    )


def _as(known: StoredRequest, state: str) -> StoredRequest:
    return StoredRequest(
        request_id=known.request_id,
        request_hash=known.request_hash,
        state=state,
        created_at=known.created_at,
        lease_until=known.lease_until,
    )
