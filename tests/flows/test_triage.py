"""Triage on a simulated GitHub: the same diagnosis as a rerun, nothing written, nothing recorded."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cicatrix.core.health.model import Check, Component
from cicatrix.core.verdict import FailureClass
from cicatrix.flows.prompt import MOST_FILES, NoFailures, prompt, verification_steps
from cicatrix.flows.reading import Target
from cicatrix.flows.seed_000 import InvalidInput
from cicatrix.flows.triage import Bounds, Triaged, triage, triage_target
from cicatrix.github import Refused
from cicatrix.simulator import JobSpec, Outcome
from tests.stage import CI, Stage, broken, job_of, lost

RESET = "npm error code ECONNRESET\nnpm error network request to https://registry.example.com/x failed: socket hang up"


def told(stage: Stage, number: int = 1, **asked: Any) -> dict[str, Any]:
    return found(stage, number, **asked).report


def found(stage: Stage, number: int = 1, **asked: Any) -> Triaged:
    return triage(stage.ctx, "acme", "shop", number, request_id="r-1", **asked)


def by_name(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {failure["checkName"]: failure for failure in report["failures"]}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.mark.shows("TR-1", "TR-3", "C10")
def test_a_red_pull_request_is_told_in_the_seeds_shape(stage: Stage) -> None:
    run = stage.red([JobSpec(id="build"), JobSpec(id="unit", outcomes=broken()), JobSpec(id="lint", outcomes=lost())])
    report = told(stage)
    json.dumps(report)
    assert (report["schemaVersion"], report["requestId"], report["repo"]) == ("1.0", "r-1", "acme/shop")
    assert report["pr"] == {"number": 1, "headSha": run.head_sha, "headRef": "change-1", "baseRef": "main"}
    assert report["summary"] == {
        "overall": "RED",
        "failingChecks": 2,
        "failingRuns": 1,
        "pendingChecks": 0,
        "totalChecks": 3,
    }
    unit, lint = by_name(report)["unit"], by_name(report)["lint"]
    assert (unit["type"], unit["class"], unit["recommendation"]["nextAction"]) == ("test", "deterministic", "PROMPT")
    assert (unit["runId"], unit["stepName"]) == (run.id, "Run tests")
    assert unit["primarySignal"].startswith("src/app.c:10:5: error:")
    assert unit["evidence"]["url"].endswith(f"/acme/shop/actions/runs/{run.id}/job/{unit['jobId']}")
    assert (lint["type"], lint["class"], lint["recommendation"]["nextAction"]) == ("lint", "infra_transient", "RERUN")
    assert report["truncated"] is False


@pytest.mark.shows("TR-3", "GE-3", "C9")
def test_triage_and_rerun_name_the_same_class_rule_and_line(stage: Stage) -> None:
    reset = [Outcome.failure(RESET, step="Install dependencies")]
    stage.red(
        [JobSpec(id="unit", outcomes=broken()), JobSpec(id="e2e", outcomes=reset), JobSpec(id="x", outcomes=lost())]
    )
    report, answer = told(stage), stage.ask(dry_run=True)
    assert len(report["failures"]) == 3
    for failure in report["failures"]:
        entry = job_of(answer, failure["checkName"])
        assert failure["class"] == entry["failureClass"]
        assert failure["jobId"] == entry["jobId"]
        assert failure.get("rule") == entry["evidence"].get("rule")
        assert failure["evidence"].get("lineNumber") == entry["evidence"].get("lineNumber")
        assert (failure["recommendation"]["nextAction"] == "RERUN") is (failure["class"] == "infra_transient")
    assert report["lawbookHash"] == answer["lawbookHash"]


def test_triage_writes_nothing_and_records_nothing(stage: Stage) -> None:
    stage.red([JobSpec(id="unit", outcomes=broken())])
    before = stage.kinds()
    told(stage)
    assert stage.posts == []
    assert stage.kinds() == before


def test_each_log_is_read_once(stage: Stage) -> None:
    stage.red([JobSpec(id="unit", outcomes=broken()), JobSpec(id="e2e", outcomes=broken())])
    asked = len(stage.ctx.github.requests)
    told(stage)
    sent = [path for _, path in stage.ctx.github.requests[asked:]]
    assert sum(path.endswith("/logs") for path in sent) == 2
    assert sum(path.endswith("/jobs") for path in sent) == 1
    assert len(sent) <= 12


# --- overall


@pytest.mark.shows("TR-1", "C10")
def test_green_only_when_nothing_is_going_on(stage: Stage) -> None:
    stage.repo.workflow(CI, [JobSpec(id="unit", seconds=60), JobSpec(id="e2e", seconds=600)])
    pull = stage.repo.pull_request(1, head_branch="change-1")
    stage.repo.run(CI, pull_request=pull)
    stage.world.advance(120)
    going = told(stage)["summary"]
    assert (going["overall"], going["failingChecks"], going["pendingChecks"]) == ("PENDING", 0, 1)
    stage.world.advance(3600)
    done = told(stage)["summary"]
    assert (done["overall"], done["pendingChecks"]) == ("GREEN", 0)


@pytest.mark.shows("TR-1")
def test_a_job_that_failed_while_others_go_on_is_told_already(stage: Stage) -> None:
    stage.repo.workflow(CI, [JobSpec(id="unit", seconds=60, outcomes=broken()), JobSpec(id="e2e", seconds=600)])
    stage.repo.run(CI, pull_request=stage.repo.pull_request(1, head_branch="change-1"))
    stage.world.advance(120)
    report = told(stage)
    assert report["summary"]["overall"] == "RED"
    assert report["summary"]["pendingChecks"] == 1
    assert by_name(report)["unit"]["class"] == "deterministic"


def test_only_reruns_needed_is_yellow_and_a_rerun_that_goes_on_is_pending(stage: Stage) -> None:
    stage.red([JobSpec(id="unit", outcomes=lost())])
    assert told(stage)["summary"]["overall"] == "YELLOW"
    stage.ask()
    stage.world.advance(10)
    assert told(stage)["summary"]["overall"] == "PENDING"
    stage.world.advance(3600)
    assert told(stage)["summary"]["overall"] == "GREEN"


@pytest.mark.shows("TR-3", "C10")
def test_a_cancelled_job_asks_for_nothing(stage: Stage) -> None:
    stage.red([JobSpec(id="unit", outcomes=[Outcome.cancelled()])])
    report = told(stage)
    (only,) = report["failures"]
    assert (only["class"], only["recommendation"]["nextAction"]) == ("cancelled", "NONE")
    assert report["summary"]["overall"] == "YELLOW"


def test_a_gate_that_failed_with_its_needs_is_told_as_one(stage: Stage) -> None:
    stage.red([JobSpec(id="unit", outcomes=lost()), JobSpec(id="all-green", needs=["unit"], always=True)])
    report = told(stage)
    gate = by_name(report)["all-green"]
    assert gate["dependantFailure"] is True
    assert gate["recommendation"]["nextAction"] == "NONE"
    assert report["summary"]["overall"] == "YELLOW"
    assert [p["failureClass"] for p in prompt(stage.ctx, found(stage))] == ["infra_transient"]


# --- other apps


def test_checks_of_other_apps_are_told_with_their_own_words_and_without_a_rerun(stage: Stage) -> None:
    run = stage.red([JobSpec(id="unit")])
    secret = "ghp_" + "a1B2c3D4" * 4
    stage.repo.check_run(run.head_sha, "quality gate", "sonar", "failure", title="x", summary=f"3 bugs, token {secret}")
    stage.repo.check_run(run.head_sha, "coverage", "codecov", "neutral")
    stage.repo.check_run(run.head_sha, "preview", "vercel", None)
    report = told(stage)
    (only,) = report["failures"]
    assert (only["type"], only["class"], only["evidence"]["excerpt"]) == (
        "external",
        "unknown",
        "3 bugs, token [redacted]",
    )
    assert "runId" not in only
    assert (
        "cannot be rerun" in only["recommendation"]["rationale"]
        or "nothing of it" in only["recommendation"]["rationale"]
    )
    assert report["summary"]["pendingChecks"] == 1


# --- which run


@pytest.mark.shows("TR-3")
def test_a_run_id_leaves_out_every_other_run_and_check(stage: Stage) -> None:
    first = stage.red([JobSpec(id="unit", outcomes=broken())])
    stage.red([JobSpec(id="lint", outcomes=broken())], path=".github/workflows/lint.yml", pull=stage.repo.pulls[1])
    stage.repo.check_run(first.head_sha, "quality gate", "sonar", "failure")
    assert len(told(stage)["failures"]) == 3
    only = told(stage, workflow_run_id=first.id)
    assert list(by_name(only)) == ["unit"]
    assert only["summary"]["failingRuns"] == 1


def test_a_run_of_another_head_is_refused(stage: Stage) -> None:
    other = stage.red([JobSpec(id="unit", outcomes=broken())], number=2)
    stage.red([JobSpec(id="unit", outcomes=broken())], number=1)
    with pytest.raises(InvalidInput, match="the head is"):
        told(stage, 1, workflow_run_id=other.id)


def test_a_run_that_a_newer_one_replaced_is_left_out(stage: Stage) -> None:
    stage.red([JobSpec(id="unit", outcomes=broken())])
    stage.red([JobSpec(id="unit")], pull=stage.repo.pulls[1])
    assert told(stage)["summary"]["overall"] == "GREEN"


def test_an_unknown_pull_request_is_githubs_404(stage: Stage) -> None:
    with pytest.raises(Refused) as refused:
        told(stage, 99)
    assert refused.value.status == 404


def test_a_run_and_a_commit_can_be_triaged_as_well(stage: Stage) -> None:
    run = stage.red([JobSpec(id="unit", outcomes=broken())])
    for target in (
        Target(owner="acme", repository="shop", run_id=str(run.id)),
        Target(owner="acme", repository="shop", sha=run.head_sha),
    ):
        report = triage_target(stage.ctx, target, bounds=Bounds(), request_id="r").report
        assert list(by_name(report)) == ["unit"]
        assert report["pr"]["headSha"] == run.head_sha


# --- bounds


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("maxLogBytes", {"max_log_bytes": 0}),
        ("maxLogBytes", {"max_log_bytes": 1024 * 1024 + 1}),
        ("maxLogBytes", {"max_log_bytes": True}),
        ("maxSteps", {"max_steps": 0}),
        ("maxSteps", {"max_steps": 501}),
        ("workflowRunId", {"workflow_run_id": 0}),
        ("prNumber", {"number": 0}),
    ],
)
def test_values_out_of_bounds_are_refused_before_anything_is_read(
    stage: Stage, field: str, asked: dict[str, Any]
) -> None:
    before = len(stage.ctx.github.requests)
    with pytest.raises(InvalidInput) as wrong:
        told(stage, **asked)
    assert wrong.value.field == field
    assert len(stage.ctx.github.requests) == before


@pytest.mark.shows("TR-2", "TR-3")
def test_the_bounds_hold_for_bytes_and_steps_and_say_when_they_cut(stage: Stage) -> None:
    lines = "\n".join(f"line {n} \u00e9\u00e9\u00e9" for n in range(500))
    stage.red([JobSpec(id="unit", outcomes=[Outcome.failure(f"{lines}\nsrc/a.c:1:1: error: unknown type name 'x'")])])
    wide, narrow = told(stage), told(stage, max_log_bytes=300, max_steps=2)
    assert wide["truncated"] is False
    assert narrow["truncated"] is True
    (failure,) = narrow["failures"]
    assert len(failure["evidence"]["excerpt"].encode()) <= 300
    assert "unknown type name" in failure["evidence"]["excerpt"]
    assert [s["name"] for s in failure["steps"]] == ["Install dependencies", "Run tests"]
    assert len(wide["failures"][0]["steps"]) > 2


def test_the_same_failure_of_two_runs_has_one_excerpt_hash(stage: Stage) -> None:
    for number in (1, 2):
        stage.red([JobSpec(id="unit", outcomes=broken())], number=number)
        stage.world.advance(777)
    one, two = (told(stage, number)["failures"][0]["evidence"] for number in (1, 2))
    assert one["excerptHash"] == two["excerptHash"]
    assert one["url"] != two["url"]


# --- prompt


@pytest.mark.shows("PG-1")
def test_a_prompt_is_written_from_the_report(stage: Stage) -> None:
    events: list[tuple[str, dict[str, Any]]] = []
    stage.red([JobSpec(id="unit", outcomes=broken()), JobSpec(id="e2e", outcomes=lost())])
    triaged = found(stage)
    ctx = replace(stage.ctx, log=lambda event, **fields: events.append((event, fields)))
    made = prompt(ctx, triaged)
    assert [(one["failureClass"], one["primary"]) for one in made] == [
        (FailureClass.DETERMINISTIC.value, True),
        (FailureClass.INFRA_TRANSIENT.value, False),
    ]
    assert made[0]["lawbookHash"] == triaged.report["lawbookHash"]
    assert "`src/app.c`, line 10" in made[0]["promptText"]
    assert made == prompt(ctx, found(stage))
    assert events[0] == ("prompt.made", {"requestId": "r-1", "hashes": ",".join(p["promptHash"] for p in made)})


def check(*command: str, **changes: Any) -> Check:
    return Check(**{"name": "c", "component": Component.TESTS, "command": command, "parser": "exit-code", **changes})


@pytest.mark.shows("PG-3")
def test_the_steps_are_the_checks_that_block_in_their_order_and_quoted_for_a_shell() -> None:
    assert verification_steps(()) == ()
    given = [
        check("pytest", "-k", "not slow"),
        check("ruff", "check", blocking=False),
        check("npm", "test", directory="the web"),
        check("echo", "$(touch canary)", "a'b", "two  blanks"),
    ]
    steps = verification_steps(given)
    assert steps[:2] == ("pytest -k 'not slow'", "(cd 'the web' && npm test)")
    assert [shlex.split(steps[0]), shlex.split(steps[2])] == [list(given[0].command), list(given[3].command)]
    assert len(steps) == 3


@pytest.mark.shows("PG-3")
def test_the_checks_of_the_repositorys_lawbook_verify_the_repair(stage: Stage) -> None:
    stage.red([JobSpec(id="unit", outcomes=broken())])
    (plain, *_) = prompt(stage.ctx, found(stage))
    assert plain["verifySteps"] == []
    stage.world.repository("acme/shop").file(
        ".github/cicatrix.yml",
        "checks:\n  - {name: unit, component: tests, command: [python3, -m, pytest, -k, not slow]}\n"
        "  - {name: taste, component: lint, command: [ruff, check], blocking: false}\n",
    )
    (made, *_) = prompt(stage.ctx, found(stage))
    assert made["verifySteps"] == ["python3 -m pytest -k 'not slow'"]
    assert "1. `python3 -m pytest -k 'not slow'`" in made["promptText"]


def test_nothing_failed_so_no_prompt_is_written(stage: Stage) -> None:
    stage.red([JobSpec(id="unit")])
    with pytest.raises(NoFailures) as nothing:
        prompt(stage.ctx, found(stage))
    assert nothing.value.code == "NO_FAILURES"
    assert "GREEN" in nothing.value.why


@pytest.mark.parametrize("files", [0, MOST_FILES + 1, True])
def test_a_number_of_files_out_of_bounds_is_refused(stage: Stage, files: int) -> None:
    stage.red([JobSpec(id="unit", outcomes=broken())])
    with pytest.raises(InvalidInput, match="maxFiles"):
        prompt(stage.ctx, found(stage), max_files=files)
