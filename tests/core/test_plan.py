"""The decision as tables: one row a reason code, one a budget, one a shape of run."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cicatrix.core.attempts import RunFacts
from cicatrix.core.operations import OperationState, SlotUse, Verb
from cicatrix.core.policy import Mode
from cicatrix.core.reasons import Action, Reason, by_precedence
from cicatrix.core.verdict import Verdict
from tests.core.facts import (
    BROKEN,
    FLAKY,
    LOST,
    NOW,
    PATH,
    SHA,
    TRANSIENT,
    UNSURE,
    codes,
    decide,
    facts,
    job,
    operation,
    policy,
    pull,
    request,
    run,
    usage,
)

UNIT = [job("unit")]


# --- what a job died of ---


@pytest.mark.shows("RR-11", "GE-3", "C14")
@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (LOST, "RERUN infra_transient"),
        (FLAKY, "RERUN flaky_probable"),
        (BROKEN, "SKIP not_eligible"),
        (UNSURE, "SKIP unknown_class"),
        (replace(LOST, failure_class=LOST.failure_class.INFRA_PERSISTENT), "SKIP infra_persistent"),
        (replace(LOST, failure_class=LOST.failure_class.CANCELLED), "SKIP cancelled"),
    ],
)
def test_the_class_decides(verdict: Verdict, code: str) -> None:
    assert codes(decide(facts(UNIT, {"unit": verdict}))) == {"unit": code}


@pytest.mark.shows("C14")
@pytest.mark.parametrize("name", ["network-lib unit tests", "bench-1500-users", "randomized property tests", "timeout"])
def test_a_jobs_name_is_no_evidence(name: str) -> None:
    assert codes(decide(facts([job(name)], {name: UNSURE}))) == {name: "SKIP unknown_class"}


@pytest.mark.shows("RR-11")
@pytest.mark.parametrize(
    ("conclusion", "code"),
    [
        ("success", "SKIP not_failed"),
        ("skipped", "SKIP not_failed"),
        ("neutral", "SKIP not_failed"),
        ("cancelled", "SKIP cancelled"),
        ("action_required", "SKIP action_required"),
        ("stale", "SKIP unknown_class"),
        ("startup_failure", "SKIP unknown_class"),
        ("exploded", "SKIP unknown_class"),
        (None, "SKIP unknown_class"),
    ],
)
def test_only_failure_and_timed_out_are_failures(conclusion: str | None, code: str) -> None:
    assert codes(decide(facts([job("unit", conclusion)]))) == {"unit": code}


def test_a_class_that_the_lawbook_does_not_list_is_not_eligible() -> None:
    plan = decide(facts(UNIT, {"unit": FLAKY}), lawbook={"eligible": ["infra_transient"]})
    assert codes(plan) == {"unit": "SKIP not_eligible"}


# --- what stops a run ---

STOPS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("SKIP superseded", {"newer_run_id": "2"}, {}),
    ("BLOCKED incomplete_data", {"incomplete": "pages disagree"}, {}),
    ("BLOCKED incomplete_data", {"run": run(run_attempt=None)}, {}),
    ("BLOCKED incomplete_data", {"run": run(run_attempt=2)}, {}),
    ("BLOCKED logs_gone", {"logs_gone": True}, {}),
    ("BLOCKED run_in_progress", {"run": run(status="in_progress", conclusion=None)}, {}),
    ("BLOCKED run_in_progress", {"run": run(status="never_heard_of")}, {}),
    ("BLOCKED run_too_old", {"run": run(created_at=NOW - timedelta(days=31))}, {}),
    ("BLOCKED not_retriable", {"run": run(conclusion="startup_failure")}, {}),
    ("SKIP action_required", {"run": run(conclusion="action_required")}, {}),
    ("BLOCKED head_moved", {"pull_request": pull(head_sha="b" * 40)}, {}),
    ("BLOCKED run_not_of_pr", {"pull_request": pull(head_sha="b" * 40, head_ref="else", number=9)}, {}),
    ("BLOCKED run_not_of_pr", {"run": run(repository_id="5", head_repository_id="5")}, {}),
    ("BLOCKED pull_request_closed", {"pull_request": pull(state="closed")}, {}),
    ("BLOCKED auto_merge_armed", {"pull_request": pull(auto_merge=True)}, {}),
    ("RERUN infra_transient", {"pull_request": pull(auto_merge=True)}, {"autoMerge": "allow"}),
    ("BLOCKED fork_run", {"run": run(head_repository_id="8")}, {}),
    ("BLOCKED fork_run", {"run": run(head_repository_id=None)}, {}),
    ("RERUN infra_transient", {"run": run(head_repository_id="8")}, {"forks": "allow"}),
    ("BLOCKED fork_run", {"run": run(head_repository_id="8", event="pull_request_target")}, {"forks": "allow"}),
    ("BLOCKED merge_queue", {"run": run(event="merge_group")}, {}),
    ("BLOCKED merge_queue", {"run": run(head_branch="gh-readonly-queue/main/pr-1", event="push")}, {}),
    ("BLOCKED lawbook_block", {}, {"mode": "off"}),
]


@pytest.mark.shows("RR-10", "RR-2", "A7", "F8", "T19", "PL-3")
@pytest.mark.parametrize(("code", "fields", "lawbook"), STOPS)
def test_what_the_run_is_comes_before_what_it_died_of(
    code: str, fields: dict[str, Any], lawbook: dict[str, Any]
) -> None:
    plan = decide(facts(UNIT, **fields), lawbook=lawbook)
    assert codes(plan) == {"unit": code}
    assert (plan.call is None) == (not code.startswith("RERUN"))


@pytest.mark.shows("RR-10", "D13")
def test_the_fifty_first_rerun_is_refused_here() -> None:
    attempts = [[job("unit", started_at=NOW - timedelta(hours=n))] for n in range(60, 9, -1)]
    plan = decide(facts(attempts))
    assert codes(plan) == {"unit": "BLOCKED platform_rerun_limit"}


@pytest.mark.shows("GE-4", "GE-5", "T18")
@pytest.mark.parametrize(
    "reason", [Reason.KILL_SWITCH, Reason.LAWBOOK_MISMATCH, Reason.LAWBOOK_BLOCK, Reason.REGISTRY_DENIED]
)
def test_a_stop_of_the_deployment_blocks_and_shows_its_evidence(reason: Reason) -> None:
    plan = decide(facts([job("unit"), job("docs", "success")]), rules=policy(stops=((reason, "because"),)))
    assert codes(plan) == {"unit": f"BLOCKED {reason}", "docs": "SKIP not_failed"}
    assert f"{reason}: unit (because)" in plan.reasons


def test_the_kill_switch_of_the_database_and_an_identity_conflict_stop_too() -> None:
    assert codes(decide(facts(UNIT), used=usage(kill_switch="drill"))) == {"unit": "BLOCKED kill_switch"}
    assert codes(decide(facts(UNIT), used=usage(identity_conflict="c1"))) == {"unit": "BLOCKED identity_conflict"}


@pytest.mark.shows("RR-5", "F6")
@pytest.mark.parametrize(
    ("state", "code"),
    [
        (OperationState.SENT, "BLOCKED run_in_progress"),
        (OperationState.DEFERRED, "BLOCKED run_in_progress"),
        (OperationState.CONFIRMED, "BLOCKED run_in_progress"),
        (OperationState.INDETERMINATE, "BLOCKED outcome_unknown"),
        (OperationState.REFUSED, "RERUN infra_transient"),
    ],
)
def test_an_operation_whose_attempt_is_not_seen_yet_keeps_others_away(state: OperationState, code: str) -> None:
    assert codes(decide(facts(UNIT), used=usage(operations=(operation(state=state),)))) == {"unit": code}


def test_every_reason_has_a_page_and_a_place() -> None:
    assert by_precedence(reversed(list(Reason))) == tuple(Reason)
    for reason in Reason:
        page = reason.page
        assert page.means
        assert page.look_at
        assert page.would_change
        assert (page.action is Action.RERUN) == (reason in {Reason.INFRA_TRANSIENT, Reason.FLAKY_PROBABLE})


def test_when_several_hold_the_first_is_the_code_and_the_rest_stand_behind() -> None:
    plan = decide(facts(UNIT, {"unit": BROKEN}, run=run(head_repository_id="8")), used=usage(kill_switch="drill"))
    assert plan.jobs[0].reasons == (Reason.KILL_SWITCH, Reason.FORK_RUN, Reason.NOT_ELIGIBLE)


def test_what_blocks_is_told_before_what_is_skipped() -> None:
    jobs = {"unit": {}, "gate": {"needs": ["unit"], "if": "always()"}}
    found = facts([job("unit"), job("gate")], jobs_file=jobs)
    plan = decide(found, used=usage(run_job={"unit": 2}))
    assert plan.decision == "BLOCKED"
    assert [line.partition(":")[0] for line in plan.reasons] == ["max_attempts_exceeded", "dependant_failure"]


# --- the bound and the budgets ---


@pytest.mark.shows("RR-8", "A1", "A8")
@pytest.mark.parametrize(
    ("asked", "registry", "lawbook", "bound", "by"),
    [
        (2, None, 2, 2, "lawbook attempts.perJob (base.yml:1)"),
        (1, None, 2, 1, "the request's maxAttempts"),
        (5, 1, 2, 1, "registry maxRetries"),
        (5, None, 4, 4, "lawbook attempts.perJob (base.yml:1)"),
        (2, 0, 2, 0, "registry maxRetries"),
    ],
)
def test_the_smallest_limit_binds_and_says_so(
    asked: int, registry: int | None, lawbook: int, bound: int, by: str
) -> None:
    rules = policy({"attempts": {"perJob": lawbook, "perJobAndSha": 5}}, registry_limit=registry)
    for used in range(6):
        plan = decide(facts(UNIT), rules=rules, asked=request(max_attempts=asked), used=usage(run_job={"unit": used}))
        assert (plan.call is not None) == (used < bound)
        assert plan.jobs[0].limits.bound_by == by
        if used >= bound:
            assert codes(plan) == {"unit": "BLOCKED max_attempts_exceeded"}
            assert f"used {used} · left 0" in plan.reasons[0]
        else:
            assert plan.jobs[0].attempt_number == used + 1


@pytest.mark.shows("RR-8", "D1")
def test_a_new_run_of_the_same_commit_is_no_fresh_budget() -> None:
    taken = (SlotUse(name="unit", key=f"{PATH}#unit", n=1), SlotUse(name="renamed", key=f"{PATH}#unit", n=2))
    assert codes(decide(facts(UNIT), used=usage(sha_job=taken))) == {"unit": "BLOCKED max_attempts_exceeded"}
    same_name = (SlotUse(name="unit", key="other", n=1), SlotUse(name="unit", key="third", n=2))
    assert codes(decide(facts(UNIT), used=usage(sha_job=same_name))) == {"unit": "BLOCKED max_attempts_exceeded"}


@pytest.mark.shows("RR-8")
@pytest.mark.parametrize(
    ("used", "code"),
    [
        ({"pull_request": 5}, "pr_budget_exceeded"),
        ({"pull_request_day": 15}, "pr_budget_exceeded"),
        ({"repository_day": 50}, "repo_day_budget_exceeded"),
        ({"organisation_day": 200}, "org_day_budget_exceeded"),
    ],
)
def test_the_wider_budgets_hold(used: dict[str, int], code: str) -> None:
    assert codes(decide(facts(UNIT), used=usage(**used))) == {"unit": f"BLOCKED {code}"}
    one_left = {name: n - 1 for name, n in used.items()}
    assert decide(facts(UNIT), used=usage(**one_left)).call is not None


def test_a_run_without_a_pull_request_has_no_pull_requests_budget() -> None:
    assert decide(facts(UNIT, pull_request=None), used=usage(pull_request=99, pull_request_day=99)).call is not None


def test_when_a_budget_leaves_room_for_one_job_one_job_reruns() -> None:
    plan = decide(facts([job("a"), job("b")]), used=usage(pull_request=4))
    assert codes(plan) == {"a": "RERUN infra_transient", "b": "BLOCKED pr_budget_exceeded"}
    assert plan.call is not None
    assert plan.call.verb is Verb.RERUN_JOB


@pytest.mark.shows("RR-8")
def test_a_ceiling_in_minutes_is_enforced_before_acting() -> None:
    lawbook = {"minutes": {"perPullRequestDay": 8}}
    assert decide(facts(UNIT), lawbook=lawbook, used=usage(minutes_pull_request_day=5)).call is not None
    plan = decide(facts(UNIT), lawbook=lawbook, used=usage(minutes_pull_request_day=6))
    assert codes(plan) == {"unit": "BLOCKED cost_ceiling"}


@pytest.mark.shows("LB-3")
def test_cooldown_and_an_unchanged_signal_hold_one_job_and_say_until_when() -> None:
    last = {f"{PATH}#unit": NOW - timedelta(minutes=4)}
    plan = decide(facts(UNIT), used=usage(last_rerun=last))
    assert codes(plan) == {"unit": "BLOCKED cooldown_active"}
    assert plan.wake_at == NOW + timedelta(minutes=1)
    assert decide(facts(UNIT), used=usage(last_rerun=last), now=NOW + timedelta(minutes=1)).call is not None
    assert codes(decide(facts(UNIT), used=usage(same_signal={f"{PATH}#unit": 2}))) == {
        "unit": "BLOCKED no_signal_change"
    }


@pytest.mark.shows("RR-8", "LB-3")
@pytest.mark.parametrize(
    ("used", "code"),
    [
        ({"run_job": {"unit": 2}}, "max_attempts_exceeded"),
        ({"pull_request": 5}, "pr_budget_exceeded"),
        ({"repository_day": 50}, "repo_day_budget_exceeded"),
    ],
)
def test_a_spent_bound_is_told_before_an_unchanged_signal_or_a_cooldown(used: dict[str, Any], code: str) -> None:
    held = usage(same_signal={f"{PATH}#unit": 2}, last_rerun={f"{PATH}#unit": NOW}, **used)
    plan = decide(facts(UNIT), used=held)
    assert codes(plan) == {"unit": f"BLOCKED {code}"}
    assert {Reason.NO_SIGNAL_CHANGE, Reason.COOLDOWN_ACTIVE} <= set(plan.jobs[0].reasons)
    assert plan.wake_at is None, "waiting would not help"


@pytest.mark.shows("RR-9", "A11", "F5")
@pytest.mark.parametrize("shape", ["copied", "absent"])
def test_reruns_by_people_count_and_copies_do_not(shape: str) -> None:
    later = job("unit", id="u2", run_attempt=2, started_at=NOW - timedelta(minutes=5))
    copied = [job("green", "success", id="g2", run_attempt=2)] if shape == "copied" else []
    attempts = [[job("unit", id="u1"), job("green", "success", id="g1")], [later, *copied]]
    plan = decide(facts(attempts), asked=request(max_attempts=1))
    assert codes(plan) == {"unit": "BLOCKED max_attempts_exceeded", "green": "SKIP not_failed"}
    ours = usage(operations=(operation(),), run_job={"unit": 1})
    assert plan.jobs[0].limits.used == decide(facts(attempts), used=ours).jobs[0].limits.used == 1


@pytest.mark.shows("RR-9")
def test_reruns_by_people_in_another_run_of_the_commit_count_on_the_commit() -> None:
    elsewhere = facts(
        [[job("unit")], [job("unit", id="u2", started_at=NOW)], [job("unit", id="u3", started_at=NOW + timedelta(1))]],
        run=run(id="7", run_attempt=3),
    )
    plan = decide(facts(UNIT), siblings=[(elsewhere, ())])
    assert codes(plan) == {"unit": "BLOCKED max_attempts_exceeded"}


def test_an_automatic_trigger_stays_out_where_a_person_was_faster() -> None:
    attempts = [[job("unit", id="u1")], [job("unit", id="u2", started_at=NOW)]]
    plan = decide(
        facts(attempts),
        asked=request(automatic=True),
        lawbook={"mode": "act", "attempts": {"perJob": 5, "perJobAndSha": 5}},
    )
    assert codes(plan) == {"unit": "SKIP already_rerun_by_other"}


@pytest.mark.shows("LB-5")
def test_in_shadow_an_automatic_trigger_decides_and_writes_nothing_and_a_person_acts() -> None:
    plan = decide(facts(UNIT), asked=request(automatic=True))
    assert (codes(plan), plan.call) == ({"unit": "SKIP dry_run"}, None)
    assert decide(facts(UNIT), asked=request(automatic=True), lawbook={"mode": "act"}).call is not None
    assert decide(facts(UNIT)).call is not None


# --- the one call ---

GATED = {"a": {}, "b": {}, "c": {}, "gate": {"needs": ["a", "b", "c"], "if": "always()"}}


@pytest.mark.shows("RR-7", "A3")
def test_two_flakes_and_an_aggregator_are_one_call() -> None:
    plan = decide(facts([job("a"), job("b"), job("c", "success"), job("gate")], {"b": TRANSIENT}, jobs_file=GATED))
    assert plan.call is not None
    assert plan.call.verb is Verb.RERUN_FAILED_JOBS
    assert [r.name for r in plan.call.named] == ["a", "b"]
    assert [r.name for r in plan.call.dependants] == ["gate"]
    assert codes(plan)["gate"] == "SKIP dependant_failure"


@pytest.mark.shows("RR-7", "A3", "D4", "F9")
def test_beside_an_ineligible_failure_each_flake_is_rerun_by_itself() -> None:
    plan = decide(facts([job("a"), job("b"), job("c"), job("gate")], {"c": BROKEN}, jobs_file=GATED))
    assert plan.call is not None
    assert plan.call.verb is Verb.RERUN_JOB
    assert plan.call.target_job_id == plan.jobs[0].job.id
    assert [r.name for r in plan.call.dependants] == ["gate"]
    assert [(j.name, j.state) for j in plan.jobs if j.state] == [("a", "sent"), ("b", "queued")]
    assert "2 single-job reruns, one after another: a, b; 2 of the 50" in plan.reasons[0]


@pytest.mark.shows("RR-7")
def test_a_shared_dependant_that_has_used_its_reruns_stops_the_next_single_rerun() -> None:
    found = facts([job("a"), job("b"), job("c"), job("gate")], {"c": BROKEN}, jobs_file=GATED)
    plan = decide(found, asked=request(max_attempts=1))
    assert codes(plan)["a"] == "RERUN infra_transient"
    assert codes(plan)["b"] == "BLOCKED max_attempts_exceeded"


@pytest.mark.shows("RR-7")
@pytest.mark.parametrize("lawbook", [{"mixed": "block"}, {"serial": {"maxAttempts": 1}}, {"serial": {"maxMinutes": 5}}])
def test_mixed_failures_are_blocked_where_the_lawbook_says_so(lawbook: dict[str, Any]) -> None:
    plan = decide(facts([job("a"), job("b"), job("c")], {"c": BROKEN}), lawbook=lawbook)
    assert codes(plan)["b"] == "BLOCKED mixed_failures"
    assert (plan.call is None) == ("mixed" in lawbook)


@pytest.mark.shows("RR-7", "RR-10")
def test_a_cancelled_sibling_keeps_the_run_level_call_away() -> None:
    plan = decide(facts([job("a"), job("b", "cancelled")]))
    assert plan.call is not None
    assert plan.call.verb is Verb.RERUN_JOB


@pytest.mark.shows("RR-10")
@pytest.mark.parametrize(
    ("tree", "skipped", "code"),
    [
        ({"unit": {}, "deploy": {"needs": "unit"}}, "deploy", "side_effect_job"),
        ({"unit": {}, "ship": {"needs": "unit", "environment": "production"}}, "ship", "environment_job"),
        ({"unit": {}, "mid": {"needs": "unit"}, "db-migration": {"needs": "mid"}}, "db-migration", "side_effect_job"),
    ],
)
def test_a_deploy_job_that_was_skipped_so_far_is_never_released(tree: dict[str, Any], skipped: str, code: str) -> None:
    jobs = [job("unit")] + [job(name, "skipped") for name in tree if name != "unit"]
    plan = decide(facts(jobs, jobs_file=tree))
    assert codes(plan)["unit"] == f"BLOCKED {code}"
    assert skipped in plan.jobs[0].why[Reason(code)]
    allowed = decide(facts(jobs, jobs_file=tree), lawbook={"sideEffects": {"allow": [skipped]}})
    assert allowed.call is not None


@pytest.mark.shows("RR-10")
@pytest.mark.parametrize("name", ["Deploy to prod", "release", "npm publish", "DB migration"])
def test_a_failed_job_with_side_effects_is_never_rerun(name: str) -> None:
    assert codes(decide(facts([job(name)])))[name] == "BLOCKED side_effect_job"


@pytest.mark.shows("RR-7")
@pytest.mark.parametrize("event", ["push", "release", "schedule", "workflow_dispatch"])
def test_unknown_dependants_are_guessed_generously_for_pull_requests_and_refused_elsewhere(event: str) -> None:
    jobs = [job("unit"), job("later", "success", started_at=NOW), job("asleep", "skipped"), job("before", "success")]
    guessed = decide(facts(jobs, graph_problem="the file cannot be read"))
    assert guessed.call is not None
    assert [r.name for r in guessed.call.dependants] == ["later", "asleep"]
    refused = decide(facts(jobs, graph_problem="the file cannot be read", run=run(event=event), pull_request=None))
    assert codes(refused)["unit"] == "BLOCKED dependants_unknown"
    with_deploy = facts([*jobs, job("deploy", "skipped")], graph_problem="the file cannot be read")
    assert codes(decide(with_deploy))["unit"] == "BLOCKED side_effect_job"


@pytest.mark.shows("RR-10")
def test_more_than_five_failures_need_one_shared_terminal_cause() -> None:
    many = [job(f"t{n}") for n in range(6)]
    assert decide(facts(many), used=usage()).call is not None
    mixed = decide(facts(many, {"t3": TRANSIENT}))
    assert set(codes(mixed).values()) == {"BLOCKED too_many_failures"}
    assert decide(facts(many[:5], {"t3": TRANSIENT})).call is not None


@pytest.mark.shows("RR-12")
def test_all_jobs_asks_for_the_whole_run_and_charges_all() -> None:
    plan = decide(
        facts([job("a"), job("b", "success")]), asked=request(mode=Mode.ALL_JOBS), lawbook={"allowAllJobs": True}
    )
    assert plan.call is not None
    assert plan.call.verb is Verb.RERUN
    assert {r.name for r in plan.call.named} == {"a", "b"}
    used = usage(run_job={"b": 2})
    plan = decide(
        facts([job("a"), job("b", "success")]),
        asked=request(mode=Mode.ALL_JOBS),
        lawbook={"allowAllJobs": True},
        used=used,
    )
    assert set(codes(plan).values()) == {"BLOCKED max_attempts_exceeded"}


@pytest.mark.shows("RR-12", "RR-7")
def test_all_jobs_charges_the_jobs_that_one_skipped_line_stands_for() -> None:
    tree = {"a": {}, "wheels": {"needs": "a", "strategy": {"matrix": {"os": ["linux", "mac"]}}}}
    found = facts([job("a"), job("wheels", "skipped")], jobs_file=tree)
    plan = decide(found, asked=request(mode=Mode.ALL_JOBS), lawbook={"allowAllJobs": True})
    assert plan.call is not None
    assert [r.name for r in plan.call.named] == ["a"]
    assert [r.name for r in plan.call.dependants] == ["wheels (linux)", "wheels (mac)"]
    assert codes(plan)["wheels"] == "SKIP not_failed"
    spent = usage(run_job={"wheels (mac)": 2})
    assert decide(found, asked=request(mode=Mode.ALL_JOBS), lawbook={"allowAllJobs": True}, used=spent).call is None


def test_two_jobs_of_one_name_share_one_budget() -> None:
    twins = [job("unit", id="1"), job("unit", id="2")]
    plan = decide(facts(twins), used=usage(run_job={"unit": 1}))
    assert [f"{j.action} {j.reason}" for j in plan.jobs] == ["RERUN infra_transient", "BLOCKED max_attempts_exceeded"]


# --- laws ---

CONCLUSIONS = st.sampled_from(["success", "failure", "timed_out", "cancelled", "skipped", "neutral", "odd"])
VERDICTS = st.sampled_from([LOST, FLAKY, TRANSIENT, BROKEN, UNSURE])


@st.composite
def runs(draw: st.DrawFn) -> RunFacts:
    names = [f"j{n}" for n in range(draw(st.integers(1, 6)))]
    tree: dict[str, Any] = {}
    for place, name in enumerate(names):
        needs = draw(st.lists(st.sampled_from(names[:place]), unique=True, max_size=2)) if place else []
        tree[name] = {"needs": needs, **({"if": "always()"} if draw(st.booleans()) else {})}
    jobs = [job(name, draw(CONCLUSIONS)) for name in names]
    return facts(jobs, {name: draw(VERDICTS) for name in names}, jobs_file=tree)


@pytest.mark.shows("RR-7", "RR-8", "A3", "F9")
@given(
    runs(),
    st.dictionaries(st.sampled_from([f"j{n}" for n in range(6)]), st.integers(0, 3)),
    st.integers(1, 5),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_law_2_and_law_1_on_generated_runs(found: RunFacts, taken: dict[str, int], asked: int, block: bool) -> None:
    plan = decide(
        found,
        used=usage(run_job=taken),
        asked=request(max_attempts=asked),
        lawbook={"mixed": "block" if block else "serial"},
    )
    if plan.call is None:
        return
    eligible = {
        j.name for j in plan.jobs if j.verdict and j.verdict.failure_class in (LOST.failure_class, FLAKY.failure_class)
    }
    named = {r.name for r in plan.call.named}
    assert named <= eligible
    for ref in (*plan.call.named, *plan.call.dependants):
        assert taken.get(ref.name, 0) < min(asked, 2), "nothing that has used its reruns is taken"
    if plan.call.verb is Verb.RERUN_FAILED_JOBS:
        failed = {j.name for j in plan.jobs if j.job.conclusion not in {"success", "neutral", "skipped"}}
        assert failed <= named | {r.name for r in plan.call.dependants}, "the run-level call takes every failed job"


@pytest.mark.shows("GE-4")
@given(runs(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_law_5_the_same_facts_give_the_same_plan_in_whatever_order_mappings_come(found: RunFacts, chance: Any) -> None:
    shuffled = list(found.verdicts.items())
    chance.shuffle(shuffled)
    assert decide(found) == decide(replace(found, verdicts=dict(shuffled)))


def test_the_head_of_the_run_is_what_the_slots_are_keyed_by() -> None:
    plan = decide(facts(UNIT))
    assert plan.call is not None
    assert plan.call.named[0].key == f"{PATH}#unit"
    assert found_sha(facts(UNIT)) == SHA


def found_sha(found: RunFacts) -> str:
    return found.run.head_sha
