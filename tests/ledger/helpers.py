"""What the ledger's tests share: a clock that stands until it is moved, counted ids, and ready-made values."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cicatrix.core.cases import Case, CaseState
from cicatrix.core.facts import Receipt
from cicatrix.core.operations import (
    AttemptRow,
    AuditRow,
    JobRef,
    Kind,
    Operation,
    OperationState,
    OutcomeRow,
    UsageQuery,
    Verb,
)
from cicatrix.core.records import MeasurementRow
from cicatrix.ledger import Intent, Ledger, Tx

START = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
HOST = "github.com"
SHA = "a" * 40
MAIN = "refs/heads/main"
LONG = timedelta(minutes=5)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now


def counted_ids() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"{next(numbers):032x}"


def open_ledger(path: Path | str, clock: Clock | None = None, **options: Any) -> Ledger:
    return Ledger.open(str(path), now=clock or Clock(), new_id=counted_ids(), **options)


def job(name: str = "unit", key: str | None = None, *, minutes: int = 3, labels: tuple[str, ...] = ()) -> JobRef:
    return JobRef(name=name, key=key or f"ci.yml#{name}", job_id="77", minutes=minutes, labels=labels)


def operation(operation_id: str = "op1", **changes: Any) -> Operation:
    base = Operation(
        id=operation_id,
        verb=Verb.RERUN_FAILED_JOBS,
        host=HOST,
        repository_id="100",
        owner_id="9",
        owner="acme",
        repository="site",
        run_id="5000",
        target_job_id=None,
        pull_request=3,
        head_sha=SHA,
        base_attempt=1,
        named=(job(),),
        dependants=(),
        minutes=3,
        request_id="request-1",
        principal="octavia",
        identity="cicatrix[bot]",
        identity_shared=False,
        decision_id=f"decision-of-{operation_id}",
        state=OperationState.SENT,
        created_at=START,
        sent_at=START,
    )
    return replace(base, **changes)


def query(**changes: Any) -> UsageQuery:
    base = UsageQuery(host=HOST, repository_id="100", owner_id="9", run_id="5000", pull_request=3, head_sha=SHA)
    return replace(base, **changes)


def limits(operation: Operation, run: int = 2, sha: int = 2) -> dict[str, tuple[int, int]]:
    return {ref.name: (run, sha) for ref in (*operation.named, *operation.dependants)}


def intend(ledger: Ledger, wanted: Operation, *, run: int = 2, sha: int = 2) -> Receipt | None:
    """Take slots and record the intent, as a flow does; None when the slots do not fit."""

    def decide(tx: Tx) -> Intent | None:
        if not tx.take_slots(wanted, limits=limits(wanted, run, sha)):
            return None
        stored = tx.record_intent(wanted)
        return Intent(operation_id=stored.id, ledger_index=stored.intended_index or 0)

    decided = ledger.intend("intent", decide)
    assert not isinstance(decided, Intent)
    return decided


def settle(ledger: Ledger, operation_id: str, state: OperationState, **options: Any) -> int | None:
    with ledger.write("settle") as tx:
        return tx.record_state(
            operation_id,
            state,
            expected=options.pop("expected", {OperationState.SENT, OperationState.DEFERRED}),
            **options,
        )


def case(case_id: str = "case1", **changes: Any) -> Case:
    base = Case(
        id=case_id,
        host=HOST,
        repository_id="100",
        owner="acme",
        repository="site",
        run_id="5000",
        pull_request=3,
        head_sha=SHA,
        state=CaseState.DECIDING,
        wake_at=START,
        awaits="nothing",
        epoch=0,
        opened_at=START,
        updated_at=START,
        data={"request": "request-1"},
    )
    return replace(base, **changes)


def red_case(case_id: str = "case1", **changes: Any) -> Case:
    """A case that `gate` opened: it has a ref and no run."""
    return case(case_id, **({"run_id": "", "pull_request": 0, "ref": MAIN, "data": {}} | changes))


def dispatch(operation_id: str = "op1", **changes: Any) -> Operation:
    """A write that is no rerun."""
    values: dict[str, Any] = {
        "kind": Kind.DISPATCH.value,
        "verb": Verb.REPOSITORY_DISPATCH,
        "run_id": "",
        "pull_request": 0,
        "base_attempt": 0,
        "named": (),
        "minutes": 0,
        "case_id": "case1",
        "target": f"sha:{SHA}",
        "params": {"eventType": "post-remediation-check", "branch": "octavias-fix", "sha": SHA, "pull": "41", "n": 3},
    }
    return operation(operation_id, **(values | changes))


def intend_other(ledger: Ledger, wanted: Operation) -> Receipt:
    """Record the intent of a write that takes no slots, as a flow does."""

    def decide(tx: Tx) -> Intent:
        stored = tx.record_intent(wanted)
        return Intent(operation_id=stored.id, ledger_index=stored.intended_index or 0, kind=stored.kind)

    receipt = ledger.intend("intent", decide)
    assert isinstance(receipt, Receipt)
    return receipt


def measurement(**changes: Any) -> MeasurementRow:
    base = MeasurementRow(
        host=HOST,
        repository_id="100",
        owner="acme",
        repository="site",
        ref=MAIN,
        sha=SHA,
        case_id=None,
        purpose="gate",
        taken_at=START,
        set_hash="c" * 64,
        confidence=27,
        health=25,
        ready=False,
        gate="fail",
        band="critical",
        report={"components": [{"name": "build", "score": 0}], "blockers": ["build is broken"]},
    )
    return replace(base, **changes)


def attempt(decision: str = "RERUN_TRIGGERED", **changes: Any) -> AttemptRow:
    base = AttemptRow(
        resource_owner="acme",
        resource_repo="site",
        pr_number=3,
        workflow_run_id="9007199254740993",
        job_name="unit",
        attempt_number=1 if decision == "RERUN_TRIGGERED" else 0,
        request_id="request-1",
        decision=decision,
        reason_code="infra_transient",
        reasons=("infra_transient",),
        prior_conclusion="failure",
        failure_class="infra_transient",
        lawbook_hash="v1.0.0-dev",
        max_attempts_limit=2,
        host=HOST,
        repository_id="100",
        workflow_id="12",
        job_id="77",
        job_key="ci.yml#unit",
        head_sha=SHA,
        run_attempt_before=1,
        operation_id="op1",
        decision_id="decision-of-op1",
        ledger_index=0,
    )
    return replace(base, **changes)


def audit(status: str = "completed", **changes: Any) -> AuditRow:
    base = AuditRow(
        action_type="rerun_failed_jobs",
        action_status=status,
        resource_type="pull_request",
        resource_owner="acme",
        resource_repo="site",
        resource_number=3,
        initiated_by="octavia",
        initiated_at=START,
        completed_at=START,
        action_params={"runId": "5000", "requestId": "request-1"},
        action_result={"decision": "RERUN_TRIGGERED", "reasons": [], "jobs": []},
        host=HOST,
        repository_id="100",
        request_id="request-1",
        ledger_index=0,
    )
    return replace(base, **changes)


def outcome(what: str = "healed", **changes: Any) -> OutcomeRow:
    base = OutcomeRow(
        operation_id="op1",
        host=HOST,
        repository_id="100",
        run_id="5000",
        head_sha=SHA,
        job_name="unit",
        job_key="ci.yml#unit",
        outcome=what,
        run_attempt=2,
        minutes=7,
        signature_before="s1",
        signature_after=None,
        named=True,
        ledger_index=0,
    )
    return replace(base, **changes)
