"""`cicatrix explain`: rule, line, attempts left, what would change the answer; and nothing is written."""

from __future__ import annotations

import sys

import pytest

from cicatrix.core.reasons import Reason
from cicatrix.flows.explain import sentence
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


def test_every_command_names_a_run_by_the_same_link_and_name(desk: Desk) -> None:
    run = desk.red()
    assert desk.server is not None
    page = f"{desk.server.api_url}/acme/shop/actions/runs/{run}"
    shown = {
        verb: desk.cicatrix(verb, "acme/shop#1", "-o", "table", *more).out
        for verb, *more in (["triage"], ["explain"], ["rerun", "--dry-run"])
    }
    assert [verb for verb, out in shown.items() if page not in out] == []
    (head,) = {shown[verb].splitlines()[0] for verb in ("explain", "rerun")}
    assert head.startswith(f"ci ({CI}) · run {run} · attempt 1")
    told = desk.cicatrix("explain", f"run:{run}", "-R", "acme/shop").json["runs"][0]
    assert (told["url"], told["workflow"], told["path"]) == (page, "ci", CI)


def test_the_history_names_the_reason_that_decided(desk: Desk) -> None:
    repo = desk.world.repository("acme/shop")
    jobs = [
        JobSpec(id="test", outcomes=[Outcome.failure(RESET, step="Install dependencies")]),
        JobSpec(id="gate", needs=["test"], always=True),
    ]
    repo.workflow(CI, jobs)
    run = repo.run(CI, pull_request=repo.pull_request(1), finished=True)
    assert desk.cicatrix("rerun", "acme/shop#1").code == 0
    desk.world.advance(600)
    assert desk.cicatrix("tick").code == 0
    answer = desk.cicatrix("rerun", "acme/shop#1").json
    assert (answer["decision"], "dependant_failure" in answer["reasons"][0]) == ("BLOCKED", False)
    story = desk.cicatrix("explain", f"run:{run.id}", "-R", "acme/shop").json["runs"][0]["story"]
    (blocked,) = [entry["text"] for entry in story if "BLOCKED" in entry["text"]]
    assert ": cooldown_active: test" in blocked or ": max_attempts_exceeded: test" in blocked


def sentence_of(decision: str, *reasons: str) -> str:
    data = {"decision": decision, "principal": "ann", "runAttempt": 2, "reasons": "\n".join(reasons)}
    return sentence("rerun.decided", data).partition(" on attempt 2: ")[2]


def test_an_entry_of_an_earlier_version_is_told_by_its_cause_too() -> None:
    gate, cause, spent = "dependant_failure: gate", "not_eligible: unit", "max_attempts_exceeded: lint (used 2)"
    assert sentence_of("BLOCKED", gate, cause, spent) == spent
    assert sentence_of("NOOP", gate, cause) == cause
    assert sentence_of("NOOP", gate, "built-in lawbook") == gate
    assert sentence_of("RERUN_TRIGGERED", "1 of 2 jobs rerun: one call", spent) == "1 of 2 jobs rerun: one call"


def test_a_healed_run_tells_what_it_has_used(desk: Desk) -> None:
    run = desk.red()
    desk.cicatrix("rerun", "acme/shop#1")
    desk.world.advance(600)
    assert desk.cicatrix("tick").code == 0
    assert "used 1 · left 1" in desk.cicatrix("explain", f"run:{run}", "-R", "acme/shop", "-o", "table").out
    shown = desk.cicatrix("explain", "acme/shop#1", "-o", "table").out
    assert "bound  asked 2 · registry - · lawbook 2" in shown
    assert "used 0" not in shown


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_eighty_columns_are_enough_where_the_lawbook_stops_every_write(desk: Desk) -> None:
    desk.red()
    desk.set(LAWBOOK_HASH="v9")
    code, seen = desk.terminal("explain", "acme/shop#1")
    assert code == 0
    assert "stops every write: lawbook_mismatch" in seen
    assert max(map(len, seen.splitlines())) <= 80


def test_a_pull_request_whose_run_is_going_again_still_tells_its_case(desk: Desk) -> None:
    run = desk.red()
    desk.cicatrix("rerun", "acme/shop#1")
    told = desk.cicatrix("explain", "acme/shop#1").json
    assert (told["runs"], [case["runId"] for case in told["earlier"]]) == ([], [str(run)])
    assert "rerun.confirmed" in desk.cicatrix("explain", "acme/shop#1", "-o", "table").out
