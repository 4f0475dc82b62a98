"""Lists page by page, newest first. A cursor says where the next page begins; what is added later comes before it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, ColumnElement, RowMapping, Select, String, and_, or_, select

from cicatrix.core.cases import Case
from cicatrix.core.operations import Operation

from . import entries, rows
from .base import Reads
from .entries import EntryRow
from .policy_tables import decisions
from .rows import StoredAttempt, StoredAudit
from .tables import cases, job_rerun_attempts, operations, texts, workflow_action_audit
from .tables import entries as entries_table
from .types import UtcTime, utc_moment, utc_text

T = TypeVar("T")

Ids = Collection[str] | None
"""Repositories that may be seen: None is every one, an empty collection none."""

_LARGEST = 2**63 - 1
"""What an index or a GitHub id may be at most."""


class BadCursor(ValueError):  # noqa: N818 -- named for what is the case, as GitHub's four errors are
    """The cursor is not one of this list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list. `next_cursor` is None on the last page."""

    items: tuple[T, ...]
    next_cursor: str | None


class _Order:
    """What a list is ordered by, descending: an index, or a moment and the id that tells equal moments apart."""

    def __init__(self, name: str, *columns: Column[Any]) -> None:
        self._name = name
        self._columns = columns

    def apply(self, found: Select[Any], cursor: str | None, limit: int) -> Select[Any]:
        """One row more than the page holds, which tells whether another page follows."""
        if limit < 1:
            raise ValueError(f"a page of {limit} rows: ask for at least 1")
        if cursor is not None:
            found = found.where(self._after(cursor))
        return found.order_by(*(column.desc() for column in self._columns)).limit(limit + 1)

    def cursor(self, row: RowMapping) -> str:
        """The cursor of the page that follows this row."""
        key = [row[column.name] for column in self._columns]
        told = [self._name, *(utc_text(value) if isinstance(value, datetime) else value for value in key)]
        written = json.dumps(told, separators=(",", ":")).encode("utf-8")
        return base64.urlsafe_b64encode(written).decode("ascii").rstrip("=")

    def _after(self, cursor: str) -> ColumnElement[bool]:
        name, *told = _opened(cursor)
        key = [_key(column, value) for column, value in zip(self._columns, told, strict=False)]
        if name != self._name or len(told) != len(self._columns) or None in key:
            raise BadCursor(f"the cursor {cursor[:80]!r} is not one of the list of {self._name}")
        first, *rest = zip(self._columns, key, strict=True)
        later = [and_(first[0] == first[1], column < value) for column, value in rest]
        return or_(first[0] < first[1], *later)


def _opened(cursor: str) -> list[object]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("utf-8")
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, list) or not told:
        raise BadCursor(f"the cursor {cursor[:80]!r} was not made by this ledger")
    return told


def _key(column: Column[Any], value: object) -> object | None:
    """The value as the column holds it, or None when it is of another kind."""
    if isinstance(column.type, UtcTime):
        return _moment(value) if isinstance(value, str) else None
    if isinstance(column.type, String):
        return value if isinstance(value, str) and _storable(value) else None
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST
    return value if fits else None


def _storable(text: str) -> bool:
    """Whether a database takes it: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _moment(text: str) -> datetime | None:
    try:
        moment = utc_moment(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):  # beyond year 1 or 9999 in UTC
        return None


_ENTRIES = _Order("entries", entries_table.c.idx)
_DECISIONS = _Order("decisions", decisions.c.idx)
_ATTEMPTS = _Order("attempts", job_rerun_attempts.c.id)
_AUDIT = _Order("audit", workflow_action_audit.c.id)
_OPERATIONS = _Order("operations", operations.c.created_at, operations.c.id)
_CASES = _Order("cases", cases.c.opened_at, cases.c.id)


class Listings(Reads):
    """Every list takes `host`, `repository_ids` (None is every one, an empty collection none), `cursor` and `limit`.

    All raise `BadCursor` for a cursor that is not one of theirs, `ValueError` for a limit below 1.
    """

    def list_decisions(
        self,
        *,
        host: str | None = None,
        repository_ids: Ids = None,
        pull_request: int | None = None,
        run_id: str | None = None,
        decision: str | None = None,
        request_id: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[dict[str, Any]]:
        """`*.decided` entries, their texts resolved."""
        c = decisions.c
        found: Select[Any] = select(c.idx, entries_table.c.entry).join(entries_table, entries_table.c.idx == c.idx)
        found = _only(found, (c.pull_request, pull_request), (c.run_id, run_id), (c.decision, decision), (c.host, host))
        if request_id is not None:
            digest = sha256(request_id.encode("utf-8", "replace")).hexdigest()
            found = found.where(c.request_ref.in_(select(texts.c.ref).where(texts.c.digest == digest)))

        def told(row: RowMapping) -> dict[str, Any]:
            resolved: dict[str, Any] = entries.resolve(self._connection, json.loads(row["entry"]))
            return resolved

        return self._page(_DECISIONS, _within(found, c.repository_id, repository_ids), cursor, limit, told)

    def list_operations(
        self,
        *,
        host: str | None = None,
        repository_ids: Ids = None,
        pull_request: int | None = None,
        run_id: str | None = None,
        state: str | None = None,
        request_id: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Operation]:
        """Operations by the moment of their intent."""
        c = operations.c
        found = _only(
            select(operations),
            (c.pull_request, pull_request),
            (c.run_id, run_id),
            (c.state, state),
            (c.request_id, request_id),
            (c.host, host),
        )
        return self._page(_OPERATIONS, _within(found, c.repository_id, repository_ids), cursor, limit, rows.operation)

    def list_cases(
        self,
        *,
        host: str | None = None,
        repository_ids: Ids = None,
        pull_request: int | None = None,
        run_id: str | None = None,
        state: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Case]:
        """Cases by the moment at which they were opened."""
        c = cases.c
        found = _only(
            select(cases), (c.pull_request, pull_request), (c.run_id, run_id), (c.state, state), (c.host, host)
        )
        return self._page(_CASES, _within(found, c.repository_id, repository_ids), cursor, limit, rows.case)

    def list_attempts(
        self,
        *,
        host: str | None = None,
        repository_ids: Ids = None,
        pull_request: int | None = None,
        run_id: str | None = None,
        decision: str | None = None,
        request_id: str | None = None,
        operation_id: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[StoredAttempt]:
        """Rows of `job_rerun_attempts`. A `run_id` that is no number is found nowhere."""
        c = job_rerun_attempts.c
        found = _only(
            select(job_rerun_attempts),
            (c.pr_number, pull_request),
            (c.workflow_run_id, _number(run_id)),
            (c.decision, decision),
            (c.request_id, request_id),
            (c.operation_id, operation_id),
            (c.host, host),
        )
        return self._page(_ATTEMPTS, _within(found, c.repository_id, repository_ids), cursor, limit, rows.attempt)

    def list_audit(
        self,
        *,
        host: str | None = None,
        repository_ids: Ids = None,
        pull_request: int | None = None,
        action_type: str | None = None,
        action_status: str | None = None,
        request_id: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[StoredAudit]:
        """Rows of `workflow_action_audit`."""
        c = workflow_action_audit.c
        found = _only(
            select(workflow_action_audit),
            (c.resource_number, pull_request),
            (c.action_type, action_type),
            (c.action_status, action_status),
            (c.request_id, request_id),
            (c.host, host),
        )
        return self._page(_AUDIT, _within(found, c.repository_id, repository_ids), cursor, limit, rows.audit)

    def list_entries(
        self,
        kind: str | None = None,
        *,
        host: str | None = None,
        repository_ids: Ids = None,
        run_id: str | None = None,
        decision_id: str | None = None,
        operation_id: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[EntryRow]:
        """Entries as they are hashed. Those of no repository are seen by `repository_ids` None alone."""
        c = entries_table.c
        found = _only(
            select(entries_table),
            (c.kind, kind),
            (c.run_id, run_id),
            (c.decision_id, decision_id),
            (c.operation_id, operation_id),
            (c.host, host),
        )
        return self._page(_ENTRIES, _within(found, c.repository_id, repository_ids), cursor, limit, entries.row)

    def _page(
        self, order: _Order, found: Select[Any], cursor: str | None, limit: int, made: Callable[[RowMapping], T]
    ) -> Page[T]:
        read = self._connection.execute(order.apply(found, cursor, limit)).mappings().all()
        shown = read[:limit]
        return Page(tuple(made(row) for row in shown), order.cursor(shown[-1]) if len(read) > limit else None)


def _only(found: Select[Any], *wanted: tuple[Column[Any], object]) -> Select[Any]:
    for column, value in wanted:
        if value is not None:
            found = found.where(column == value)
    return found


def _within(found: Select[Any], column: Column[Any], ids: Ids) -> Select[Any]:
    return found if ids is None else found.where(column.in_(sorted(ids)))


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < len(str(_LARGEST)) else -1
