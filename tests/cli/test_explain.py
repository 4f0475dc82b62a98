"""`cicatrix explain`: rule, line, attempts left, what would change the answer; and nothing is written."""

from __future__ import annotations

import pytest

from cicatrix.core.reasons import Reason
from cicatrix.simulator import JobSpec, Outcome
from tests.cli.desk import CI, COMPILE, RESET, Desk


def test_a_run_is_explained_before_anything_was_ever_recorded(desk: Desk) -> None:
    run = desk.red(log=COMPILE, step="Run tests")
    assert desk.server is not None
    ended = desk.cicatrix("explain", f"{desk.server.api_url}/acme/shop/actions/runs/{run}", "-o", "table")
    assert ended.code == 0
    for part in ("deterministic", "not_eligible", "error: unknown type name", "0 of 2", "would change by"):
        assert part in ended.out
    assert not desk.ledger.exists()
    assert desk.writes == []


def test_explaining_changes_no_byte_of_the_ledger(desk: Desk) -> None:
    desk.red()
    desk.cicatrix("rerun", "acme/shop#1", "--dry-run")
    before = desk.cicatrix("ledger", "head").json
    assert desk.cicatrix("explain", "acme/shop#1").code == 0
    assert desk.cicatrix("ledger", "head").json == before


def test_the_bound_names_file_and_line(desk: Desk) -> None:
    desk.red()
    desk.world.repository("acme/shop").file(".github/cicatrix.yml", "mode: shadow\nattempts:\n  perJob: 1\n")
    out = desk.cicatrix("explain", "acme/shop#1", "-o", "table").out
    assert "lawbook 1" in out
    assert "bound by lawbook attempts.perJob (.github/cicatrix.yml:3)" in out


def test_a_mixed_run_tells_what_runs_along(desk: Desk) -> None:
    repo = desk.world.repository("acme/shop")
    jobs = [
        JobSpec(id="test", outcomes=[Outcome.failure(RESET, step="Install dependencies"), Outcome.success()]),
        JobSpec(id="gate", needs=["test"], always=True),
    ]
    repo.workflow(CI, jobs)
    repo.run(CI, pull_request=repo.pull_request(1), finished=True)
    run = desk.cicatrix("explain", "acme/shop#1").json["runs"][0]
    assert (run["preview"], run["along"], run["decision"]) == (True, ["gate"], "RERUN_TRIGGERED")


@pytest.mark.shows("RR-14")
def test_the_story_of_the_case_has_one_id_and_its_outcome(desk: Desk) -> None:
    run = desk.red()
    desk.cicatrix("rerun", "acme/shop#1")
    desk.world.advance(600)
    assert desk.cicatrix("tick").code == 0
    told = desk.cicatrix("explain", f"run:{run}", "-R", "acme/shop").json["runs"][0]
    assert told["case"]["state"] == "closed"
    kinds = [entry["kind"] for entry in told["story"]]
    assert kinds == ["rerun.decided", "rerun.intended", "rerun.confirmed", "rerun.outcome"]
    out = desk.cicatrix("explain", f"run:{run}", "-R", "acme/shop", "-o", "table").out
    assert out.count(told["case"]["caseId"]) == 1
    assert "test: healed" in out


def test_an_operation_is_explained_by_its_id(desk: Desk) -> None:
    desk.red()
    operation = desk.cicatrix("rerun", "acme/shop#1").json["operationId"]
    told = desk.cicatrix("explain", operation).json
    assert (told["operation"]["state"], told["operation"]["named"]) == ("CONFIRMED", ["test"])
    assert f"operation {operation}: CONFIRMED" in desk.cicatrix("explain", operation, "-o", "table").out


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_code_has_its_page(bare: Desk, reason: Reason) -> None:
    ended = bare.cicatrix("explain", reason.value, "-o", "table")
    assert ended.code == 0
    assert reason.page.would_change in ended.out


def test_an_id_that_nobody_knows(desk: Desk) -> None:
    desk.red()
    desk.cicatrix("rerun", "acme/shop#1", "--dry-run")
    ended = desk.cicatrix("explain", "no-such-thing")
    assert ended.code == 1
    assert "Nothing is known" in ended.three_lines[0]


def test_checks_of_other_apps_are_named(desk: Desk) -> None:
    desk.red()
    repo = desk.world.repository("acme/shop")
    repo.check_run(repo.pulls[1].head_sha, "coverage", "codecov", "failure")
    assert desk.cicatrix("explain", "acme/shop#1").json["otherChecks"] == [
        {"name": "coverage", "app": "codecov", "conclusion": "failure"}
    ]
    assert "coverage: a check of codecov" in desk.cicatrix("explain", "acme/shop#1", "-o", "table").out


def test_a_pull_request_whose_run_is_going_again_still_tells_its_case(desk: Desk) -> None:
    run = desk.red()
    desk.cicatrix("rerun", "acme/shop#1")
    told = desk.cicatrix("explain", "acme/shop#1").json
    assert (told["runs"], [case["runId"] for case in told["earlier"]]) == ([], [str(run)])
    assert "rerun.confirmed" in desk.cicatrix("explain", "acme/shop#1", "-o", "table").out
