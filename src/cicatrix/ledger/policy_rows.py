"""What stop rules and automation policy said, and what each decision saw, so that it can be replayed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import bindparam, delete, func, insert, select

from cicatrix.core.records import AutomationRow, StopRow

from .base import Appends, Reads
from .policy_tables import automation_policy_executions, decision_inputs, decisions, stop_decision_audit

_S, _P, _I, _D = stop_decision_audit.c, automation_policy_executions.c, decision_inputs.c, decisions.c
_STOP = tuple(f.name for f in fields(StopRow))
_AUTOMATION = tuple(f.name for f in fields(AutomationRow))
_PAGE = 200

# Statements are built once: building one costs five times what running it does.
_RUNS = (
    select(_P.created_at)
    .where(
        _P.host == bindparam("host"),
        _P.repository_id == bindparam("repository_id"),
        _P.action_type == bindparam("action_type"),
        _P.created_at >= bindparam("since"),
        _P.allowed,
        _P.operation_id.is_not(None),
    )
    .order_by(_P.created_at, _P.id)
)
_INPUTS = select(_I.inputs).where(_I.decision_id == bindparam("decision_id"))
_INSERT_STOP, _INSERT_AUTOMATION = insert(stop_decision_audit), insert(automation_policy_executions)
_INSERT_INPUTS = insert(decision_inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStop:
    """A row of `stop_decision_audit` with what the database added."""

    id: int
    created_at: datetime
    row: StopRow


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAutomation:
    """A row of `automation_policy_executions` with what the database added."""

    id: int
    created_at: datetime
    row: AutomationRow


class PolicyReads(Reads):
    def automation_runs(self, host: str, repository_id: str, action_type: str, since: datetime) -> tuple[datetime, ...]:
        """When this action was allowed and really intended since then, oldest first (LB-4)."""
        key = {"host": host, "repository_id": repository_id, "action_type": action_type, "since": since}
        return tuple(self._connection.execute(_RUNS, key).scalars())

    def stop_decisions(
        self,
        *,
        repository: tuple[str, str] | None = None,
        request_id: str | None = None,
        decision_id: str | None = None,
        limit: int = 1000,
    ) -> tuple[StoredStop, ...]:
        """Rows of `stop_decision_audit`, oldest first; `repository` is (host, repository id)."""
        found = select(stop_decision_audit).order_by(_S.id).limit(limit)
        if repository is not None:
            found = found.where(_S.host == repository[0], _S.repository_id == repository[1])
        if request_id is not None:
            found = found.where(_S.request_id == request_id)
        if decision_id is not None:
            found = found.where(_S.decision_id == decision_id)
        stored = []
        for row in self._connection.execute(found).mappings():
            values = {name: row[name] for name in _STOP}
            values["workflow_run_id"] = None if row["workflow_run_id"] is None else str(row["workflow_run_id"])
            values["reasons"], values["applied_rules"] = tuple(row["reasons"]), tuple(row["applied_rules"])
            stored.append(StoredStop(id=row["id"], created_at=row["created_at"], row=StopRow(**values)))
        return tuple(stored)

    def automation_executions(
        self, *, repository: tuple[str, str] | None = None, request_id: str | None = None, limit: int = 1000
    ) -> tuple[StoredAutomation, ...]:
        """Rows of `automation_policy_executions`, oldest first; `repository` is (host, repository id)."""
        found = select(automation_policy_executions).order_by(_P.id).limit(limit)
        if repository is not None:
            found = found.where(_P.host == repository[0], _P.repository_id == repository[1])
        if request_id is not None:
            found = found.where(_P.request_id == request_id)
        return tuple(
            StoredAutomation(
                id=row["id"],
                created_at=row["created_at"],
                row=AutomationRow(**{name: row[name] for name in _AUTOMATION}),
            )
            for row in self._connection.execute(found).mappings()
        )

    def inputs(self, decision_id: str) -> str | None:
        """What a decision saw, as it was recorded; None when it was not kept or was thrown away."""
        found: str | None = self._connection.execute(_INPUTS, {"decision_id": decision_id}).scalar()
        return found

    def stored_inputs(
        self,
        host: str | None = None,
        repository_id: str | None = None,
        since: datetime | None = None,
        limit: int = 100_000,
    ) -> Iterator[tuple[str, str]]:
        """(decision id, inputs) of the newest `limit` decisions that kept theirs, oldest of them first."""
        newest = (
            select(_I.decision_id, func.max(_D.idx).label("idx"))
            .join(decisions, _D.decision_id == _I.decision_id)
            .group_by(_I.decision_id)
            .order_by(func.max(_D.idx).desc())
            .limit(limit)
        )
        if host is not None:
            newest = newest.where(_D.host == host)
        if repository_id is not None:
            newest = newest.where(_D.repository_id == repository_id)
        if since is not None:
            newest = newest.where(_I.created_at >= since)
        ids = [row.decision_id for row in self._connection.execute(newest)][::-1]
        for at in range(0, len(ids), _PAGE):
            page = ids[at : at + _PAGE]
            texts = self._connection.execute(select(_I.decision_id, _I.inputs).where(_I.decision_id.in_(page)))
            kept = {row.decision_id: row.inputs for row in texts}
            yield from ((decision_id, kept[decision_id]) for decision_id in page if decision_id in kept)


class PolicyWrites(Appends, PolicyReads):
    def record_stop(self, row: StopRow) -> None:
        """Insert a row of `stop_decision_audit`. Texts in reasons and evidence are redacted here."""
        values = {name: getattr(row, name) for name in _STOP} | {
            "workflow_run_id": None if row.workflow_run_id is None else int(row.workflow_run_id),
            "reasons": self._clean(row.reasons),
            "applied_rules": self._clean(row.applied_rules),
            "evidence": self._clean(row.evidence),
            "created_at": self.now,
        }
        self._connection.execute(_INSERT_STOP, values)

    def record_automation(self, row: AutomationRow) -> None:
        """Insert a row of `automation_policy_executions`. Its reason is redacted here."""
        values = {name: getattr(row, name) for name in _AUTOMATION}
        values |= {"reason": self._redact(row.reason), "created_at": self.now}
        self._connection.execute(_INSERT_AUTOMATION, values)

    def record_inputs(self, decision_id: str, text: str) -> None:
        """Keep what a decision saw, for replay. Disposable: not part of the log, and it may be thrown away."""
        self._connection.execute(_INSERT_INPUTS, {"decision_id": decision_id, "inputs": text, "created_at": self.now})

    def forget_inputs(self, before: datetime) -> int:
        """Throw away the inputs of decisions made before then; how many there were."""
        return self._connection.execute(delete(decision_inputs).where(_I.created_at < before)).rowcount
