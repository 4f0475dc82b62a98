"""`cicatrix rerun`: answers, exit codes, replays, waits; through the real command and a simulated GitHub."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from cicatrix.simulator import JobSpec, Outcome
from tests.cli.desk import CI, COMPILE, RESET, Desk

SCHEMA_FIELDS = {
    "schemaVersion",
    "requestId",
    "lawbookHash",
    "deploymentEnv",
    "target",
    "decision",
    "reasons",
    "jobs",
    "metadata",
}
JOB_FIELDS = {"jobName", "jobId", "priorConclusion", "action", "attemptNumber", "reasonCode"}


@pytest.mark.shows("RR-6")
def test_a_reset_connection_is_rerun_once_and_exits_0(desk: Desk) -> None:
    desk.red()
    ended = desk.cicatrix("rerun", "acme/shop#1", "--json")
    assert (ended.code, ended.json["decision"], len(desk.effects)) == (0, "RERUN_TRIGGERED", 1)


@pytest.mark.shows("GE-2")
def test_json_has_every_field_of_schema_1_0(desk: Desk) -> None:
    desk.red()
    answer = desk.cicatrix("rerun", "acme/shop#1", "--json").json
    assert answer.keys() >= SCHEMA_FIELDS
    assert set(answer["metadata"]) == {"totalJobs", "rerunJobs", "blockedJobs", "skippedJobs"}
    rerun = next(job for job in answer["jobs"] if job["action"] == "RERUN")
    assert rerun.keys() >= JOB_FIELDS


def test_json_is_what_pipes_get_without_asking(desk: Desk) -> None:
    desk.red()
    assert desk.cicatrix("rerun", "acme/shop#1").json["schemaVersion"] == "1.0"


@pytest.mark.parametrize(
    "form",
    ["1 -R acme/shop", "acme/shop#1", "{web}/acme/shop/pull/1", "{web}/acme/shop/pull/1/files", "acme/shop@{sha}"],
)
def test_every_form_of_a_pull_request_means_the_same(desk: Desk, form: str) -> None:
    run = desk.red()
    assert desk.server is not None
    text = form.format(web=desk.server.api_url, sha=desk.world.runs[run].head_sha)
    answer = desk.cicatrix("rerun", *text.split(), "--dry-run").json
    assert [job["runId"] for job in answer["jobs"]] == [run, run]


@pytest.mark.parametrize(
    "form",
    [
        "run:{id} -R acme/shop",
        "{id} -R acme/shop",
        "--run-id {id} -R acme/shop",
        "{web}/acme/shop/actions/runs/{id}/attempts/1",
        "{web}/acme/shop/actions/runs/{id}/job/7",
    ],
)
def test_every_form_of_a_run_means_the_same(desk: Desk, form: str) -> None:
    run = desk.red()
    assert desk.server is not None
    ended = desk.cicatrix("rerun", *form.format(id=run, web=desk.server.api_url).split(), "--dry-run")
    assert ended.json["target"] == {"prNumber": 1, "runId": run}


@pytest.mark.shows("RR-16")
def test_a_dry_run_sends_nothing(desk: Desk) -> None:
    desk.red()
    ended = desk.cicatrix("rerun", "acme/shop#1", "--dry-run")
    assert (ended.code, ended.json["dryRun"], desk.writes) == (0, True, [])


def test_a_dry_run_says_what_it_would_do_in_one_voice(desk: Desk) -> None:
    desk.red()
    out = desk.cicatrix("rerun", "acme/shop#1", "--dry-run", "-o", "table").out
    assert "↻ would rerun\n" in out
    assert "nothing to do" not in out
    assert "next " not in out
    story = desk.cicatrix("explain", "acme/shop#1", "-o", "table").out
    assert "dry run, would rerun for" in story
    assert "NOOP" not in story


@pytest.mark.parametrize(("permissions", "code"), [({"actions": "read"}, 4), ({"actions": "write"}, 0)])
def test_a_token_without_the_permission_to_rerun_ends_with_4(
    desk: Desk, permissions: dict[str, str], code: int
) -> None:
    desk.red()
    reads = {"checks": "read", "contents": "read", "metadata": "read", "pull_requests": "read"}
    desk.world.token("github_pat_narrownarrownarrow", login="octocat", permissions={**reads, **permissions})
    desk.set(GITHUB_TOKEN="github_pat_narrownarrownarrow")
    ended = desk.cicatrix("rerun", "acme/shop#1", "--request-id", "r-1")
    assert (ended.code, len(desk.effects)) == (code, 0 if code else 1)
    assert desk.cicatrix("rerun", "acme/shop#1", "--request-id", "r-1").code == code, "the stored answer says it too"


def test_a_rerun_that_was_sent_says_what_comes_next(desk: Desk) -> None:
    desk.red()
    out = desk.cicatrix("rerun", "acme/shop#1", "-o", "table").out
    assert out.splitlines()[-1] == "next   cicatrix tick reads what became of it (or use --wait)"
    assert "awaits end of attempt 2, or its deadline" in desk.cicatrix("explain", "acme/shop#1", "-o", "table").out


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT to one process is POSIX")
def test_ctrl_c_while_waiting_says_that_all_is_recorded(desk: Desk) -> None:
    desk.red()
    command = [sys.executable, "-m", "cicatrix", "rerun", "acme/shop#1", "--wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        assert "awaits end of attempt 2" in child.stderr.readline()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert (child.returncode, err.splitlines()) == (130, ["recorded; cicatrix tick goes on"])
    assert json.loads(out)["decision"] == "RERUN_TRIGGERED"


@pytest.mark.shows("RR-13")
def test_the_same_request_id_replays_the_stored_answer(desk: Desk) -> None:
    desk.red()
    first = desk.cicatrix("rerun", "acme/shop#1", "--request-id", "r-1")
    again = desk.cicatrix("rerun", "acme/shop#1", "--request-id", "r-1")
    assert (again.json, again.code, len(desk.effects)) == (first.json, 0, 1)
    assert "stored answer" in again.err


@pytest.mark.shows("RR-13")
def test_a_request_id_of_another_request_is_refused(desk: Desk) -> None:
    desk.red()
    desk.cicatrix("rerun", "acme/shop#1", "--request-id", "r-1", "--dry-run")
    ended = desk.cicatrix("rerun", "acme/shop#1", "--request-id", "r-1")
    assert (ended.code, desk.writes) == (2, [])
    assert "another request" in ended.three_lines[0]


def test_a_compile_error_is_left_alone_with_exit_0(desk: Desk) -> None:
    desk.red(log=COMPILE, step="Run tests")
    ended = desk.cicatrix("rerun", "acme/shop#1")
    assert (ended.code, ended.json["decision"], desk.writes) == (0, "NOOP", [])


@pytest.mark.shows("RR-8")
def test_a_used_up_bound_is_blocked_with_exit_3_and_says_what_bound(desk: Desk) -> None:
    desk.calm()
    repo = desk.world.repository("acme/shop")
    repo.workflow(CI, [JobSpec(id="test", outcomes=[Outcome.failure(RESET, step="Install dependencies")])])
    run = repo.run(CI, pull_request=repo.pull_request(1), finished=True)
    assert desk.cicatrix("rerun", "acme/shop#1", "--max-attempts", "1").code == 0
    run.finish()
    ended = desk.cicatrix("rerun", "acme/shop#1", "--max-attempts", "1", "-o", "table")
    assert (ended.code, len(desk.effects)) == (3, 1)
    assert "asked 1 · registry - · lawbook 2 · used 1 · left 0" in ended.out
    assert "max_attempts_exceeded (test) would change by: A new head SHA." in ended.out


@pytest.mark.shows("GE-3")
def test_the_principal_is_the_login_of_the_token(desk: Desk) -> None:
    desk.red()
    desk.cicatrix("rerun", "acme/shop#1")
    host = desk.world.api_origin.partition("//")[2]
    entry = desk.cicatrix("ledger", "show", "0").json["entry"]
    assert entry["principal"] == f"cli:octocat@{host}"


def test_a_lost_answer_is_pending_with_exit_8_and_not_sent_again(desk: Desk) -> None:
    desk.red()
    desk.world.faults.add("answer_502_before", "POST *", count=1)
    ended = desk.cicatrix("rerun", "acme/shop#1")
    assert ended.code == 8
    assert {job.get("reasonCode") for job in ended.json["jobs"]} == {"outcome_unknown", "not_failed"}
    assert desk.cicatrix("rerun", "acme/shop#1").code in {3, 8}
    assert len(desk.writes) == 1


def test_several_targets_end_with_the_worst_code(desk: Desk) -> None:
    desk.red(1)
    ended = desk.cicatrix("rerun", "acme/shop#1", "acme/shop#404")
    assert (ended.code, len(ended.json), len(desk.effects)) == (1, 1, 1)
    assert ended.three_lines[0].startswith("acme/shop#404: ")


def test_the_persons_view_names_evidence_attempts_and_the_ledger_entry(desk: Desk) -> None:
    desk.red()
    out = desk.cicatrix("rerun", "acme/shop#1", "-o", "table").out
    for part in (
        "↻ rerun sent",
        "infra_transient",
        "npm error code ECONNRESET",
        "1 of 2",
        "bound by lawbook",
        "entry 0",
    ):
        assert part in out
    assert "\x1b" not in out


def test_waiting_ends_0_when_the_job_is_healed(desk: Desk) -> None:
    desk.red()
    desk.world.follow_clock(lambda: datetime.now(UTC), 2_000)
    ended = desk.cicatrix("rerun", "acme/shop#1", "--wait", "--timeout", "30")
    assert (ended.code, [o["outcome"] for o in ended.json["outcomes"]]) == (0, ["healed"])


def test_waiting_ends_8_when_the_time_is_over(desk: Desk) -> None:
    desk.red()
    ended = desk.cicatrix("rerun", "acme/shop#1", "--wait", "--timeout", "0.1")
    assert ended.code == 8


def test_nothing_red_is_nothing_to_do(desk: Desk) -> None:
    repo = desk.world.repository("acme/shop")
    repo.pull_request(1)
    ended = desk.cicatrix("rerun", "acme/shop#1", "-o", "table")
    assert (ended.code, ended.out.splitlines()[0]) == (0, "○ nothing to do for acme/shop#1")


@pytest.mark.shows("GE-5")
def test_the_kill_switch_file_stops_the_write(desk: Desk) -> None:
    desk.red()
    switch = desk.folder / "stop"
    switch.touch()
    desk.set(CICATRIX_KILL_SWITCH_FILE=str(switch))
    ended = desk.cicatrix("rerun", "acme/shop#1")
    assert (ended.code, desk.writes) == (3, [])
    assert "kill_switch" in {job.get("reasonCode") for job in ended.json["jobs"]}


@pytest.mark.shows("GE-1", "GE-4")
def test_an_unknown_environment_is_production_and_refuses_without_a_registry(desk: Desk) -> None:
    desk.red()
    desk.set(DEPLOY_ENV="stagging")
    ended = desk.cicatrix("rerun", "acme/shop#1")
    assert (ended.code, ended.json["deploymentEnv"], desk.writes) == (3, "prod", [])
    assert "DEPLOY_ENV=stagging" in ended.err


def test_inside_actions_without_a_database_only_the_first_attempt_may_be_rerun(desk: Desk) -> None:
    run = desk.red()
    desk.set(GITHUB_ACTIONS="true", CICATRIX_DATABASE_URL=None)
    first = desk.cicatrix("rerun", "acme/shop#1")
    assert (first.code, len(desk.effects)) == (0, 1)
    assert "only the first attempt" in first.err
    desk.world.human_reruns(run)
    assert not desk.ledger.exists()
    assert json.loads(first.out)["reasons"][-1].startswith("inside GitHub Actions")


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
@pytest.mark.parametrize(
    ("variables", "colored"), [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False)]
)
def test_a_terminal_gets_the_table_and_colours_unless_told_otherwise(
    desk: Desk, variables: dict[str, str], colored: bool
) -> None:
    desk.red()
    code, seen = desk.terminal("rerun", "acme/shop#1", "--dry-run", columns=120, variables=variables)
    assert code == 0
    assert "would rerun" in seen
    assert ("\x1b[" in seen) is colored


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_eighty_columns_are_enough(desk: Desk) -> None:
    desk.red()
    code, seen = desk.terminal("rerun", "acme/shop#1", "--max-attempts", "1")
    assert code == 0
    shown = [line.rstrip() for line in seen.splitlines()]
    bound = shown.index("  bound  asked 1 · registry - · lawbook 2 · used 0 · left 1")
    assert shown[bound + 1].startswith("         bound by ")
    _, story = desk.terminal("explain", "acme/shop#1")
    lines = story.splitlines()
    case = next(place for place, line in enumerate(lines) if line.startswith("  case   "))
    assert lines[case + 1].startswith("         ")
    for command in (["operation", "list", "--all"], ["ledger", "list"], ["config", "show"], ["doctor"]):
        code, seen = desk.terminal(*command)
        assert code == 0, command
        assert max(map(len, seen.splitlines())) <= 80, command
    _, seen = desk.terminal("ledger", "list")
    entry = desk.cicatrix("ledger", "list", "--limit", "1").json[0]
    day, clock = entry["at"][:10], entry["at"][11:19]
    assert (seen.count(day), clock in seen) == (1, True)
    operation = desk.cicatrix("operation", "list", "--all").json[0]
    _, seen = desk.terminal("operation", "list", "--all")
    assert f"{operation['operationId']}  CONFIRMED" in seen.splitlines()
