"""How much of each budget is used (foundations 5). Right only under the write lock; elsewhere a preview."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, or_, select

from cicatrix.core.operations import Kind, Operation, OperationState, Usage, UsageQuery

from . import rows, slots
from .stops import identity_conflict, kill_switch
from .tables import operations, rerun_outcomes

DAY = timedelta(hours=24)
"""The wider budgets count over the last rolling 24 hours."""


_OPERATIONS, _OUTCOMES = operations.c, rerun_outcomes.c
_RERUN = _OPERATIONS.kind == Kind.RERUN.value  # the other kinds of writes have limits of their own

_OF_RUN = (
    select(operations)
    .where(
        _OPERATIONS.host == bindparam("host"),
        _OPERATIONS.repository_id == bindparam("repository_id"),
        _OPERATIONS.run_id == bindparam("run_id"),
        _RERUN,
    )
    .order_by(_OPERATIONS.created_at, _OPERATIONS.intended_index, _OPERATIONS.id)
)
# what any sum of a query may count: today's of the repository and of its owner, and all on its head SHA
_COUNTED = select(
    _OPERATIONS.id,
    _OPERATIONS.repository_id,
    _OPERATIONS.owner_id,
    _OPERATIONS.pull_request,
    _OPERATIONS.head_sha,
    _OPERATIONS.created_at,
    _OPERATIONS.named,
    _OPERATIONS.dependants,
    _OPERATIONS.minutes,
).where(
    _OPERATIONS.host == bindparam("host"),
    _RERUN,
    _OPERATIONS.state != OperationState.REFUSED.value,
    or_(
        and_(
            _OPERATIONS.created_at > bindparam("since"),
            or_(_OPERATIONS.repository_id == bindparam("repository_id"), _OPERATIONS.owner_id == bindparam("owner_id")),
        ),
        and_(_OPERATIONS.repository_id == bindparam("repository_id"), _OPERATIONS.head_sha == bindparam("head_sha")),
    ),
)
_MINUTES = (
    select(_OUTCOMES.operation_id, func.count(), func.sum(_OUTCOMES.minutes))
    .where(_OUTCOMES.operation_id.in_(bindparam("ids", expanding=True)))
    .group_by(_OUTCOMES.operation_id)
)
_CONFIRMED = (
    select(_OPERATIONS.named, _OPERATIONS.dependants, _OPERATIONS.settled_at)
    .where(
        _OPERATIONS.host == bindparam("host"),
        _OPERATIONS.repository_id == bindparam("repository_id"),
        _OPERATIONS.head_sha == bindparam("head_sha"),
        _RERUN,
        _OPERATIONS.state == OperationState.CONFIRMED.value,
    )
    .order_by(_OPERATIONS.settled_at)
)
_FIRST = select(func.min(_OPERATIONS.created_at)).where(
    _OPERATIONS.host == bindparam("host"),
    _OPERATIONS.repository_id == bindparam("repository_id"),
    _OPERATIONS.head_sha == bindparam("head_sha"),
    _OPERATIONS.pull_request == bindparam("pull_request"),
    _RERUN,
    _OPERATIONS.state == OperationState.CONFIRMED.value,
)
_JUDGED = (
    select(_OUTCOMES.job_key, _OUTCOMES.outcome)
    .where(
        _OUTCOMES.host == bindparam("host"),
        _OUTCOMES.repository_id == bindparam("repository_id"),
        _OUTCOMES.head_sha == bindparam("head_sha"),
    )
    .order_by(_OUTCOMES.id)
)


def usage(connection: Connection, query: UsageQuery, now: datetime, *, excluding: str | None = None) -> Usage:
    """Everything counted for one run. A clock that stepped back counts more, never less.

    `excluding` leaves out one operation and its slots: the one that is being planned again.
    """
    counted = [row for row in _counted(connection, query, now) if row.id != excluding]
    day = [row for row in counted if row.created_at > now - DAY]
    here = [row for row in day if row.repository_id == query.repository_id]
    on_pull_request = [row for row in counted if _of_pull_request(row, query)]
    minutes = _minutes(connection, here)
    return Usage(
        run_job={
            name: len(numbers)
            for name, numbers in slots.used_in_run(
                connection, query.host, query.repository_id, query.run_id, excluding=excluding
            ).items()
        },
        sha_job=tuple(
            slots.used_on_sha(connection, query.host, query.repository_id, query.head_sha, excluding=excluding)
        ),
        pull_request=sum(len(row.named) for row in on_pull_request if row.head_sha == query.head_sha),
        pull_request_day=sum(len(row.named) for row in here if _of_pull_request(row, query)),
        repository_day=sum(len(row.named) for row in here),
        organisation_day=sum(len(row.named) for row in day if row.owner_id == query.owner_id),
        label_day=dict(
            Counter(
                label
                for row in day
                if row.owner_id == query.owner_id
                for job in row.named
                for label in sorted(set(job["labels"]))
            )
        ),
        minutes_pull_request_day=sum(minutes[row.id] for row in here if _of_pull_request(row, query)),
        minutes_repository_day=sum(minutes.values()),
        operations=tuple(
            op
            for op in operations_of_run(connection, query.host, query.repository_id, query.run_id)
            if op.id != excluding
        ),
        last_rerun=_last_rerun(connection, query),
        same_signal=_same_signal(connection, query),
        identity_conflict=identity_conflict(connection, query.host, query.repository_id),
        kill_switch=kill_switch(connection, query.host, query.repository_id, query.owner_id, query.action),
        first_rerun=first_rerun(connection, query.host, query.repository_id, query.pull_request, query.head_sha),
    )


def operations_of_run(connection: Connection, host: str, repository_id: str, run_id: str) -> tuple[Operation, ...]:
    """All reruns of a run, oldest first."""
    key = {"host": host, "repository_id": repository_id, "run_id": run_id}
    return tuple(rows.operation(row) for row in connection.execute(_OF_RUN, key).mappings())


def first_rerun(
    connection: Connection, host: str, repository_id: str, pull_request: int, head_sha: str
) -> datetime | None:
    """When the first rerun that GitHub accepted on this pull request and head SHA was intended, or None."""
    key = {"host": host, "repository_id": repository_id, "pull_request": pull_request, "head_sha": head_sha}
    found: datetime | None = connection.execute(_FIRST, key).scalar()
    return found


def _counted(connection: Connection, query: UsageQuery, now: datetime) -> Iterable[Row[Any]]:
    return connection.execute(_COUNTED, asdict(query) | {"since": now - DAY})


def _of_pull_request(row: Row[Any], query: UsageQuery) -> bool:
    """Budgets of a pull request do not apply to runs without one (foundations 2)."""
    return (
        query.pull_request != 0 and row.pull_request == query.pull_request and row.repository_id == query.repository_id
    )


def _minutes(connection: Connection, counted: list[Row[Any]]) -> dict[str, int]:
    """Minutes of each operation: as reserved, or as run once every one of its jobs has an outcome."""
    minutes = {row.id: row.minutes for row in counted}
    if not minutes:
        return minutes
    jobs = {row.id: len(row.named) + len(row.dependants) for row in counted}
    for operation_id, judged, total in connection.execute(_MINUTES, {"ids": sorted(minutes)}):
        if judged >= jobs[operation_id]:
            minutes[operation_id] = int(total)
    return minutes


def _last_rerun(connection: Connection, query: UsageQuery) -> dict[str, datetime]:
    found = connection.execute(_CONFIRMED, _sha(query))
    return {job["key"]: settled_at for named, dependants, settled_at in found for job in (*named, *dependants)}


def _same_signal(connection: Connection, query: UsageQuery) -> dict[str, int]:
    streaks: dict[str, int] = {}
    for key, outcome in connection.execute(_JUDGED, _sha(query)):
        streaks[key] = streaks.get(key, 0) + 1 if outcome == "failed_same" else 0
    return {key: streak for key, streak in streaks.items() if streak}


def _sha(query: UsageQuery) -> dict[str, str]:
    return {"host": query.host, "repository_id": query.repository_id, "head_sha": query.head_sha}
