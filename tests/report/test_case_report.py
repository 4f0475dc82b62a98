"""The report of a case: out of a real ledger, and from what the ladder lets a case remember (RP-2, RP-3)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cicatrix.core.cases import Case, CaseState
from cicatrix.core.health.codec import measurement_json
from cicatrix.core.health.model import Check, CheckResult, CheckState, Component, Measurement
from cicatrix.core.health.score import score
from cicatrix.core.operations import Kind, Operation, OperationState, Verb
from cicatrix.core.records import MeasurementRow
from cicatrix.core.report.build import build_report
from cicatrix.flows.reporting import NoMeasurementError, inputs_of
from cicatrix.ledger import Ledger
from tests.cli.desk import Desk
from tests.ledger.helpers import HOST, operation
from tests.report.reports import FIXED, NOW, SHA
from tests.report.test_report import valid


def measured(sha: str, points: int) -> Measurement:
    check = Check(name="unit", component=Component.TESTS, command=("true",), parser="exit-code")
    state = CheckState.PASS if points == 100 else CheckState.FAIL
    result = CheckResult(name=check.name, component=check.component, state=state, score=points)
    return score([result], sha=sha, taken_at=NOW, set_hash="c" * 64)


def row(purpose: str, found: Measurement) -> MeasurementRow:
    return MeasurementRow(
        host=HOST,
        repository_id="100",
        owner="acme",
        repository="site",
        ref="refs/heads/main",
        sha=found.sha,
        case_id="case-1",
        purpose=purpose,
        taken_at=found.taken_at,
        set_hash=found.set_hash,
        confidence=found.confidence,
        health=found.health,
        ready=found.ready,
        gate=found.gate.value,
        band=found.band.value,
        report=measurement_json(found),
    )


def case(**data: object) -> Case:
    return Case(
        id="case-1",
        host=HOST,
        repository_id="100",
        owner="acme",
        repository="site",
        run_id="",
        pull_request=0,
        head_sha=SHA,
        ref="refs/heads/main",
        state=CaseState.DECIDING,
        wake_at=None,
        awaits="nothing",
        epoch=0,
        opened_at=NOW,
        updated_at=NOW,
        data=data,
    )


def done(operation_id: str, kind: Kind, verb: Verb, **changes: Any) -> Operation:
    made = {"state": OperationState.CONFIRMED, "case_id": "case-1", "settled_index": 9, "answer": '{"number": 7}'}
    return operation(operation_id, **{"kind": kind.value, "verb": verb, "named": (), **made, **changes})


def told(story: Case, *operations: Operation, rows: tuple[MeasurementRow, ...]) -> dict[str, Any]:
    report = build_report(
        inputs_of(
            story,
            measured=rows,
            indexes=[("measured", 3)],
            operations=operations,
            lawbook_hash="d" * 64,
            environment="staging",
            now=NOW,
        )
    )
    valid(report)
    return report


BEFORE, AFTER = row("before", measured(SHA, 0)), row("validation", measured(FIXED, 100))
ROLLBACK = {"action": "rollback"}


def test_a_validated_repair_is_told_with_its_numbers_and_its_run() -> None:
    story = case(
        fix={"sha": FIXED, "applied": ["python.ruff-fix"]},
        validation={
            "credential": "CI_REDISPATCH_TOKEN",
            "runId": "77",
            "delaySeconds": 12,
            "tried": [{"credential": "GITHUB_TOKEN", "reason": "permission_missing", "why": "403", "status": 403}],
        },
        verdict={"outcome": "success"},
    )
    refused = done(
        *("op-1", Kind.DISPATCH, Verb.REPOSITORY_DISPATCH),
        state=OperationState.REFUSED,
        params={"credential": "GITHUB_TOKEN"},
        answer='{"reasonCode": "permission_missing", "why": "no", "status": 403}',
    )
    second = {"credential": "CI_REDISPATCH_TOKEN"}
    sent = done("op-2", Kind.DISPATCH, Verb.REPOSITORY_DISPATCH, params=second)
    pull = done("op-3", Kind.PULL_REQUEST, Verb.CREATE_PULL)
    report = told(story, refused, sent, pull, rows=(AFTER, BEFORE))
    assert report["remediation"]["applied"] is True
    assert (report["remediation"]["before"]["sha"], report["remediation"]["after"]["sha"]) == (SHA, FIXED)
    assert report["remediation"]["writes"][0]["pullRequest"] == 7
    redispatch = report["redispatch"]
    assert (redispatch["status"], redispatch["credential"], redispatch["runId"], redispatch["delaySeconds"]) == (
        *("STARTED", "CI_REDISPATCH_TOKEN", "77", 12),
    )
    assert [(one["credential"], one["httpStatus"], one["reason"]) for one in redispatch["attempts"]] == [
        ("GITHUB_TOKEN", 403, "permission_missing"),
        ("CI_REDISPATCH_TOKEN", 204, None),
    ]


@pytest.mark.shows("RP-3", "RB-0")
def test_the_rollbacks_status_comes_from_operations_and_not_from_what_the_case_remembers() -> None:
    remembered = case(rollback={"status": "executed", "target": SHA})
    gate = (row("gate", measured(SHA, 0)),)
    assert told(remembered, rows=gate)["rollback"]["status"] != "ROLLBACK EXECUTED"
    pull = done("op-1", Kind.PULL_REQUEST, Verb.CREATE_PULL, params=ROLLBACK)
    push = done("op-2", Kind.PUSH, Verb.PUSH_DIRECT, params=ROLLBACK)
    branch = done("op-3", Kind.PUSH, Verb.PUSH_BRANCH, params=ROLLBACK)
    doubt = done("op-4", Kind.PUSH, Verb.PUSH_DIRECT, params=ROLLBACK, state=OperationState.INDETERMINATE)
    assert told(remembered, branch, rows=gate)["rollback"]["status"] not in {"ROLLBACK PROPOSED", "ROLLBACK EXECUTED"}
    assert told(remembered, branch, pull, rows=gate)["rollback"]["status"] == "ROLLBACK PROPOSED"
    assert told(remembered, branch, pull, doubt, rows=gate)["rollback"]["status"] == "ROLLBACK PROPOSED"
    executed = told(remembered, branch, pull, push, rows=gate)
    assert executed["rollback"]["status"] == "ROLLBACK EXECUTED"
    assert executed["rollback"]["write"]["operation"] == "op-2"
    assert executed["phases"]["phase3"] == "NOT RUN", "the revert is no remediation"


CULPRIT = {"culprit": SHA, "lastGood": FIXED, "reds": 3, "evidence": 5}
NO_DIRECT_PUSH = [{"reason": "direct_push_not_granted", "why": "rollback.directPush does not name main"}]


@pytest.mark.shows("RP-3")
@pytest.mark.parametrize(
    ("known", "said"),
    [
        (
            {"cause": CULPRIT},
            f"{SHA[:12]} broke main: {FIXED[:12]} below it is green, and 3 independent signals are red",
        ),
        ({"cause": {"explicit": SHA}, "explicit": SHA}, f"cli:ada named {SHA[:12]}"),
        ({"cause": {"explicit": SHA}, "explicit": SHA, "remediation": True}, f"the merged fix {SHA[:12]} made things"),
    ],
    ids=["culprit", "named", "worse fix"],
)
def test_the_trigger_of_a_rollback_is_its_cause_and_not_why_it_was_no_direct_push(
    known: dict[str, Any], said: str
) -> None:
    story = case(
        principal="cli:ada", rollback={**known, "why": NO_DIRECT_PUSH}, verdict={"rollbackReason": "an earlier one"}
    )
    pull = done("op-1", Kind.PULL_REQUEST, Verb.CREATE_PULL, params=ROLLBACK, principal="cli:ada")
    for operations in ((pull,), ()):
        trigger = told(story, *operations, rows=(row("gate", measured(SHA, 0)),))["rollback"]["trigger"]
        assert said in trigger
        assert "directPush" not in trigger


def test_without_a_measurement_there_is_no_report() -> None:
    with pytest.raises(NoMeasurementError):
        told(case(), rows=())


def test_the_command_reads_a_real_ledger(bare: Desk) -> None:
    path = Path(bare.ledger)
    with_case = Ledger.open(str(path), now=lambda: NOW, new_id=lambda: "id-1")
    with with_case.write("test") as tx:
        tx.open_case(case())
        tx.append("case.opened", {"caseId": "case-1", "lawbookHash": "d" * 64, "environment": "prod"})
        tx.record_measurement(row("gate", measured(SHA, 0)))
    with_case.close()
    ended = bare.cicatrix("report", "--case", "case-1", "--format", "json")
    assert ended.code == 0, ended.err
    report = ended.json
    valid(report)
    assert (report["lawbookHash"], report["deploymentEnv"], report["caseId"]) == ("d" * 64, "prod", "case-1")
    assert report["header"]["ref"] == "refs/heads/main"
    assert report["exitCode"] == 1
    assert [one["index"] for one in report["ledger"]] == [1]
