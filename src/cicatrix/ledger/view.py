"""Reads: one consistent snapshot of the ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select

from cicatrix.core.cases import Case
from cicatrix.core.operations import Operation, OperationState, Usage, UsageQuery
from cicatrix.core.records import KillSwitch

from . import cases, entries, proofs, requests, rows, slots, stops, usage
from .branches import BranchReads
from .case_reads import CaseReads
from .credentials import CredentialReads
from .entries import EntryRow, Head
from .keys import KeyReads
from .lawbooks import LawbookReads
from .listing import Listings
from .measurements import MeasurementReads
from .policy_rows import PolicyReads
from .proofs import Proof
from .registries import RegistryReads
from .requests import StoredRequest
from .rows import StoredAttempt, StoredAudit, StoredOutcome
from .slots import Slot
from .tables import entries as entries_table
from .tables import flags, job_rerun_attempts, operations, pacing, rerun_outcomes, workflow_action_audit

_BY_ID = select(operations).where(operations.c.id == bindparam("id"))


class View(
    RegistryReads,
    LawbookReads,
    KeyReads,
    PolicyReads,
    CaseReads,
    BranchReads,
    MeasurementReads,
    CredentialReads,
    Listings,
):
    """What the ledger held when the transaction began. `now` is that moment."""

    # operations and budgets

    def operation(self, operation_id: str) -> Operation | None:
        found = self._connection.execute(_BY_ID, {"id": operation_id}).mappings().first()
        return rows.operation(found) if found else None

    def operations_of_run(self, host: str, repository_id: str, run_id: str) -> tuple[Operation, ...]:
        """Its reruns, oldest first."""
        return usage.operations_of_run(self._connection, host, repository_id, run_id)

    def operations_of_request(self, request_id: str) -> tuple[Operation, ...]:
        """Oldest first."""
        return self._operations(operations.c.request_id == request_id)

    def indeterminate_operations(self, limit: int = 100) -> tuple[Operation, ...]:
        """Those that a person has to resolve, of every kind, oldest first."""
        return self._operations(operations.c.state == OperationState.INDETERMINATE.value, limit=limit)

    def all_operations(self) -> tuple[Operation, ...]:
        """Oldest first; what `rebuild` makes from the entries."""
        return self._operations()

    def all_slots(self) -> tuple[Slot, ...]:
        """In the order of their keys; what `rebuild` makes from the entries."""
        return slots.all_slots(self._connection)

    def slots_of(self, operation_id: str) -> tuple[Slot, ...]:
        return slots.of_operation(self._connection, operation_id)

    def usage(self, query: UsageQuery, now: datetime, *, excluding: str | None = None) -> Usage:
        """Everything counted for a run. Binding only in a `Tx`; in a read it is a preview.

        `excluding` leaves out one operation and its slots: the one that is being planned again.
        """
        return usage.usage(self._connection, query, now, excluding=excluding)

    def first_rerun_on_head(self, host: str, repository_id: str, pull_request: int, head_sha: str) -> datetime | None:
        """When the first rerun that GitHub accepted on this pull request and head SHA was intended, or None."""
        return usage.first_rerun(self._connection, host, repository_id, pull_request, head_sha)

    def pace_free_at(self, host: str, identity: str) -> datetime | None:
        """From when on this identity may write again; None when it never wrote."""
        found: datetime | None = self._connection.execute(
            select(pacing.c.next_at).where(pacing.c.host == host, pacing.c.identity == identity)
        ).scalar()
        return found

    # cases and requests

    def case(self, case_id: str) -> Case | None:
        return cases.by_id(self._connection, case_id)

    def case_of_run(self, host: str, repository_id: str, run_id: str) -> Case | None:
        return cases.of_run(self._connection, host, repository_id, run_id)

    def due_cases(self, now: datetime, limit: int = 100, *, host: str | None = None) -> tuple[Case, ...]:
        """Open cases whose time has come and that nobody holds, longest due first; of one host when it is named."""
        return cases.due(self._connection, now, limit, host)

    def request(self, request_id: str) -> StoredRequest | None:
        return requests.stored(self._connection, request_id)

    # entries

    def entries(self, start: int = 0, limit: int | None = None) -> Iterator[EntryRow]:
        """In their order, read page by page."""
        return entries.read(self._connection, start, limit)

    def entries_of(
        self, *, operation_id: str | None = None, run: tuple[str, str, str] | None = None
    ) -> tuple[EntryRow, ...]:
        """The entries that name an operation, or a run given as (host, repository id, run id), in their order."""
        c = entries_table.c
        found = select(entries_table).order_by(c.idx)
        if operation_id is not None:
            found = found.where(c.operation_id == operation_id)
        if run is not None:
            found = found.where(c.host == run[0], c.repository_id == run[1], c.run_id == run[2])
        return tuple(entries.find(self._connection, found))

    def size(self) -> int:
        """How many entries there are."""
        return entries.last(self._connection)[0] + 1

    def head(self) -> Head:
        return entries.head(self._connection)

    def proof(self, index: int, size: int | None = None) -> Proof:
        """That entry `index` stands in the tree of the first `size` entries, by default all.

        Raises `IndexError` when there is no such entry or no such tree.
        """
        return proofs.prove(self._connection, index, size)

    def decision(self, decision_id: str) -> dict[str, Any] | None:
        """The newest `*.decided` entry of that decision, its texts resolved."""
        found = self._decided(entries_table.c.decision_id == decision_id)
        return found[-1] if found else None

    def decisions_of_run(self, host: str, repository_id: str, run_id: str) -> tuple[dict[str, Any], ...]:
        """The `*.decided` entries of a run, oldest first, their texts resolved."""
        c = entries_table.c
        return tuple(self._decided(c.host == host, c.repository_id == repository_id, c.run_id == run_id))

    def text_of(self, ref: str) -> str | None:
        """The text behind a commitment; None when it was erased or never stored."""
        return entries.text_of(self._connection, ref)

    def resolved(self, value: Any) -> Any:
        """JSON with every commitment in it replaced by its text; what was erased stays a hash."""
        return entries.resolve(self._connection, value)

    # tables for people

    def attempts(
        self,
        *,
        run: tuple[str, str, str] | None = None,
        request_id: str | None = None,
        operation_id: str | None = None,
        limit: int = 1000,
    ) -> tuple[StoredAttempt, ...]:
        """Rows of `job_rerun_attempts`, oldest first; `run` is (host, repository id, run id)."""
        c = job_rerun_attempts.c
        found = select(job_rerun_attempts).order_by(c.id).limit(limit)
        if run is not None:
            found = found.where(c.host == run[0], c.repository_id == run[1], c.workflow_run_id == int(run[2]))
        if request_id is not None:
            found = found.where(c.request_id == request_id)
        if operation_id is not None:
            found = found.where(c.operation_id == operation_id)
        return tuple(rows.attempt(row) for row in self._connection.execute(found).mappings())

    def audit(
        self, *, request_id: str | None = None, repository: tuple[str, str] | None = None, limit: int = 1000
    ) -> tuple[StoredAudit, ...]:
        """Rows of `workflow_action_audit`, oldest first; `repository` is (host, repository id)."""
        c = workflow_action_audit.c
        found = select(workflow_action_audit).order_by(c.id).limit(limit)
        if request_id is not None:
            found = found.where(c.request_id == request_id)
        if repository is not None:
            found = found.where(c.host == repository[0], c.repository_id == repository[1])
        return tuple(rows.audit(row) for row in self._connection.execute(found).mappings())

    def outcomes(
        self,
        *,
        operation_id: str | None = None,
        run: tuple[str, str, str] | None = None,
        head: tuple[str, str, str] | None = None,
        limit: int = 1000,
    ) -> tuple[StoredOutcome, ...]:
        """Rows of `rerun_outcomes`, oldest first; `head` is (host, repository id, head SHA)."""
        c = rerun_outcomes.c
        found = select(rerun_outcomes).order_by(c.id).limit(limit)
        if operation_id is not None:
            found = found.where(c.operation_id == operation_id)
        if run is not None:
            found = found.where(c.host == run[0], c.repository_id == run[1], c.run_id == run[2])
        if head is not None:
            found = found.where(c.host == head[0], c.repository_id == head[1], c.head_sha == head[2])
        return tuple(rows.outcome(row) for row in self._connection.execute(found).mappings())

    # stops

    def flag(self, name: str) -> str | None:
        found: str | None = self._connection.execute(select(flags.c.value).where(flags.c.name == name)).scalar()
        return found

    def kill_switch(
        self, host: str, repository_id: str, owner_id: str, action: str = "rerun_failed_jobs"
    ) -> str | None:
        """Why the database's kill switch stops this action on this repository: its widest scope that does, or None."""
        return stops.kill_switch(self._connection, host, repository_id, owner_id, action)

    def kill_switches(self) -> tuple[KillSwitch, ...]:
        """Every switch that is set in the database, widest scope first."""
        return stops.kill_switches_set(self._connection)

    def identity_conflict(self, host: str, repository_id: str) -> str | None:
        """Id of the oldest unresolved identity conflict of this repository, or None."""
        return stops.identity_conflict(self._connection, host, repository_id)

    def _operations(self, *where: ColumnElement[bool], limit: int | None = None) -> tuple[Operation, ...]:
        c = operations.c
        found = select(operations).where(*where).order_by(c.created_at, c.intended_index, c.id).limit(limit)
        return tuple(rows.operation(row) for row in self._connection.execute(found).mappings())

    def _decided(self, *where: ColumnElement[bool]) -> list[dict[str, Any]]:
        c = entries_table.c
        found = select(entries_table).where(*where, c.kind.like("%.decided")).order_by(c.idx)
        return [entries.resolve(self._connection, entry.data) for entry in entries.find(self._connection, found)]


def states(expected: Collection[OperationState]) -> list[str]:
    """States as column values, in a fixed order."""
    return sorted(state.value for state in expected)
