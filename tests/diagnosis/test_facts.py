"""What the job object alone settles: each terminal fact, and what must not be taken for one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cicatrix.core.facts import Job, JobLog, Step
from cicatrix.core.verdict import RETRYABLE, FailureClass
from cicatrix.diagnosis import Diagnoser
from tests.diagnosis.actions_log import START, ActionsLog

INFRA, UNKNOWN = FailureClass.INFRA_TRANSIENT, FailureClass.UNKNOWN


@pytest.fixture(scope="module")
def diagnoser() -> Diagnoser:
    return Diagnoser()


def started() -> ActionsLog:
    return ActionsLog().setup().step("Check out", command="actions/checkout@v4")


def lost(**changes: object) -> Job:
    log = started().step("Integration", "working", command="make it", conclusion=None)
    return log.job(**changes)


@pytest.mark.shows("RR-11")
@pytest.mark.parametrize(
    ("job", "rule"),
    [
        pytest.param(lost(), "runner.lost", id="a step never ended"),
        pytest.param(started().job(), "runner.lost", id="no step failed"),
        pytest.param(started().job(steps=()), "runner.lost", id="a runner, and no step at all"),
        pytest.param(
            started().job(steps=(), runner_id=None, completed_at=START + timedelta(minutes=12)),
            "runner.not_acquired",
            id="no runner, no step, a long wait",
        ),
        pytest.param(
            started().job(steps=(), runner_id="0", started_at=None), "runner.not_acquired", id="no runner, no times"
        ),
    ],
)
def test_a_lost_runner_is_terminal_infrastructure_without_a_log(diagnoser: Diagnoser, job: Job, rule: str) -> None:
    verdict = diagnoser.from_facts(job)
    assert verdict is not None
    assert (verdict.failure_class, verdict.rule, verdict.stage, verdict.terminal) == (INFRA, rule, "facts", True)
    assert verdict.confidence == 97
    assert verdict.signature
    assert verdict.ruleset_hash == diagnoser.ruleset_hash


@pytest.mark.shows("RR-11")
@pytest.mark.parametrize(
    ("job", "run_conclusion", "failure_class", "rule"),
    [
        pytest.param(lost(conclusion="cancelled"), None, FailureClass.CANCELLED, "job.cancelled", id="cancelled"),
        pytest.param(lost(conclusion="mystery"), None, UNKNOWN, "conclusion.unknown", id="a conclusion of the future"),
        pytest.param(lost(), "mystery", UNKNOWN, "conclusion.unknown", id="a run conclusion of the future"),
        pytest.param(lost(conclusion=None), None, UNKNOWN, "conclusion.other", id="completed without conclusion"),
        pytest.param(lost(conclusion="action_required"), None, UNKNOWN, "conclusion.other", id="waits for a person"),
        pytest.param(lost(conclusion="success"), None, UNKNOWN, "job.not_failed", id="green"),
        pytest.param(lost(status="in_progress"), None, UNKNOWN, "job.not_completed", id="still running"),
        pytest.param(lost(), "startup_failure", UNKNOWN, "run.startup_failure", id="the run never started"),
        pytest.param(
            started().job(steps=(), runner_id=None, completed_at=START + timedelta(seconds=3)),
            None,
            UNKNOWN,
            "job.refused_at_once",
            id="refused at once: billing, environment rule",
        ),
        pytest.param(
            started().job(steps=(Step(number=1, name="x", status="completed", conclusion="odd"),)),
            None,
            UNKNOWN,
            "conclusion.unknown",
            id="a step conclusion of the future",
        ),
    ],
)
def test_what_settles_to_no_rerun(
    diagnoser: Diagnoser, job: Job, run_conclusion: str | None, failure_class: FailureClass, rule: str
) -> None:
    verdict = diagnoser.from_facts(job, run_conclusion)
    assert verdict is not None
    assert (verdict.failure_class, verdict.rule) == (failure_class, rule)
    assert verdict.failure_class not in RETRYABLE


@pytest.mark.shows("RR-11")
@pytest.mark.parametrize(
    "job",
    [
        pytest.param(started().step("Test", command="make test", conclusion="failure").job(), id="a step failed"),
        pytest.param(
            started().step("Test", command="x", conclusion="failure").step("Report", conclusion=None).job(),
            id="a step failed and a later one never ended",
        ),
        pytest.param(started().step("Test", command="x", conclusion="cancelled").job(), id="a step was cancelled"),
        pytest.param(lost(conclusion="timed_out"), id="timed out"),
        pytest.param(started().job(steps=None), id="the listing held no steps"),
    ],
)
def test_what_needs_the_log(diagnoser: Diagnoser, job: Job) -> None:
    assert diagnoser.from_facts(job) is None


@pytest.mark.shows("RR-11", "F33")
@pytest.mark.parametrize("missing", ["not_found", "gone", "host_refused", "unreadable"])
def test_without_a_log_the_answer_is_unknown(diagnoser: Diagnoser, missing: str) -> None:
    job = started().step("Test", command="make test", conclusion="failure").job()
    verdict = diagnoser.diagnose(job, JobLog(text=b"", missing=missing))
    assert verdict.failure_class is UNKNOWN
    assert verdict.step == "Test"
    assert missing in (verdict.counter_evidence or "")


@pytest.mark.shows("RR-10")
def test_runners_lost_in_different_steps_share_one_terminal_signature(diagnoser: Diagnoser) -> None:
    elsewhere = started().step("Build", conclusion=None).job(id="12", name="other")
    one, other = diagnoser.from_facts(lost()), diagnoser.from_facts(elsewhere)
    assert one is not None
    assert other is not None
    assert one.terminal
    assert one.signature == other.signature


@pytest.mark.shows("RR-11")
@pytest.mark.parametrize("name", ["network-lib unit tests", "bench-1500-users", "randomized property tests"])
def test_a_jobs_name_is_no_evidence(diagnoser: Diagnoser, name: str) -> None:
    log = started().step("Test", "it broke", command="make test", conclusion="failure")
    assert diagnoser.diagnose(log.job(name=name), JobLog(text=log.text)).failure_class is UNKNOWN
