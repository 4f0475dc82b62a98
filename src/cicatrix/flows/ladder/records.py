"""How rungs 2 to 4 look in the ledger: entries and rows, made here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

from cicatrix.core.actions import ActionType
from cicatrix.core.operations import AuditRow, Operation
from cicatrix.core.records import RegistryAuditRow
from cicatrix.flows.context import Context
from cicatrix.flows.ladder.rung import Rung, Wish
from cicatrix.ledger import Tx

ABSENT = "absent"
"""Reason code inside an operation's answer: a read showed that the effect is not there, and it may be sent again."""


def about(tx: Tx, rung: Rung) -> dict[str, object]:
    """What every entry of a case's climb says: whose it is, and under which rules."""
    case, home = rung.case, rung.home
    return {
        "caseId": case.id,
        "host": home.host,
        "repositoryId": home.id,
        "repository": tx.text(home.full_name),
        "runId": case.run_id,
        "headSha": case.head_sha,
        "ref": tx.text(case.ref) if case.ref else "",
        "pullRequest": case.pull_request,
        "requestId": tx.text(str(case.data.get("requestId", case.id))),
        "principal": tx.text(rung.principal),
        "lawbookHash": rung.resolved.hash,
        "environment": rung.ctx.deployment.environment.value,
    }


def decided(tx: Tx, rung: Rung, kind: str, data: Mapping[str, object], *, why: str = "") -> int:
    """Append `<kind>.decided` (or any entry of that name): a rung's decision with what it rests on; its index."""
    told = {"why": tx.text(why)} if why else {}
    return tx.append(kind, {**about(tx, rung), **data, **told})


def blocked(tx: Tx, rung: Rung, wish: Wish, reason: str, why: str) -> None:
    """A write that was wanted and is not allowed: entry, audit row, and the registry's own row."""
    index = decided(
        tx,
        rung,
        f"{wish.kind.value}.blocked",
        {"action": wish.action.value, "verb": wish.verb.value, "target": wish.target, "reasonCode": reason},
        why=why,
    )
    tx.record_audit(
        _row(tx, rung, wish, "blocked", index, result={"reasonCode": reason}, error=why),
    )
    _registry_row(tx, rung, wish.action, index, None)


def allowed(tx: Tx, rung: Rung, wish: Wish, operation: Operation) -> None:
    """The audit row of an intent, and the registry's row: its cooldown counts from here (RG-6)."""
    assert operation.intended_index is not None
    tx.record_audit(_row(tx, rung, wish, "pending", operation.intended_index, operation_id=operation.id))
    _registry_row(tx, rung, wish.action, operation.intended_index, operation.id)


def _registry_row(tx: Tx, rung: Rung, action: ActionType, index: int, operation_id: str | None) -> None:
    active = tx.active_registry(rung.home.host, rung.home.id)
    told = rung.policy(tx, action).evaluation
    if active is None or told is None:
        return
    tx.record_registry_audit(
        RegistryAuditRow(
            registry_id=active.registry.registry_id,
            registry_version=active.registry.version,
            action_type=action.value,
            action_status=told.status,
            repository=rung.home.full_name,
            resource_type="pull_request" if rung.case.pull_request else "repository",
            resource_number=rung.case.pull_request or None,
            validation_result=told.as_json(),
            executed_at=tx.now,
            executed_by=rung.principal,
            evidence_id=f"case {rung.case.id}",
            host=rung.home.host,
            repository_id=rung.home.id,
            content_hash=active.registry.hash,
            operation_id=operation_id,
            request_id=str(rung.case.data.get("requestId", rung.case.id)),
            ledger_index=index,
        )
    )


def _row(
    tx: Tx,
    rung: Rung,
    wish: Wish,
    status: str,
    index: int,
    *,
    result: Mapping[str, object] | None = None,
    error: str | None = None,
    operation_id: str | None = None,
) -> AuditRow:
    return AuditRow(
        action_type=wish.action.value,
        action_status=status,
        resource_type="pull_request" if wish.pull_request else "repository",
        resource_owner=rung.home.owner,
        resource_repo=rung.home.name,
        resource_number=wish.pull_request or None,
        initiated_by=rung.principal,
        initiated_at=tx.now,
        completed_at=None if status == "pending" else tx.now,
        action_params={"target": wish.target, "caseId": rung.case.id},
        action_result=dict(result or {}),
        error_message=error,
        host=rung.home.host,
        repository_id=rung.home.id,
        request_id=str(rung.case.data.get("requestId", rung.case.id)),
        operation_id=operation_id,
        ledger_index=index,
    )


def accepted(ctx: Context, operation: Operation) -> None:
    """GitHub took a dispatch and named nothing: on record, and no proof."""
    with ctx.ledger.write("accepted") as tx:
        data = {"caseId": operation.case_id or "", "operationId": operation.id, "host": operation.host}
        tx.append(f"{operation.kind}.accepted", {**data, "repositoryId": operation.repository_id})


def audit(
    tx: Tx,
    operation: Operation,
    status: str,
    index: int,
    result: Mapping[str, object],
    *,
    error: str | None = None,
) -> None:
    """The row of what became of an operation; the row of its intent says `pending`."""
    tx.record_audit(
        AuditRow(
            action_type=str(operation.params.get("action", operation.kind)),
            action_status=status,
            resource_type="pull_request" if operation.pull_request else "repository",
            resource_owner=operation.owner,
            resource_repo=operation.repository,
            resource_number=operation.pull_request or None,
            initiated_by=operation.principal,
            initiated_at=operation.created_at,
            completed_at=tx.now,
            action_params={"target": operation.target, "caseId": operation.case_id},
            action_result={key: str(value) for key, value in result.items()},
            error_message=error,
            host=operation.host,
            repository_id=operation.repository_id,
            request_id=operation.request_id,
            operation_id=operation.id,
            ledger_index=index,
        )
    )
