"""Values of the core as table rows, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from cicatrix.core.cases import Case, CaseState
from cicatrix.core.operations import AttemptRow, AuditRow, JobRef, Operation, OperationState, OutcomeRow, Verb

Values = dict[str, Any]

_OPERATION = tuple(f.name for f in fields(Operation))
_CASE = tuple(f.name for f in fields(Case))
_ATTEMPT = tuple(f.name for f in fields(AttemptRow))
_AUDIT = tuple(f.name for f in fields(AuditRow))
_OUTCOME = tuple(f.name for f in fields(OutcomeRow))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAttempt:
    """A row of `job_rerun_attempts` with what the database added."""

    id: int
    created_at: datetime
    row: AttemptRow


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAudit:
    """A row of `workflow_action_audit` with what the database added."""

    id: int
    created_at: datetime
    row: AuditRow


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOutcome:
    """A row of `rerun_outcomes` with what the database added."""

    id: int
    created_at: datetime
    row: OutcomeRow


def job_values(job: JobRef) -> Values:
    """A job as JSON; the same form stands in tables and entries."""
    return {
        "name": job.name,
        "key": job.key,
        "jobId": job.job_id,
        "minutes": job.minutes,
        "labels": list(job.labels),
        "signature": job.signature,
    }


def job_ref(values: Mapping[str, Any]) -> JobRef:
    return JobRef(
        name=values["name"],
        key=values["key"],
        job_id=values["jobId"],
        minutes=values["minutes"],
        labels=tuple(values["labels"]),
        signature=values.get("signature"),
    )


def operation_values(operation: Operation) -> Values:
    values = {name: getattr(operation, name) for name in _OPERATION}
    values["named"] = [job_values(job) for job in operation.named]
    values["dependants"] = [job_values(job) for job in operation.dependants]
    values["verb"] = operation.verb.value
    values["state"] = operation.state.value
    values["params"] = dict(operation.params)
    return values


def operation(row: RowMapping) -> Operation:
    values = {name: row[name] for name in _OPERATION}
    values["named"] = tuple(job_ref(job) for job in row["named"])
    values["dependants"] = tuple(job_ref(job) for job in row["dependants"])
    values["verb"] = Verb(row["verb"])
    values["state"] = OperationState(row["state"])
    return Operation(**values)


def case_values(case: Case) -> Values:
    values = {name: getattr(case, name) for name in _CASE}
    values["state"] = case.state.value
    values["data"] = dict(case.data)
    return values


def case(row: RowMapping) -> Case:
    values = {name: row[name] for name in _CASE}
    values["state"] = CaseState(row["state"])
    return Case(**values)


def attempt_values(attempt: AttemptRow) -> Values:
    values = asdict(attempt)
    values["workflow_run_id"] = int(attempt.workflow_run_id)
    values["reasons"] = list(attempt.reasons)
    return values


def attempt(row: RowMapping) -> StoredAttempt:
    values = {name: row[name] for name in _ATTEMPT}
    values["workflow_run_id"] = str(row["workflow_run_id"])
    values["reasons"] = tuple(row["reasons"] or ())
    return StoredAttempt(id=row["id"], created_at=row["created_at"], row=AttemptRow(**values))


def audit_values(audit: AuditRow) -> Values:
    return asdict(audit)


def audit(row: RowMapping) -> StoredAudit:
    return StoredAudit(id=row["id"], created_at=row["created_at"], row=AuditRow(**{name: row[name] for name in _AUDIT}))


def outcome_values(outcome: OutcomeRow) -> Values:
    return asdict(outcome)


def outcome(row: RowMapping) -> StoredOutcome:
    return StoredOutcome(
        id=row["id"], created_at=row["created_at"], row=OutcomeRow(**{name: row[name] for name in _OUTCOME})
    )
