"""How much of each budget is used (foundations 5). Right only under the write lock; elsewhere a preview."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select

from cicatrix.core.operations import OperationState, Usage, UsageQuery

from . import rows, slots
from .stops import identity_conflict, kill_switch
from .tables import operations, rerun_outcomes

DAY = timedelta(hours=24)
"""The wider budgets count over the last rolling 24 hours."""


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
        kill_switch=kill_switch(connection, query.host, query.repository_id, query.owner_id),
    )


def operations_of_run(connection: Connection, host: str, repository_id: str, run_id: str) -> tuple[Any, ...]:
    """All operations of a run, oldest first."""
    found = connection.execute(
        select(operations)
        .where(operations.c.host == host, operations.c.repository_id == repository_id, operations.c.run_id == run_id)
        .order_by(operations.c.created_at, operations.c.intended_index, operations.c.id)
    ).mappings()
    return tuple(rows.operation(row) for row in found)


def _counted(connection: Connection, query: UsageQuery, now: datetime) -> list[Row[Any]]:
    """The operations that any sum of this query may count: today's of the repository and its owner, and all of the
    pull request on this head SHA.
    """
    c = operations.c
    of_day = and_(c.created_at > now - DAY, or_(c.repository_id == query.repository_id, c.owner_id == query.owner_id))
    of_sha = and_(c.repository_id == query.repository_id, c.head_sha == query.head_sha)
    return list(
        connection.execute(
            select(
                c.id,
                c.repository_id,
                c.owner_id,
                c.pull_request,
                c.head_sha,
                c.created_at,
                c.named,
                c.dependants,
                c.minutes,
            ).where(c.host == query.host, c.state != OperationState.REFUSED.value, or_(of_day, of_sha))
        )
    )


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
    c = rerun_outcomes.c
    ran = connection.execute(
        select(c.operation_id, func.count(), func.sum(c.minutes))
        .where(c.operation_id.in_(sorted(minutes)))
        .group_by(c.operation_id)
    )
    jobs = {row.id: len(row.named) + len(row.dependants) for row in counted}
    for operation_id, judged, total in ran:
        if judged >= jobs[operation_id]:
            minutes[operation_id] = int(total)
    return minutes


def _last_rerun(connection: Connection, query: UsageQuery) -> dict[str, datetime]:
    c = operations.c
    found = connection.execute(
        select(c.named, c.dependants, c.settled_at)
        .where(
            c.host == query.host,
            c.repository_id == query.repository_id,
            c.head_sha == query.head_sha,
            c.state == OperationState.CONFIRMED.value,
        )
        .order_by(c.settled_at)
    )
    return {job["key"]: settled_at for named, dependants, settled_at in found for job in (*named, *dependants)}


def _same_signal(connection: Connection, query: UsageQuery) -> dict[str, int]:
    c = rerun_outcomes.c
    found = connection.execute(
        select(c.job_key, c.outcome)
        .where(c.host == query.host, c.repository_id == query.repository_id, c.head_sha == query.head_sha)
        .order_by(c.id)
    )
    streaks: dict[str, int] = {}
    for key, outcome in found:
        streaks[key] = streaks.get(key, 0) + 1 if outcome == "failed_same" else 0
    return {key: streak for key, streak in streaks.items() if streak}
