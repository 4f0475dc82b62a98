"""Slots: the counted rights to one rerun of one job (foundations 5). All of it runs under the write lock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from cicatrix.core.operations import JobRef, Operation, SlotUse

from .tables import slots

RUN_JOB, SHA_JOB = "run_job", "sha_job"

HARD_CAP = 5
"""No limit counts above it; the schema's CHECK stands behind (RR-4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One taken slot, as its table row."""

    host: str
    scope: str
    key: str
    n: int
    operation_id: str
    created_at: datetime
    repository_id: str
    run_id: str
    head_sha: str
    job_name: str
    job_key: str


def slot_key(scope: str, operation: Operation, name: str, key: str) -> str:
    """The unique key of a slot. Ids and SHAs hold no slash, so the job's part is what follows the second one."""
    if scope == RUN_JOB:
        return f"{operation.repository_id}/{operation.run_id}/{name}"
    return f"{operation.repository_id}/{operation.head_sha}/{key}"


# Statements are built once: building one costs five times what running it does.
_IN_RUN = select(slots.c.job_name, slots.c.n).where(
    slots.c.host == bindparam("host"),
    slots.c.scope == RUN_JOB,
    slots.c.repository_id == bindparam("repository_id"),
    slots.c.run_id == bindparam("run_id"),
    slots.c.operation_id != bindparam("excluding"),
)
_ON_SHA = (
    select(slots.c.job_name, slots.c.job_key, slots.c.n)
    .where(
        slots.c.host == bindparam("host"),
        slots.c.scope == SHA_JOB,
        slots.c.repository_id == bindparam("repository_id"),
        slots.c.head_sha == bindparam("head_sha"),
        slots.c.operation_id != bindparam("excluding"),
    )
    .order_by(slots.c.job_key, slots.c.n)
)
_OF_OPERATION = (
    select(slots)
    .where(slots.c.operation_id == bindparam("operation_id"))
    .order_by(slots.c.scope, slots.c.key, slots.c.n)
)
_INSERT = insert(slots)
_FREE = delete(slots).where(slots.c.operation_id == bindparam("operation_id"))


def used_in_run(
    connection: Connection, host: str, repository_id: str, run_id: str, *, excluding: str | None = None
) -> dict[str, list[int]]:
    """Shown job name -> numbers taken in this run, without those of the operation `excluding`."""
    used: dict[str, list[int]] = defaultdict(list)
    key = {"host": host, "repository_id": repository_id, "run_id": run_id, "excluding": excluding or ""}
    for name, n in connection.execute(_IN_RUN, key):
        used[name].append(n)
    return used


def used_on_sha(
    connection: Connection, host: str, repository_id: str, head_sha: str, *, excluding: str | None = None
) -> list[SlotUse]:
    """Every slot taken on this head SHA, in a fixed order, without those of the operation `excluding`."""
    key = {"host": host, "repository_id": repository_id, "head_sha": head_sha, "excluding": excluding or ""}
    return [SlotUse(name=name, key=key, n=n) for name, key, n in connection.execute(_ON_SHA, key)]


def take(
    connection: Connection, operation: Operation, limits: Mapping[str, tuple[int, int]], created_at: datetime
) -> bool:
    """Take the smallest free number in both scopes for every job that the operation names or takes along.

    All or nothing. `limits[name]` is (limit in the run, limit on the head SHA). A head SHA slot counts for a job when
    it is equal in shown name or in key.
    """
    in_run = used_in_run(connection, operation.host, operation.repository_id, operation.run_id)
    on_sha = used_on_sha(connection, operation.host, operation.repository_id, operation.head_sha)
    wanted: list[dict[str, Any]] = []
    for job in (*operation.named, *operation.dependants):
        run_limit, sha_limit = limits[job.name]
        run_number = _free(in_run[job.name], run_limit)
        sha_number = _free([use.n for use in on_sha if job.name == use.name or job.key == use.key], sha_limit)
        if run_number is None or sha_number is None:
            return False
        in_run[job.name].append(run_number)
        on_sha.append(SlotUse(name=job.name, key=job.key, n=sha_number))
        wanted.append(_values(operation, RUN_JOB, job, run_number, created_at))
        wanted.append(_values(operation, SHA_JOB, job, sha_number, created_at))
    if wanted:
        connection.execute(_INSERT, wanted)
    return True


def free(connection: Connection, operation_id: str) -> int:
    """Give back what the operation took; how many slots that was."""
    return connection.execute(_FREE, {"operation_id": operation_id}).rowcount


def of_operation(connection: Connection, operation_id: str) -> tuple[Slot, ...]:
    """The operation's slots, in a fixed order."""
    rows = connection.execute(_OF_OPERATION, {"operation_id": operation_id}).mappings()
    return tuple(Slot(**row) for row in rows)


def all_slots(connection: Connection) -> tuple[Slot, ...]:
    """Every slot, in a fixed order."""
    rows = connection.execute(select(slots).order_by(slots.c.host, slots.c.scope, slots.c.key, slots.c.n)).mappings()
    return tuple(Slot(**row) for row in rows)


def _free(taken: Iterable[int], limit: int) -> int | None:
    """The smallest number not taken; None when as many as the limit are taken. Two slots may bear one number (one equal
    in name, one in key), so it is their count that the limit bounds.
    """
    numbers = list(taken)
    limit = min(limit, HARD_CAP)
    if len(numbers) >= limit:
        return None
    return next(n for n in range(1, limit + 1) if n not in numbers)


def _values(operation: Operation, scope: str, job: JobRef, n: int, created_at: datetime) -> dict[str, Any]:
    return {
        "host": operation.host,
        "scope": scope,
        "key": slot_key(scope, operation, job.name, job.key),
        "n": n,
        "operation_id": operation.id,
        "created_at": created_at,
        "repository_id": operation.repository_id,
        "run_id": operation.run_id,
        "head_sha": operation.head_sha,
        "job_name": job.name,
        "job_key": job.key,
    }
