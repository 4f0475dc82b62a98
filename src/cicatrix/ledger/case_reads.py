"""What belongs to one case, and what writes of other kinds than reruns count: by case, by repository, by target."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, literal_column, select

from cicatrix.core.cases import Case
from cicatrix.core.operations import OPEN, Kind, Operation

from . import cases, entries, rows
from .base import Reads
from .entries import EntryRow
from .tables import entries as entries_table
from .tables import operations

_O, _E = operations.c, entries_table.c
_RERUN_ONLY = (Kind.RERUN.value,)
_ORDER = (_O.created_at, _O.intended_index, _O.id)

# Statements are built once: building one costs five times what running it does.
_OPEN = (
    select(operations)
    .where(
        _O.state.in_(sorted(state.value for state in OPEN)),
        _O.kind.in_(bindparam("kinds", expanding=True)),
    )
    .order_by(*_ORDER)
    .limit(bindparam("most"))
)
_OPEN_HERE = _OPEN.where(_O.host == bindparam("host"))
_OF_CASE = select(operations).where(_O.case_id == bindparam("case_id")).order_by(*_ORDER)
_SINCE = (
    select(operations)
    .where(
        _O.host == bindparam("host"),
        _O.repository_id == bindparam("repository_id"),
        _O.created_at >= bindparam("since"),
        _O.kind.in_(bindparam("kinds", expanding=True)),
    )
    .order_by(*_ORDER)
)
_OF_TARGET = (
    select(operations)
    .where(
        _O.host == bindparam("host"),
        _O.repository_id == bindparam("repository_id"),
        _O.kind == bindparam("kind"),
        _O.target == bindparam("target"),
        _O.target != literal_column("''"),  # the partial index's own condition, written as it is there
    )
    .order_by(*_ORDER)
)
_ENTRIES = select(entries_table).where(_E.case_id == bindparam("case_id")).order_by(_E.idx)


class CaseReads(Reads):
    def open_operations(
        self, limit: int = 100, *, host: str | None = None, kinds: Collection[str] = _RERUN_ONLY
    ) -> tuple[Operation, ...]:
        """SENT and DEFERRED operations of these kinds, oldest first; of one host when it is named."""
        key: dict[str, object] = {"kinds": sorted(kinds), "most": limit}
        if host is None:
            return self._found(_OPEN, key)
        return self._found(_OPEN_HERE, key | {"host": host})

    def operations_of_case(self, case_id: str) -> tuple[Operation, ...]:
        """Of every kind, oldest first."""
        return self._found(_OF_CASE, {"case_id": case_id})

    def operations_since(
        self, host: str, repository_id: str, since: datetime, kinds: Collection[str]
    ) -> tuple[Operation, ...]:
        """Operations of these kinds intended from then on, in every state, oldest first."""
        key = {"host": host, "repository_id": repository_id, "since": since, "kinds": sorted(kinds)}
        return self._found(_SINCE, key)

    def operations_of_target(self, host: str, repository_id: str, kind: str, target: str) -> tuple[Operation, ...]:
        """What was ever intended about this target, in every state, oldest first. An empty target has none."""
        key = {"host": host, "repository_id": repository_id, "kind": kind, "target": target}
        return self._found(_OF_TARGET, key)

    def case_of_ref(self, host: str, repository_id: str, ref: str, head_sha: str) -> Case | None:
        """The case that `gate` opened for this commit of this ref."""
        return cases.of_commit(self._connection, host, repository_id, ref, head_sha)

    def cases_of_ref(self, host: str, repository_id: str, ref: str, limit: int = 50) -> tuple[Case, ...]:
        """The cases that `gate` opened for this ref, newest first. Cases of runs have no ref."""
        return cases.of_ref(self._connection, host, repository_id, ref, limit)

    def entries_of_case(self, case_id: str) -> tuple[EntryRow, ...]:
        """The entries that name this case, in their order."""
        return tuple(entries.find(self._connection, _ENTRIES.params(case_id=case_id)))

    def _found(self, query: Select[Any], key: Mapping[str, object]) -> tuple[Operation, ...]:
        return tuple(rows.operation(row) for row in self._connection.execute(query, key).mappings())
