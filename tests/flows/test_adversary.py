"""Stories by someone who wants to see a law broken: races, crashes, people at GitHub, half-read facts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cicatrix.core.cases import CaseState
from cicatrix.core.lawbook import LayerKind
from cicatrix.core.operations import OperationState
from cicatrix.core.policy import Mode, RerunRequest
from cicatrix.flows.context import Context
from cicatrix.flows.reading import Target
from cicatrix.flows.rerun import rerun_failed_jobs
from cicatrix.flows.settle import resolve
from cicatrix.flows.tick import tick
from cicatrix.github import GitHubError
from cicatrix.lawbook import load
from cicatrix.simulator import JobSpec, Outcome, SimRun
from tests.stage import CI, Stage, always_lost, broken, codes, job_of, lawbook, lost

FLAKY = JobSpec(id="unit", outcomes=lost())
BROKEN = JobSpec(id="lint", outcomes=broken())
NO_COOLDOWN = "version: t.1\nstopRules: {cooldownMinutes: 0, noSignalChangeThreshold: 5, maxWaitMinutesForGreen: 60}\n"


def rows(stage: Stage, run: SimRun) -> list[tuple[str, str, str | None, int]]:
    """Job, decision, reason and attempt number of every row of the run."""
    with stage.ctx.ledger.read() as view:
        found = view.attempts(run=stage.key(run))
    return [(r.row.job_name, r.row.decision, r.row.reason_code, r.row.attempt_number) for r in found]


# --- effects that are not charged ---


@pytest.mark.shows("RR-10", "RR-12")
def test_all_jobs_is_refused_when_a_storm_holds_the_failed_ones(stage: Stage) -> None:
    stage.deploy(base=lawbook("version: t.1\nallowAllJobs: true\n"))
    causes = [Outcome.lost_runner(), Outcome.never_acquired()]
    jobs = [JobSpec(id=f"j{n}", outcomes=[causes[n % 2], Outcome.success()]) for n in range(6)]
    stage.red([*jobs, JobSpec(id="green")])
    answer = stage.ask(mode="ALL_JOBS")
    assert answer["decision"] == "BLOCKED"
    assert stage.posts == []


@pytest.mark.shows("RR-8", "RR-12")
def test_all_jobs_is_refused_when_the_minutes_do_not_last_for_all_of_them(stage: Stage) -> None:
    stage.deploy(
        base=lawbook("version: t.1\nallowAllJobs: true\nminutes: {perPullRequestDay: 3, perRepositoryDay: null}\n")
    )
    stage.red([FLAKY, JobSpec(id="green", seconds=170)])
    answer = stage.ask(mode="ALL_JOBS")
    assert answer["decision"] == "BLOCKED"
    assert stage.posts == []


@pytest.mark.shows("RR-4", "RR-5", "F5")
def test_a_deferred_rerun_is_not_sent_once_somebody_else_has_made_the_next_attempt(stage: Stage) -> None:
    run = stage.red([JobSpec(id="unit", outcomes=always_lost())])
    stage.world.faults.rate_limited("seconds", "POST *")
    stage.ask()
    assert stage.world.human_reruns(run.id)
    stage.tick(900)
    (operation,) = stage.operations()
    assert operation.state is OperationState.REFUSED
    assert stage.effects == []


@pytest.mark.shows("RR-5", "F3", "F5")
def test_a_person_s_attempt_before_the_resend_is_never_told_as_ours(stage: Stage) -> None:
    run = stage.red([JobSpec(id="unit", outcomes=always_lost())])
    stage.world.faults.rate_limited("seconds", "POST *")
    stage.ask()
    assert stage.world.human_reruns(run.id)
    stage.world.faults.reset_before()
    stage.tick(900)
    assert stage.effects == []
    assert [r for r in rows(stage, run) if r[1] == "RERUN_TRIGGERED"] == []


@pytest.mark.shows("RR-5", "F2")
def test_a_rerun_is_resent_only_by_the_identity_that_was_recorded(stage: Stage, app_context: Context) -> None:
    stage.red([JobSpec(id="unit", outcomes=always_lost())])
    stage.world.faults.rate_limited("seconds", "POST */rerun*")
    stage.ask(ctx=app_context)
    stage.world.faults.clear()
    stage.world.faults.answer_502_after_effect()
    stage.tick(900)
    stage.tick(900)
    charged = [op for op in stage.operations() if op.state is not OperationState.REFUSED]
    assert len(stage.effects) <= len(charged)


# --- effects that nobody asked for ---


@pytest.mark.shows("RR-13", "A10")
def test_one_request_id_reruns_once_even_when_its_lease_lapses_in_the_middle(stage: Stage) -> None:
    stage.deploy(base=lawbook(NO_COOLDOWN))
    run = stage.red([JobSpec(id="unit", outcomes=always_lost())])
    other = stage.context()
    answers: list[dict[str, Any]] = []
    heads: list[str] = []

    def second(method: str, path: str) -> None:
        if path.endswith("/pulls/1"):
            heads.append(path)
            if len(heads) == 2:  # the last read before the write
                stage.world.advance(360)
                answers.append(stage.ask(request_id="same", ctx=other))
                stage.world.advance(600)

    stage.before = second
    late = stage.ask(request_id="same")
    assert len(stage.effects) == 1
    assert rows(stage, run).count(("unit", "RERUN_TRIGGERED", "infra_transient", 1)) == 1
    assert codes(late) == codes(answers[0])


@pytest.mark.shows("RR-7", "F34")
def test_a_tick_that_lost_its_lease_sends_nothing_any_more(stage: Stage) -> None:
    stage.deploy(base=lawbook(NO_COOLDOWN))
    stage.red([JobSpec(id="a", outcomes=lost()), JobSpec(id="b", outcomes=always_lost()), BROKEN])
    assert job_of(stage.ask(), "b")["state"] == "queued"
    stage.world.advance(600)
    other = stage.context()
    seen: list[str] = []

    def stalled(method: str, path: str) -> None:
        if path.endswith("/attempts/2/jobs"):
            seen.append(path)
            if len(seen) == 2:  # the first is the judging, the second the decision about the queued job
                stage.world.advance(180)
                tick(other)
                stage.world.advance(600)
                tick(other)

    stage.before = stalled
    tick(stage.ctx)
    stage.before = None
    assert len(seen) >= 2
    assert [e["named"] for e in stage.effects] == [["a"], ["b"]]


@pytest.mark.shows("RR-5", "RR-14", "F10")
def test_a_rerun_that_had_to_wait_is_judged_and_not_repeated_by_itself(stage: Stage) -> None:
    stage.deploy(base=lawbook(NO_COOLDOWN))
    run = stage.red([JobSpec(id="unit", outcomes=always_lost())])
    stage.world.faults.rate_limited("seconds", "POST *")
    stage.ask()
    for _ in range(6):
        stage.tick(900)
    assert len(stage.effects) == 1
    with stage.ctx.ledger.read() as view:
        assert [o.row.outcome for o in view.outcomes(run=stage.key(run))] == ["failed_same"]


@pytest.mark.shows("RR-7", "RT-2")
def test_a_queued_job_that_github_defers_is_sent_when_its_time_has_come(stage: Stage) -> None:
    stage.deploy(base=lawbook(NO_COOLDOWN))
    stage.red([JobSpec(id="a", outcomes=always_lost()), JobSpec(id="b", outcomes=always_lost()), BROKEN])
    stage.ask()
    stage.world.faults.rate_limited("seconds", "POST *")
    stage.tick(600)
    stage.tick(900)
    assert [e["named"] for e in stage.effects] == [["a"], ["b"]]


# --- fail open ---


@pytest.mark.shows("RR-2", "A5")
@pytest.mark.parametrize("how", ["closed", "auto_merge"])
def test_a_sha_s_run_is_judged_under_its_own_pull_request(stage: Stage, how: str) -> None:
    stage.repo.workflow(".github/workflows/push.yml", [JobSpec(id="green")])
    stage.repo.workflow(CI, [FLAKY])
    pull = stage.repo.pull_request(1, head_branch="change-1", auto_merge=how == "auto_merge")
    stage.repo.run(CI, pull_request=pull, finished=True)
    stage.world.advance(5)
    stage.repo.run(".github/workflows/push.yml", branch="change-1", head_sha=pull.head_sha, finished=True)
    stage.world.advance(1)
    if how == "closed":
        pull.close()
    request = RerunRequest(request_id="by-sha", principal="cli:octocat", mode=Mode.FAILED_ONLY)
    target = Target(owner="acme", repository="shop", sha=pull.head_sha)
    answer = rerun_failed_jobs(stage.ctx, target, request).answer
    expected = {"closed": "pull_request_closed", "auto_merge": "auto_merge_armed"}[how]
    assert codes(answer) == {"unit": f"BLOCKED {expected}"}
    assert stage.posts == []


@pytest.mark.shows("RR-10")
def test_a_deferred_rerun_is_not_sent_when_a_newer_run_has_come(stage: Stage) -> None:
    run = stage.red([FLAKY])
    stage.world.faults.rate_limited("seconds", "POST *")
    stage.ask()
    newer = stage.repo.run(CI, pull_request=1, finished=True)
    stage.world.advance(1)
    assert codes(stage.ask(1, run_id=run.id, dry_run=True))["unit"] == "SKIP superseded", newer.id
    stage.tick(900)
    (operation,) = stage.operations()
    assert operation.state is OperationState.REFUSED
    assert stage.effects == []


@pytest.mark.shows("RR-8", "RR-9", "A11")
def test_reruns_by_others_in_the_other_runs_of_the_head_lower_the_pull_request_s_sum(stage: Stage) -> None:
    one = stage.red([JobSpec(id="one", outcomes=always_lost(), seconds=10)])
    two = stage.red([JobSpec(id="two", outcomes=always_lost(), seconds=10)], path=".github/workflows/two.yml")
    for _ in range(5):
        assert stage.world.human_reruns(two.id)
        stage.world.advance(60)
    answer = stage.ask(1, run_id=None)
    assert job_of(answer, "one")["reasonCode"] == "pr_budget_exceeded", one.id
    assert stage.posts == []


# --- stuck for ever, or lost ---


@pytest.mark.shows("RR-14")
def test_a_rerun_whose_run_cannot_be_read_any_more_is_given_up_at_its_deadline(stage: Stage) -> None:
    run = stage.red([FLAKY])
    stage.ask()
    stage.world.faults.answer_502_before(f"GET */actions/runs/{run.id}*", count=None)
    stage.tick(3600)
    stage.tick(25 * 3600)
    stage.tick(60)
    with stage.ctx.ledger.read() as view:
        case = view.case_of_run(*stage.key(run))
        outcomes = view.outcomes(run=stage.key(run))
    assert case is not None
    assert case.state is CaseState.HANDED_OVER
    assert [o.row.outcome for o in outcomes] == ["unknown"]


@pytest.mark.shows("RR-14", "LG-6")
def test_the_outcome_of_the_first_rerun_is_on_record_when_a_second_is_asked_for_before_any_tick(stage: Stage) -> None:
    stage.deploy(base=lawbook(NO_COOLDOWN))
    run = stage.red([JobSpec(id="unit", outcomes=always_lost())])
    stage.ask()
    stage.world.advance(600)
    stage.ask()
    stage.tick(600)
    assert len(stage.effects) == 2
    with stage.ctx.ledger.read() as view:
        assert [o.row.outcome for o in view.outcomes(run=stage.key(run))] == ["failed_same", "failed_same"]


def _serial(stage: Stage) -> SimRun:
    stage.deploy(base=lawbook(NO_COOLDOWN))
    return stage.red([JobSpec(id="a", outcomes=always_lost()), JobSpec(id="b", outcomes=always_lost()), BROKEN])


@pytest.mark.shows("RR-7", "LG-1")
def test_a_queued_job_has_a_row_when_the_one_before_it_is_refused_by_github(stage: Stage) -> None:
    reads = dict.fromkeys(("actions", "contents", "pull_requests", "checks", "metadata"), "read")
    stage.world.token("weak", login="octocat", kind="user", permissions=reads)
    run = _serial(stage)
    answer = stage.ask(ctx=stage.context(token="weak"))
    assert job_of(answer, "b")["action"] == "BLOCKED"
    stage.tick(600)
    assert [r[:2] for r in rows(stage, run) if r[0] == "b"] == [("b", "BLOCKED")]


@pytest.mark.shows("RR-7", "LG-1")
def test_a_queued_job_has_a_row_when_nobody_can_tell_what_became_of_the_one_before_it(stage: Stage) -> None:
    run = _serial(stage)
    stage.world.faults.reset_before()
    stage.ask()
    stage.tick(700)
    stage.tick(700)
    assert [r[:2] for r in rows(stage, run) if r[0] == "b"] == [("b", "BLOCKED")]


@pytest.mark.shows("RR-7", "LG-1")
def test_a_queued_job_has_a_row_when_the_attempt_before_it_never_ends(stage: Stage) -> None:
    stage.deploy(base=lawbook(NO_COOLDOWN))
    forever = [Outcome.lost_runner(seconds=60), Outcome.lost_runner(seconds=10**7)]
    run = stage.red([JobSpec(id="a", outcomes=forever), JobSpec(id="b", outcomes=always_lost()), BROKEN])
    stage.ask()
    stage.tick(25 * 3600)
    stage.tick(600)
    assert [r[:2] for r in rows(stage, run) if r[0] == "b"] == [("b", "BLOCKED")]


@pytest.mark.shows("RR-7", "LG-1")
def test_a_queued_job_has_a_row_under_its_request_when_another_request_takes_the_case_over(stage: Stage) -> None:
    run = _serial(stage)
    stage.ask(request_id="first")
    stage.world.advance(600)
    stage.ask(request_id="second")
    stage.tick(600)
    stage.tick(600)
    with stage.ctx.ledger.read() as view:
        mine = [r.row.job_name for r in view.attempts(request_id="first")]
    assert sorted(mine) == ["a", "b", "lint"], run.id


@pytest.mark.shows("LG-1")
def test_a_waiting_queued_job_does_not_fill_the_ledger_with_the_same_refusal(stage: Stage) -> None:
    stage.deploy(base=lawbook(NO_COOLDOWN))
    jobs = [JobSpec(id="a", outcomes=lost()), JobSpec(id="b", outcomes=[Outcome.lost_runner(), Outcome.success()])]
    slow = JobSpec(id="lint", outcomes=[*broken(), Outcome.failure("x", seconds=36000)])
    run = stage.red([*jobs, slow])
    stage.ask()
    stage.world.advance(600)
    assert stage.world.human_reruns(run.id, jobs=["lint"])
    for _ in range(6):
        stage.tick(60)
    same = [r for r in rows(stage, run) if r[0] == "b" and r[2] == "run_in_progress"]
    assert len(same) <= 1


# --- answers and entries that are not true ---


@pytest.mark.shows("RR-13", "A10")
def test_a_request_that_broke_off_tells_of_all_that_it_has_sent_when_it_is_asked_again(stage: Stage) -> None:
    stage.red([JobSpec(id="one", outcomes=lost())])
    stage.red([JobSpec(id="two", outcomes=lost())], path=".github/workflows/two.yml")
    heads: list[str] = []

    def breaks(method: str, path: str) -> None:
        if path.endswith("/pulls/1"):
            heads.append(path)
            if len(heads) == 3:
                stage.world.faults.garbage("GET */pulls/1", count=None)

    stage.before = breaks
    with pytest.raises(GitHubError):
        stage.ask(request_id="again")
    stage.before = None
    stage.world.faults.clear()
    assert len(stage.effects) == 1
    answer = stage.ask(request_id="again")
    assert codes(answer) == {"one": "RERUN infra_transient", "two": "RERUN infra_transient"}


@pytest.mark.shows("LG-2", "RR-6")
def test_a_deferred_rerun_that_the_plan_stops_bears_the_plan_s_reason_not_github_s(stage: Stage) -> None:
    run = stage.red([FLAKY])
    stage.world.faults.rate_limited("seconds", "POST *")
    stage.ask()
    stage.repo.push(1)
    stage.tick(900)
    assert rows(stage, run) == [("unit", "BLOCKED", "head_moved", 0)]


@pytest.mark.shows("RR-9", "F5")
def test_our_own_attempt_is_not_taken_for_a_stranger_s_when_a_person_was_a_moment_faster(
    stage: Stage, app_context: Context
) -> None:
    run = stage.red([JobSpec(id="unit", outcomes=always_lost(), seconds=20)])
    asked: list[int] = []

    def faster() -> str | None:
        asked.append(1)
        if len(asked) == 2:  # the last question before the intent is committed
            assert stage.world.human_reruns(run.id)
            stage.world.advance(40)
        return None

    ctx = replace(app_context, deployment=replace(app_context.deployment, kill_switch=faster))
    assert stage.ask(ctx=ctx)["decision"] == "RERUN_TRIGGERED"
    assert [e["attempt"] for e in stage.effects] == [3]
    stage.world.advance(3600)
    tick(ctx)
    stage.world.advance(3600)
    stage.ask(ctx=ctx)
    assert "identity.conflict" not in stage.kinds()
    with stage.ctx.ledger.read() as view:
        assert [o.row.run_attempt for o in view.outcomes(run=stage.key(run))] == [3]


@pytest.mark.shows("RR-14")
def test_a_rerun_that_a_person_found_to_have_happened_has_an_outcome(stage: Stage) -> None:
    run = stage.red([FLAKY])
    stage.world.faults.answer_502_after_effect()
    stale = stage.world.faults.add("stale_for", f"GET */actions/runs/{run.id}", count=None, seconds=7200.0)
    stage.ask()
    stage.tick(700)
    (operation,) = stage.operations()
    assert operation.state is OperationState.INDETERMINATE
    stage.world.faults.active.remove(stale)
    resolve(stage.ctx, operation.id, happened=True, reason="attempt 2 is there", principal="cli:me")
    stage.tick(600)
    stage.tick(600)
    with stage.ctx.ledger.read() as view:
        assert [o.row.outcome for o in view.outcomes(run=stage.key(run))] == ["healed"]


@pytest.mark.shows("RR-5", "F2", "F5")
def test_an_effect_behind_a_person_s_attempt_stays_charged_when_its_answer_is_lost(
    stage: Stage, app_context: Context
) -> None:
    run = stage.red([JobSpec(id="unit", outcomes=always_lost(), seconds=20)])
    asked: list[int] = []

    def faster() -> str | None:
        asked.append(1)
        if len(asked) == 2:  # the last question before the intent is committed
            assert stage.world.human_reruns(run.id)
            stage.world.advance(40)
        return None

    stage.world.faults.answer_502_after_effect()
    stage.ask(ctx=replace(app_context, deployment=replace(app_context.deployment, kill_switch=faster)))
    assert len(stage.effects) == 1
    (operation,) = stage.operations()
    assert operation.state is OperationState.CONFIRMED


@pytest.mark.shows("RR-5", "F5")
def test_a_run_that_somebody_just_rerun_is_told_with_a_time_to_ask_again(stage: Stage) -> None:
    stage.red([FLAKY])
    stage.world.faults.human_reruns_at_the_same_time()
    answer = stage.ask()
    assert codes(answer) == {"unit": "BLOCKED run_in_progress"}
    assert "wakeAt" in answer


@pytest.mark.shows("LG-6")
def test_no_entry_holds_a_login_a_branch_a_log_line_or_a_path_of_somebody_s_computer(stage: Stage) -> None:
    layer, _ = load(b"version: t.1\nattempts: {perJob: 1}\n", "/home/alice/base.yml", kind=LayerKind.DEPLOYMENT)
    stage.deploy(base=layer)
    stage.red([FLAKY, BROKEN])
    stage.ask()
    stage.tick(600)
    with stage.ctx.ledger.read() as view:
        told = "\n".join(entry.body for entry in view.entries())
    for word in ("octocat", "alice", "change-1", "acme", "undeclared"):
        assert word not in told
