"""Which reports of a validation are believed: signed, of this dispatch, of this commit, by this workflow. No other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cicatrix.core.cases import Case, CaseState
from cicatrix.core.report_signature import report_key, sign
from tests.ladder import validator
from tests.ladder.conftest import Staged
from tests.ladder.scene import BAD, FINE, WORKFLOW, Scene
from tests.ladder.validator import Report

SECRET = "a-shared-key-of-forty-characters-in-all-"


def nonce_of(scene: Scene) -> str:
    return str(scene.world.dispatched[-1].payload["cicatrix"]["nonce"])


def resigned(scene: Scene, report: Report, **changes: Any) -> Report:
    """As somebody forges it who has seen the payload: changed, and signed by the dispatch's own nonce."""
    return sign({**report, **changes}, report_key(nonce=nonce_of(scene), secret=None), shared=False)


def unsigned(_: Scene, report: Report) -> Report:
    return {name: value for name, value in report.items() if name != "signature"}


def better(_: Scene, report: Report) -> Report:
    """The numbers are changed after the signature was made."""
    return {**report, "verdict": {**report["verdict"], "effectiveness": 99, "outcome": "success"}}


def other_nonce(_: Scene, report: Report) -> Report:
    return sign(report, report_key(nonce="n" * 64, secret=None), shared=False)


def other_sha(scene: Scene, report: Report) -> Report:
    return resigned(scene, report, sha="f" * 40)


def measured_elsewhere(scene: Scene, report: Report) -> Report:
    """The report names the commit that was asked for; what it measured is another one."""
    return resigned(scene, report, measurement={**report["measurement"], "sha": scene.first})


def other_operation(scene: Scene, report: Report) -> Report:
    return resigned(scene, report, op_id="op-of-somebody-else")


def no_measurement(scene: Scene, report: Report) -> Report:
    return resigned(scene, report, measurement={"health": 100})


def no_json(_: Scene, __: Report) -> str:
    return "health: 100"


FORGED: list[Callable[[Scene, Report], object]] = [
    unsigned,
    better,
    other_nonce,
    other_sha,
    measured_elsewhere,
    other_operation,
    no_measurement,
    no_json,
]


def proposed(scene: Scene) -> Case:
    """A bad commit, and a draft that reverts it and waits for its validation."""
    scene.commit(BAD, "Simplify")
    scene.commit(FINE, "Tell more")
    case = scene.climbed()
    assert case.state is CaseState.ROLLED_BACK, case.note
    return case


def refused(scene: Scene, case: Case) -> None:
    """The report is on record as refused, its numbers are nowhere, and nothing more was written because of it."""
    before = scene.written
    ended = scene.wait(case.id)
    assert ended.state is CaseState.HANDED_OVER
    assert ended.note.startswith("report_refused: "), ended.note
    assert "validation.refused" in scene.kinds()
    assert "validation.judged" not in scene.kinds()
    with scene.ctx.ledger.read() as view:
        purposes = {m.row.purpose for m in view.measurements(scene.home.host, scene.home.id, sha=None, limit=50)}
    assert "validation" not in purposes
    assert scene.written == before


@pytest.mark.shows("VA-1", "RD-2", "F28")
@pytest.mark.parametrize("forge", FORGED, ids=lambda forge: forge.__name__)
def test_a_forged_report_is_refused_and_leads_nowhere(staged: Staged, forge: Callable[[Scene, Report], object]) -> None:
    scene = staged()
    case = proposed(scene)
    scene.run_validations(lambda report: forge(scene, report), here=True)
    refused(scene, case)


@pytest.mark.shows("VA-1")
def test_the_same_report_unforged_is_believed(staged: Staged) -> None:
    scene = staged()
    case = proposed(scene)
    scene.run_validations(lambda report: resigned(scene, report), here=True)
    ended = scene.wait(case.id)
    assert ended.state is CaseState.CLOSED, ended.note


@pytest.mark.shows("VA-1")
def test_a_run_of_another_workflow_that_bears_the_id_is_not_believed(staged: Staged) -> None:
    other = WORKFLOW.replace("Post-remediation check", "Impostor")
    scene = staged()
    case = proposed(scene)
    (dispatched,) = scene.world.dispatched
    scene.world.start(dispatched.run)
    scene.repo.workflow(".github/workflows/impostor.yml", text=other)
    dispatched.run.state.path = ".github/workflows/impostor.yml"
    report = scene.report(dispatched, here=True)
    scene.world.finish(dispatched.run, "success", artifacts=validator.zipped(report))
    refused(scene, case)


@pytest.mark.shows("VA-1")
def test_a_run_that_left_no_report_is_not_taken_for_a_green_one(staged: Staged) -> None:
    scene = staged()
    case = proposed(scene)
    (dispatched,) = scene.world.dispatched
    scene.world.start(dispatched.run)
    scene.world.finish(dispatched.run, "success")
    refused(scene, case)


@pytest.mark.shows("VA-1")
def test_where_a_report_key_is_set_the_nonce_alone_signs_nothing(staged: Staged) -> None:
    scene = staged()
    scene.deploy(report_key=SECRET)
    case = proposed(scene)
    scene.run_validations(here=True)
    refused(scene, case)


@pytest.mark.shows("VA-1")
def test_where_a_report_key_is_set_a_report_signed_with_it_counts(staged: Staged) -> None:
    scene = staged()
    scene.deploy(report_key=SECRET)
    case = proposed(scene)
    scene.run_validations()
    ended = scene.wait(case.id)
    assert ended.state is CaseState.CLOSED, ended.note


@pytest.mark.shows("VA-1", "F28")
def test_a_report_of_another_key_is_refused(staged: Staged) -> None:
    scene = staged()
    scene.deploy(report_key=SECRET)
    case = proposed(scene)
    scene.deployment = replace(scene.deployment, report_key="another-key-of-forty-characters-in-all--")
    scene.run_validations()
    refused(scene, case)


@pytest.mark.shows("VA-1", "RD-2")
def test_a_validation_that_nobody_dispatched_feeds_nothing(staged: Staged) -> None:
    scene = staged()
    scene.commit(BAD, "Simplify")
    known = scene.kinds()
    scene.world.hold_dispatched = True
    run = scene.repo.run(_known(scene), event="repository_dispatch")
    scene.world.upload(run, validator.ARTIFACT, b"PK")
    scene.ticks()
    assert scene.kinds() == known
    assert scene.written == {}


def _known(scene: Scene) -> str:
    path = ".github/workflows/post-remediation-check.yml"
    scene.repo.workflow(path, text=WORKFLOW)
    return path
