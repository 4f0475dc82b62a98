"""What a rollback would do: each stop alone stops it, unknown never triggers, and a direct push needs everything."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cicatrix.core.environment import Environment
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.health.model import Band, Gate, Measurement
from cicatrix.core.lawbook import Rollback
from cicatrix.core.reasons import Reason
from cicatrix.core.rollback.culprit import Culprit, find_culprit
from cicatrix.core.rollback.model import CommitFacts, Outcome, Signal
from cicatrix.core.rollback.plan import (
    RevertFacts,
    RollbackAction,
    RollbackInputs,
    RollbackStatus,
    plan_rollback,
    status,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TIP, BASE, OTHER = "a" * 40, "b" * 40, "c" * 40
BUILD = frozenset({"build"})
TARGET = CommitFacts(sha=TIP, parents=(BASE,), committed_at=NOW - timedelta(hours=1), tree="d" * 40, paths=("a.py",))
GOOD = replace(TARGET, sha=BASE, parents=(), committed_at=NOW - timedelta(hours=2))
FACTS = RevertFacts(
    shallow=False, dirty=False, detached=False, tip=TIP, expected_tip=TIP, target=TARGET, reachable=True, dependants=()
)
DRAFTS = Rollback(
    health_below=30,
    deliver="draft_pull_request",
    up_to="validated",
    direct_push=(),
    create_per_day=4,
    merge_per_day=0,
    max_target_age=timedelta(hours=72),
)
PUSHES = replace(DRAFTS, deliver="direct_push", up_to="merge", direct_push=("main",), merge_per_day=1)
BAD = Measurement(
    sha=TIP,
    taken_at=NOW,
    set_hash="e" * 64,
    results=(),
    components=(),
    confidence=20,
    health=20,
    blockers=("build",),
    warnings=(),
    ready=False,
    gate=Gate.FAIL,
    band=Band.CRITICAL,
)


def signal(sha: str, outcome: Outcome, minutes: int) -> Signal:
    return Signal(job="build", sha=sha, source=f"s{minutes}", outcome=outcome, at=NOW - timedelta(minutes=minutes))


PROOF = (
    signal(BASE, Outcome.GREEN, 60),
    signal(TIP, Outcome.RED, 12),
    signal(BASE, Outcome.GREEN, 8),
    signal(TIP, Outcome.RED, 4),
)


def culprit(*signals: Signal, now: datetime = NOW) -> Culprit | None:
    found = find_culprit((TARGET, GOOD), signals, BUILD, now=now)
    return found if isinstance(found, Culprit) else None


READY = RollbackInputs(
    now=NOW,
    automatic=True,
    ci=True,
    branch="main",
    environment=Environment.STAGING,
    measurement=BAD,
    report_only=False,
    culprit=culprit(*PROOF),
    facts=FACTS,
    rules=PUSHES,
    created_today=0,
    merged_today=0,
    automatic_of_target=0,
    may_push_direct=True,
)
"""Nothing stands against it, not even against a direct push."""

Change = Callable[[RollbackInputs], RollbackInputs]


def having(**fields: Any) -> Change:
    return lambda inputs: replace(inputs, **fields)


def facts(**fields: Any) -> Change:
    return lambda inputs: replace(inputs, facts=replace(inputs.facts, **fields))


def target(**fields: Any) -> Change:
    return lambda inputs: replace(
        inputs, facts=replace(inputs.facts, target=replace(inputs.facts.target or TARGET, **fields))
    )


def rules(**fields: Any) -> Change:
    return lambda inputs: replace(inputs, rules=replace(inputs.rules, **fields))


def health(**fields: Any) -> Change:
    return lambda inputs: replace(inputs, measurement=replace(BAD, **fields))


@pytest.mark.shows("RB-0", "RB-5")
def test_with_everything_granted_and_proven_the_revert_is_pushed() -> None:
    plan = plan_rollback(READY)
    assert (plan.action, plan.reasons, plan.emergency, plan.writes) == (RollbackAction.DIRECT_PUSH, (), True, True)
    assert (plan.target, plan.branch) == (TIP, f"cicatrix/revert/{TIP[:12]}")


@pytest.mark.shows("RB-0", "RB-5")
def test_the_default_is_a_draft_whatever_the_health() -> None:
    for measured in (BAD, None, replace(BAD, health=90, ready=True), replace(BAD, health=None)):
        plan = plan_rollback(replace(READY, rules=DRAFTS, measurement=measured))
        assert plan.action is RollbackAction.DRAFT
        assert HealReason.DIRECT_PUSH_NOT_GRANTED in plan.reasons


BLOCKS: dict[str, tuple[Change, HealReason | Reason]] = {
    "kill switch": (having(stops=((Reason.KILL_SWITCH, "on"),)), Reason.KILL_SWITCH),
    "approval": (having(stops=((Reason.APPROVAL_REQUIRED, "prod"),)), Reason.APPROVAL_REQUIRED),
    "no cause": (having(culprit=None), HealReason.CAUSE_UNKNOWN),
    "a machine's own idea": (having(culprit=None, explicit=TIP), HealReason.CAUSE_UNKNOWN),
    "another culprit": (target(sha=OTHER), HealReason.CAUSE_UNKNOWN),
    "another target named": (having(explicit=OTHER), HealReason.CAUSE_UNKNOWN),
    "shallow": (facts(shallow=True), HealReason.SHALLOW_CLONE),
    "dirty": (facts(dirty=True), HealReason.DIRTY_TREE),
    "detached": (facts(detached=True), HealReason.DETACHED_REF),
    "tip moved": (facts(expected_tip=OTHER), HealReason.TIP_MOVED),
    "unreachable": (facts(reachable=False), HealReason.TARGET_NOT_REACHABLE),
    "root": (target(parents=()), HealReason.ROOT_COMMIT),
    "octopus": (target(parents=(BASE, OTHER, TIP)), HealReason.OCTOPUS_MERGE),
    "merge without mainline": (target(parents=(BASE, OTHER)), Reason.INCOMPLETE_DATA),
    "too old": (target(committed_at=NOW - timedelta(hours=72, seconds=1)), HealReason.TARGET_TOO_OLD),
    "a revert": (target(reverts=OTHER), HealReason.TARGET_IS_REVERT),
    "dependants": (facts(dependants=(OTHER,)), HealReason.MERGED_DEPENDANTS),
    "workflows": (target(touches_workflows=True), HealReason.WORKFLOWS_PERMISSION),
    "trailer": (target(trailers={"Cicatrix-Rollback": "Never "}), HealReason.OPTED_OUT),
    "label": (having(opted_out="label no-rollback"), HealReason.OPTED_OUT),
    "lease": (having(leased_by="case-9"), HealReason.REF_LEASED),
    "limit": (having(created_today=4), HealReason.ROLLBACK_LIMIT),
    "second": (having(automatic_of_target=1), HealReason.SECOND_ROLLBACK),
}


@pytest.mark.shows("RB-1", "RB-2", "RB-6", "RB-7", "F22", "F28", "B1", "B12")
@pytest.mark.parametrize("case", BLOCKS)
def test_each_stop_alone_blocks(case: str) -> None:
    change, reason = BLOCKS[case]
    plan = plan_rollback(change(READY))
    assert (plan.action, plan.reasons) == (RollbackAction.BLOCKED, (reason,))
    assert plan.branch == ""
    assert all(said.why and said.would_change for said in plan.said)


HOLES: dict[str, Change] = {
    "shallow": facts(shallow=None),
    "dirty": facts(dirty=None),
    "detached": facts(detached=None),
    "tip": facts(tip=None),
    "expected tip": facts(expected_tip=None),
    "target": facts(target=None),
    "no full sha": lambda inputs: having(culprit=None, explicit="a" * 12, automatic=False)(
        target(sha="a" * 12)(inputs)
    ),
    "reachable": facts(reachable=None),
    "dependants": facts(dependants=None),
    "created": having(created_today=None),
    "of target": having(automatic_of_target=None),
    "culprit": having(culprit=None),
    "proof 1": having(culprit=culprit(*PROOF[:3])),
    "proof 2": having(culprit=culprit(PROOF[0], PROOF[1], PROOF[3])),
    "proof 3": having(culprit=culprit(*PROOF[1:3])),
    "stale proof": having(culprit=culprit(*PROOF, now=NOW + timedelta(minutes=12))),
}
"""Something is missing that every rollback needs."""
NO_HEALTH: dict[str, Change] = {
    "unmeasured": having(measurement=None),
    "health": health(health=None),
    "ready": health(ready=None),
    "old": health(taken_at=NOW - timedelta(minutes=16)),
    "future": health(taken_at=NOW + timedelta(minutes=3)),
    "other commit": health(sha=OTHER),
    "merged": having(merged_today=None),
}
"""Something is missing that a direct push needs."""

MAKES = {RollbackAction.DRAFT, RollbackAction.DIRECT_PUSH, RollbackAction.LOCAL_BRANCH}


@pytest.mark.shows("RB-1", "GE-4")
@pytest.mark.parametrize("hole", HOLES)
def test_whatever_is_unknown_alone_makes_nothing(hole: str) -> None:
    plan = plan_rollback(HOLES[hole](READY))
    assert plan.action not in MAKES


@pytest.mark.shows("RB-0")
@pytest.mark.parametrize("hole", NO_HEALTH)
def test_unknown_health_alone_makes_it_a_draft(hole: str) -> None:
    plan = plan_rollback(NO_HEALTH[hole](READY))
    assert plan.action is RollbackAction.DRAFT
    assert plan.reasons
    assert plan.emergency is (hole == "merged")


@pytest.mark.shows("RB-1", "F28", "F29")
def test_nothing_is_rolled_back_on_missing_data_in_10000_states() -> None:
    seed = 2026_11_22
    print(f"seed {seed}")
    dice = random.Random(seed)
    harmless: list[Change] = [
        having(ci=False),
        having(environment=Environment.PROD),
        rules(deliver="draft_pull_request"),
        health(health=0),
        having(explicit=TIP),
        *NO_HEALTH.values(),
    ]
    holes = list(HOLES.values())
    rollbacks = 0
    for _ in range(10_000):
        inputs = READY
        for change in dice.sample(harmless, dice.randrange(4)):
            inputs = change(inputs)
        for hole in dice.sample(holes, dice.randrange(1, 4)):
            inputs = hole(inputs)
        # a person who names a commit needs no proof; a machine always does
        rollbacks += plan_rollback(replace(inputs, automatic=True)).action in MAKES
    assert rollbacks == 0


@pytest.mark.shows("RB-0", "RB-5", "RB-6")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (rules(deliver="draft_pull_request"), HealReason.DIRECT_PUSH_NOT_GRANTED),
        (rules(direct_push=("release",)), HealReason.DIRECT_PUSH_NOT_GRANTED),
        (rules(up_to="validated"), HealReason.DIRECT_PUSH_NOT_GRANTED),
        (having(may_push_direct=False), HealReason.DIRECT_PUSH_NOT_GRANTED),
        (health(health=30), HealReason.HEALTH_ABOVE_THRESHOLD),
        (health(ready=True), HealReason.HEALTH_ABOVE_THRESHOLD),
        (having(merged_today=1), HealReason.ROLLBACK_LIMIT),
        (having(culprit=None, explicit=TIP, automatic=False), HealReason.CAUSE_UNKNOWN),
    ],
)
def test_what_keeps_a_direct_push_back_leaves_a_draft(change: Change, reason: HealReason) -> None:
    plan = plan_rollback(change(READY))
    assert (plan.action, plan.reasons) == (RollbackAction.DRAFT, (reason,))


@pytest.mark.shows("RB-0")
def test_the_threshold_is_the_lawbooks() -> None:
    assert plan_rollback(health(health=29)(READY)).emergency
    assert not plan_rollback(health(health=30)(READY)).emergency
    assert plan_rollback(health(health=30)(rules(health_below=31)(READY))).emergency


@pytest.mark.shows("RB-8")
def test_on_somebodys_machine_a_branch_is_made_and_nothing_is_pushed() -> None:
    plan = plan_rollback(replace(READY, ci=False))
    assert (plan.action, plan.writes) == (RollbackAction.LOCAL_BRANCH, False)
    assert plan_rollback(target(touches_workflows=True)(replace(READY, ci=False))).action is RollbackAction.LOCAL_BRANCH


@pytest.mark.shows("RB-8")
def test_report_only_tells_what_would_stop_it_and_makes_nothing() -> None:
    plan = plan_rollback(replace(facts(dirty=True)(READY), report_only=True))
    assert (plan.action, plan.branch) == (RollbackAction.REPORT, "")
    assert plan.reasons == (HealReason.REPORT_ONLY, HealReason.DIRTY_TREE)
    assert plan_rollback(rules(up_to="report")(READY)).action is RollbackAction.REPORT


@pytest.mark.shows("RB-2", "F23")
def test_a_commit_that_is_reverted_already_is_left_alone() -> None:
    plan = plan_rollback(facts(already_reverted_by=OTHER)(READY))
    assert (plan.action, plan.reasons) == (RollbackAction.NOOP, (HealReason.ALREADY_REVERTED,))


@pytest.mark.shows("RB-2", "F21")
@pytest.mark.parametrize("mainline", [1, 2])
def test_a_merge_goes_back_to_the_branchs_own_parent(mainline: int) -> None:
    plan = plan_rollback(facts(mainline=mainline)(target(parents=(BASE, OTHER))(READY)))
    assert (plan.action, plan.mainline) == (RollbackAction.DIRECT_PUSH, mainline)


@pytest.mark.shows("RB-6")
def test_a_person_may_roll_back_a_second_time() -> None:
    assert plan_rollback(replace(READY, automatic=False, automatic_of_target=1)).action is RollbackAction.DIRECT_PUSH


def test_reasons_stand_in_the_order_of_the_codes_and_each_once() -> None:
    stops = ((Reason.APPROVAL_REQUIRED, "prod"), (Reason.KILL_SWITCH, "on"))
    plan = plan_rollback(facts(shallow=None, dirty=None)(replace(READY, stops=stops, leased_by="case-9")))
    assert plan.reasons == (
        Reason.KILL_SWITCH,
        Reason.APPROVAL_REQUIRED,
        Reason.INCOMPLETE_DATA,
        HealReason.REF_LEASED,
    )
    assert plan.said[2].why.count(";") == 1


@pytest.mark.shows("RB-0")
@pytest.mark.parametrize(
    ("measured", "proposed", "executed", "state"),
    [
        (replace(BAD, health=50, ready=True), False, False, RollbackStatus.HEALTHY),
        (replace(BAD, health=49, ready=True), False, False, RollbackStatus.MONITORING),
        (replace(BAD, health=30), False, False, RollbackStatus.MONITORING),
        (replace(BAD, health=29, ready=True), False, False, RollbackStatus.MONITORING),
        (replace(BAD, health=29), False, False, RollbackStatus.REQUIRED),
        (replace(BAD, health=29), True, False, RollbackStatus.PROPOSED),
        (replace(BAD, health=29), True, True, RollbackStatus.EXECUTED),
        (replace(BAD, health=None), False, False, RollbackStatus.UNKNOWN),
        (replace(BAD, ready=None), False, False, RollbackStatus.UNKNOWN),
        (None, False, False, RollbackStatus.UNKNOWN),
    ],
)
def test_the_state_that_is_shown(
    measured: Measurement | None, *, proposed: bool, executed: bool, state: RollbackStatus
) -> None:
    assert status(measured, health_below=30, proposed=proposed, executed=executed) is state
