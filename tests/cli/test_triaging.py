"""`cicatrix triage` and `cicatrix prompt`: tables for people, JSON for pipes, nothing written."""

from __future__ import annotations

import sys

import pytest

from cicatrix.simulator import JobSpec, Outcome
from tests.cli.desk import CI, COMPILE, Desk

SECRET = "ghp_" + "a1B2c3D4" * 4


@pytest.mark.shows("TR-1")
def test_triage_in_a_pipe_is_the_report(desk: Desk) -> None:
    desk.red(7, log=COMPILE, step="Run tests")
    told = desk.cicatrix("triage", "7", "-R", "acme/shop")
    assert told.code == 0
    (failure,) = told.json["failures"]
    assert told.json["pr"]["number"] == 7
    assert (failure["checkName"], failure["class"]) == ("test", "deterministic")
    assert failure["recommendation"]["nextAction"] == "PROMPT"
    assert desk.writes == []


def test_triage_as_a_table_names_class_action_and_lines(desk: Desk) -> None:
    desk.red(7, log=f"{COMPILE}\nusing {SECRET}", step="Run tests")
    shown = desk.cicatrix("triage", "acme/shop#7", "-o", "table").out
    assert shown.startswith("acme/shop#7: RED, failing 1 in 1 run, pending 0\n")
    assert "test (test, failure, step Run tests): deterministic, PROMPT" in shown
    assert "  | src/timeout.c:12:5: error: unknown type name 'timeout_t'" in shown
    assert "using [redacted]" in shown
    assert SECRET not in shown


def test_the_cause_stands_before_the_gate_that_failed_with_it(desk: Desk) -> None:
    repo = desk.world.repository("acme/shop")
    jobs = [
        JobSpec(id="unit", outcomes=[Outcome.failure(COMPILE, step="Run tests")]),
        JobSpec(id="gate", needs=["unit"], always=True),
    ]
    repo.workflow(CI, jobs)
    repo.run(CI, pull_request=repo.pull_request(7), finished=True)
    shown = desk.cicatrix("triage", "acme/shop#7", "-o", "table").out
    assert shown.index("\nunit (") < shown.index("\ngate (")


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_eighty_columns_are_enough_for_triage(desk: Desk) -> None:
    desk.red(7, log=f"{COMPILE}\n{'word ' * 40}", step="Run tests with a name that takes a great many columns")
    code, seen = desk.terminal("triage", "acme/shop#7")
    assert code == 0
    assert max(map(len, seen.splitlines())) <= 80


@pytest.mark.parametrize("form", ["run", "sha"])
def test_a_run_and_a_commit_can_be_named(desk: Desk, form: str) -> None:
    run = desk.red(7, log=COMPILE, step="Run tests")
    sha = desk.world.repository("acme/shop").pulls[7].head_sha
    target = f"run:{run}" if form == "run" else f"acme/shop@{sha}"
    told = desk.cicatrix("triage", target, "-R", "acme/shop", "--json", "--max-log-bytes", "60", "--max-steps", "1")
    (failure,) = told.json["failures"]
    assert failure["runId"] == run
    assert len(failure["evidence"]["excerpt"]) <= 60
    assert len(failure["steps"]) == 1
    assert told.json["truncated"] is True


@pytest.mark.shows("PG-1")
def test_prompt_prints_the_text_and_nothing_else_on_standard_output(desk: Desk) -> None:
    desk.red(7, log=COMPILE, step="Run tests")
    text = desk.cicatrix("prompt", "7", "-R", "acme/shop", "-o", "table")
    made = desk.cicatrix("prompt", "7", "-R", "acme/shop", "--json").json
    assert text.code == 0
    assert text.out == made[0]["promptText"]
    assert made[0]["promptHash"] in text.err
    other = desk.cicatrix("prompt", "7", "-R", "acme/shop", "--json", "--max-files", "1", "--no-minimal-diff").json
    assert other[0]["promptText"] != made[0]["promptText"]


def test_without_a_failure_there_is_no_prompt(desk: Desk) -> None:
    desk.world.repository("acme/shop").pull_request(7, head_branch="change-7")
    told = desk.cicatrix("prompt", "7", "-R", "acme/shop")
    assert told.code == 1
    assert told.three_lines[0] == "There is nothing to repair."


def test_an_unknown_pull_request_and_a_run_of_another_head_are_said_in_three_lines(desk: Desk) -> None:
    run = desk.red(7, log=COMPILE, step="Run tests")
    desk.red(8, log=COMPILE, step="Run tests")
    assert "has no pull request 99" in desk.cicatrix("triage", "99", "-R", "acme/shop").three_lines[0]
    wrong = desk.cicatrix("triage", "8", "-R", "acme/shop", "--run-id", run)
    assert wrong.code == 2
    assert wrong.three_lines[0] == "That cannot be triaged."
    assert "the head is" in wrong.three_lines[1]
    assert desk.cicatrix("triage").code == 2
    assert desk.cicatrix("triage", "8", "-R", "acme/shop", "--max-log-bytes", "0").code == 2
