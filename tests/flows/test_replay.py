"""Recorded inputs of real stories: they decide the same again (law 5), and other lawbooks are compared on them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from cicatrix.core.lawbook import Layer, LayerKind
from cicatrix.core.plan import Plan
from cicatrix.core.replay import read, record, replay
from cicatrix.flows.policies import REPOSITORY_LAWBOOK
from cicatrix.flows.replay import Comparison, compare
from cicatrix.simulator import JobSpec
from tests.flows.generated import generate
from tests.stage import Stage, always_lost, broken, lawbook, lost

CALM = "version: t.1\nstopRules: {cooldownMinutes: 0}\n"
FIRST_SEED = 8_000
RUNS = 16


def stored(stage: Stage) -> dict[str, str]:
    with stage.ctx.ledger.read() as view:
        return dict(view.stored_inputs("github.com"))


def decided(stage: Stage) -> dict[str, dict[str, Any]]:
    with stage.ctx.ledger.read() as view:
        return {str(e.data["decisionId"]): view.resolved(e.data) for e in view.entries() if e.kind == "rerun.decided"}


def told(plan: Plan) -> dict[str, Any]:
    """The plan as its entry tells it."""
    return {
        "decision": plan.decision,
        "price": plan.price,
        "reasons": "\n".join(plan.reasons),
        "jobs": [
            (j.name, j.key, j.action, j.reason or "", [str(r) for r in j.reasons], j.attempt_number, j.state or "")
            for j in plan.jobs
        ],
    }


def told_by(entry: dict[str, Any]) -> dict[str, Any]:
    keys = ("name", "key", "action", "reasonCode", "reasons", "attemptNumber", "state")
    return {
        **{name: entry[name] for name in ("decision", "price", "reasons")},
        "jobs": [tuple(job[key] for key in keys) for job in entry["jobs"]],
    }


# --- law 5 ---


@pytest.mark.shows("LB-6", "F36")
def test_every_decision_of_a_story_replays_to_what_was_recorded(stage: Stage) -> None:
    stage.deploy(base=lawbook(CALM))
    print(f"seeds {FIRST_SEED} to {FIRST_SEED + RUNS - 1}")
    for number, seed in enumerate(range(FIRST_SEED, FIRST_SEED + RUNS), 1):
        made = generate(seed)
        stage.world.listing, stage.world.skipped_shown = made.listing, made.skipped_shown
        path = f".github/workflows/w{number}.yml"
        stage.repo.workflow(path, made.jobs, on=made.event)
        pull = stage.repo.pull_request(number, head_branch=f"change-{number}") if made.event != "push" else None
        run = stage.repo.run(path, pull_request=pull, branch=None if pull else f"b-{number}", finished=True)
        if not made.readable:
            stage.repo.remove_file(path)
        stage.world.advance(1)
        mode = "ALL_JOBS" if seed % 5 == 0 else "FAILED_ONLY"
        stage.ask(number if pull else None, run_id=run.id, mode=mode, max_attempts=1 + seed % 3)
        stage.tick()
        stage.ask(number if pull else None, run_id=run.id, dry_run=bool(seed % 2))
        stage.tick(60)
    entries, texts = decided(stage), stored(stage)
    assert set(texts) == set(entries)
    assert len(entries) > 2 * RUNS - 10
    seen = set()
    for decision_id, entry in entries.items():
        plan = replay(read(texts[decision_id]))
        assert told(plan) == told_by(entry), f"{decision_id} of run {entry['runId']}"
        seen |= {job.reason for job in plan.jobs}
    assert len(seen) >= 8, seen


@pytest.mark.shows("LB-6")
def test_a_record_is_cheap(stage: Stage) -> None:
    """A generous bound, so that a loaded machine does not fail it; the usual figure is below a millisecond."""
    stage.red([JobSpec(id=f"job{n}", outcomes=lost()) for n in range(5)] + [JobSpec(id=f"ok{n}") for n in range(5)])
    stage.ask()
    (text,) = stored(stage).values()
    inputs = read(text)
    best = min(_seconds(lambda: record(inputs)) for _ in range(20))
    print(f"{best * 1000:.2f} ms, {len(text)} characters")
    assert best < 0.01
    assert len(text) < 40_000


def _seconds(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


# --- lawbook diff ---


def differ(
    stage: Stage,
    old: str,
    new: str,
    *,
    place: LayerKind = LayerKind.REPOSITORY,
    base: Layer | None = None,
    **narrow: Any,
) -> Comparison:
    layers = [lawbook(f"version: d.1\n{text}", place) for text in (old, new)]
    with stage.ctx.ledger.read() as view:
        return compare(view, host="github.com", old=layers[0], new=layers[1], place=place, base=base, **narrow)


def lines(found: Comparison) -> list[str]:
    return [f"#{c.pull_request} {c.job}: {c.before} -> {c.after}" for c in found.changes]


def history(stage: Stage, specs: Sequence[JobSpec] = (JobSpec(id="unit", outcomes=always_lost()),)) -> None:
    """Pull request 1 is asked about twice; the second time one rerun is spent."""
    stage.deploy(base=lawbook(CALM))
    stage.red(list(specs))
    stage.ask()
    stage.tick()
    stage.ask()


@pytest.mark.shows("LB-6")
def test_equal_lawbooks_change_nothing(stage: Stage) -> None:
    history(stage)
    found = differ(stage, "mode: act", "mode: act")
    assert (found.replayed, found.changed, found.changes) == (2, 0, [])
    assert (found.reruns_before, found.reruns_after) == (2, 2)
    assert not found.skipped


@pytest.mark.shows("LB-6")
def test_every_changed_decision_is_listed_with_what_bound_it(stage: Stage) -> None:
    history(stage, [JobSpec(id="unit", outcomes=always_lost()), JobSpec(id="lint", outcomes=broken())])
    found = differ(stage, "", "attempts: {perJob: 1}", base=lawbook(CALM))
    assert lines(found) == [
        (
            "#1 unit: RERUN infra_transient sent -> "
            "BLOCKED max_attempts_exceeded (bound by lawbook attempts.perJob (base.yml:2))"
        )
    ]
    assert (found.replayed, found.changed) == (2, 1)
    assert (found.reruns_before, found.reruns_after) == (2, 1)
    (change,) = found.changes
    assert change.repository == "acme/shop"
    assert change.decision_id in decided(stage)


@pytest.mark.shows("LB-6")
def test_a_cooldown_a_class_and_the_mixed_rule_are_compared_too(stage: Stage) -> None:
    history(stage, [JobSpec(id="unit", outcomes=always_lost()), JobSpec(id="lint", outcomes=broken())])
    calm = lawbook(CALM)
    assert [c.after.reason for c in differ(stage, "", "eligible: [flaky_probable]", base=calm).changes] == [
        "not_eligible",
        "not_eligible",
    ]
    assert {c.after.reason for c in differ(stage, "", "mixed: block", base=calm).changes} == {"mixed_failures"}
    later = differ(stage, "", "stopRules: {cooldownMinutes: 600}", base=calm)
    assert [c.after.reason for c in later.changes] == ["cooldown_active"]


@pytest.mark.shows("LB-6")
def test_a_repository_layer_can_only_tighten_and_a_deployment_may_loosen(stage: Stage) -> None:
    stage.deploy(base=lawbook(f"{CALM}attempts: {{perJob: 1}}\n"))
    stage.red([JobSpec(id="unit", outcomes=always_lost())])
    stage.ask()
    stage.tick()
    stage.ask()
    strict = lawbook(f"{CALM}attempts: {{perJob: 1}}\n")
    assert not differ(stage, "", "attempts: {perJob: 2}", base=strict).changes
    loose = differ(
        stage,
        "stopRules: {cooldownMinutes: 0}\nattempts: {perJob: 1}",
        "stopRules: {cooldownMinutes: 0}\nattempts: {perJob: 2}",
        place=LayerKind.DEPLOYMENT,
    )
    assert [(c.before.reason, c.after.state) for c in loose.changes] == [("max_attempts_exceeded", "sent")]


@pytest.mark.shows("LB-6")
def test_the_repositorys_own_file_of_the_time_still_tightens_another_deployment_lawbook(stage: Stage) -> None:
    stage.repo.file(REPOSITORY_LAWBOOK, "version: own.1\nattempts: {perJob: 1}\nstopRules: {cooldownMinutes: 0}\n")
    history(stage)
    found = differ(stage, "mode: act", "mode: act\nattempts: {perJob: 2}", place=LayerKind.DEPLOYMENT)
    assert not found.changes
    assert (found.reruns_before, found.reruns_after) == (1, 1)


@pytest.mark.shows("LB-6")
def test_stored_lawbooks_hold_beside_the_two(stage: Stage) -> None:
    history(stage)
    content = "version: org.1\nattempts: {perJob: 1}\nstopRules: {cooldownMinutes: 0}\n"
    with stage.ctx.ledger.write("lawbook") as tx:
        tx.activate_lawbook(
            scope="repository",
            host="github.com",
            target=str(stage.repo.id),
            full_name="acme/shop",
            content=content,
            version="org.1",
            hash="0" * 64,
            file="stored.yml",
            principal="cli:me",
        )
    beside = differ(stage, "mode: act", "mode: act\nattempts: {perJob: 2}", place=LayerKind.DEPLOYMENT)
    assert (beside.reruns_before, beside.reruns_after) == (1, 1)
    instead = differ(stage, "", "attempts: {perJob: 1}", base=lawbook(CALM))
    assert (instead.reruns_before, instead.reruns_after) == (2, 1)


@pytest.mark.shows("LB-6", "LB-4")
def test_automation_policies_are_replayed_on_the_executions_of_the_time(stage: Stage) -> None:
    history(stage)
    rule = "automation: [{actionType: rerun_failed_jobs, cooldownSeconds: %d}]"
    calm = "stopRules: {cooldownMinutes: 0}\n"
    found = differ(stage, calm + rule % 0, calm + rule % 86400, place=LayerKind.DEPLOYMENT)
    assert [c.after.reason for c in found.changes] == ["cooldown_active"]
    other = differ(stage, calm, calm + "automation: [{actionType: rollback}]", place=LayerKind.DEPLOYMENT)
    assert [c.after.reason for c in other.changes] == ["lawbook_block", "lawbook_block"]


@pytest.mark.shows("LB-6")
def test_a_decision_that_an_unusable_lawbook_stopped_is_replayed_under_usable_ones(stage: Stage) -> None:
    stage.repo.file(REPOSITORY_LAWBOOK, "attempts: {perJob: 9}")
    stage.deploy(base=lawbook(CALM))
    stage.red([JobSpec(id="unit", outcomes=lost())])
    assert stage.ask()["jobs"][0]["reasonCode"] == "lawbook_block"
    found = differ(stage, "", "eligible: []", base=lawbook(CALM))
    assert [(c.before.state, c.after.reason) for c in found.changes] == [("sent", "not_eligible")]


@pytest.mark.shows("LB-6")
def test_repository_and_time_narrow_the_comparison(stage: Stage) -> None:
    history(stage)
    base = lawbook(CALM)
    assert differ(stage, "", "eligible: []", base=base, repository="ACME/Shop").changed == 2
    assert differ(stage, "", "eligible: []", base=base, repository="acme/other").replayed == 0
    recent = differ(stage, "", "eligible: []", base=base, since=stage.world.now - timedelta(minutes=1))
    assert (recent.replayed, recent.changed) == (1, 1)


@pytest.mark.shows("LB-6")
def test_a_record_of_another_version_is_skipped_and_counted(stage: Stage) -> None:
    history(stage)
    first = next(iter(decided(stage)))
    with stage.ctx.ledger.write("inputs") as tx:
        tx.forget_inputs(stage.world.now + timedelta(days=1))
        tx.record_inputs(first, '{"version": 99, "inputs": {}}')
    found = differ(stage, "", "eligible: []", base=lawbook(CALM))
    assert (found.replayed, dict(found.skipped)) == (0, {"recorded by another version": 1})
