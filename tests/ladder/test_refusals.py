"""A rollback that may not be: each limit, right and wish that keeps one back, end to end, and nothing that left."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cicatrix.core.cases import Case, CaseState
from cicatrix.core.environment import Environment
from cicatrix.flows.ladder.asking import preview_rollback, release, roll_back_commit
from cicatrix.flows.ladder.climb import climb
from tests.ladder.conftest import Staged
from tests.ladder.scene import ACTING, ACTIONS, BAD, FINE, GOOD, IN_CI, Scene

DIRECT = f"{ACTING}rollback: {{deliver: direct_push, upTo: merge, directPush: [main], mergePerDay: 1}}\n"


def broken(scene: Scene, message: str = "Simplify", **more: Any) -> str:
    """A bad commit, a fine one after it."""
    bad = scene.commit(BAD, message, **more)
    scene.commit(FINE, "Tell more")
    return bad


def held(scene: Scene, case: Case, code: str) -> None:
    """A person has it, for this reason, and nothing was written at GitHub."""
    assert case.state is CaseState.HANDED_OVER, case
    assert case.note.startswith(f"{code}: "), case.note
    assert scene.written == {}


@pytest.mark.shows("RB-6", "B12")
def test_so_many_rollbacks_a_day_and_no_more(staged: Staged) -> None:
    scene = staged(lawbook=f"{ACTING}rollback: {{createPerDay: 1}}\n")
    first = broken(scene)
    assert scene.climbed().state is CaseState.ROLLED_BACK
    scene.run_validations(here=True)
    scene.world.advance(20)
    scene.ticks()
    scene.commit({"src/sums.py": GOOD["src/sums.py"]}, "Mend it by hand")
    second = scene.commit({"src/sums.py": "def add(a, b):\n    return b\n"}, "Break it again")
    case = scene.climbed()
    assert case.state is CaseState.HANDED_OVER
    assert case.note.startswith("rollback_limit: "), case.note
    assert "rollback.createPerDay" in case.note
    assert scene.tip(f"cicatrix/revert/{first[:12]}") is not None
    assert scene.tip(f"cicatrix/revert/{second[:12]}") is None
    scene.world.advance(25 * 3600)
    later = scene.climbed()
    assert later.state is CaseState.ROLLED_BACK, later.note
    assert scene.tip(f"cicatrix/revert/{second[:12]}") is not None


@pytest.mark.shows("RB-1", "RB-6")
def test_a_commit_that_was_mended_since_is_not_accused_of_what_a_later_one_broke(staged: Staged) -> None:
    checks = "checks:\n  - {name: test, component: tests, command: [sh, check.sh]}\n"
    files = {"check.sh": "test ! -e bad || test -e mended\n"}
    scene = staged(checks=checks, files=files)
    innocent = scene.commit({"bad": ""}, "Break it")
    assert scene.climbed().state is CaseState.ROLLED_BACK
    scene.run_validations(here=True)
    scene.world.advance(20)
    scene.ticks()
    scene.commit({"mended": ""}, "Mend it elsewhere")
    guilty = scene.commit({"mended": None}, "Break it again")
    case = scene.climbed()
    assert case.state is CaseState.ROLLED_BACK, case.note
    rollback: Any = case.data["rollback"]
    assert rollback["target"] == guilty, f"{innocent} was accused"


@pytest.mark.shows("RB-6", "F28", "F22")
def test_the_second_automatic_rollback_of_a_commit_in_a_day_is_a_persons(staged: Staged) -> None:
    scene = staged()
    bad = broken(scene)
    first = scene.climbed(automatic=True)
    assert first.state is CaseState.ROLLED_BACK, first.note
    scene.run_validations(here=True)
    assert scene.wait(first.id).state is CaseState.CLOSED
    scene.commit({"README.md": "# Sums\n\nAdds two.\n"}, "Tell even more")
    pushes = scene.written["push"]
    second = scene.climbed(automatic=True)
    assert second.id != first.id
    assert second.state is CaseState.HANDED_OVER
    assert second.note.startswith("second_rollback: "), second.note
    assert bad[:12] in "".join(scene.story(second.id))
    assert scene.written["push"] == pushes


@pytest.mark.shows("RB-6")
def test_a_commit_that_asks_not_to_be_rolled_back_is_not(staged: Staged) -> None:
    scene = staged()
    broken(scene, "Simplify\n\nCicatrix-Rollback: never\n")
    held(scene, scene.climbed(), "opted_out")


@pytest.mark.shows("RB-2")
def test_a_commit_older_than_three_days_is_not_rolled_back(staged: Staged) -> None:
    scene = staged()
    scene.commit(BAD, "Simplify")
    scene.world.advance(73 * 3600)
    scene.commit(FINE, "Tell more")
    held(scene, scene.climbed(), "target_too_old")


@pytest.mark.shows("RB-8")
@pytest.mark.parametrize("how", ["asked", "lawbook"])
def test_report_only_plans_and_writes_nothing(staged: Staged, how: str) -> None:
    scene = staged(lawbook=f"{ACTING}rollback: {{upTo: report}}\n" if how == "lawbook" else ACTING)
    bad = broken(scene)
    case = scene.climbed(reportOnly=True) if how == "asked" else scene.climbed()
    held(scene, case, "report_only")
    assert any(line.startswith(f"REPORT {bad[:12]}") for line in scene.story(case.id))


@pytest.mark.shows("GE-5", "RB-6")
@pytest.mark.parametrize("where", ["push", "pull"])
def test_the_kill_switch_between_the_plan_and_the_write_holds_it(staged: Staged, where: str) -> None:
    scene = staged()
    bad = broken(scene)
    scene.deploy(kill_switch=lambda: "somebody pulled it" if pulled else None)
    pulled: list[str] = []
    wanted = "ledger.commit.after:rollback.decided" if where == "push" else "git.push.after"

    def boundary(name: str) -> None:
        if name == wanted:
            pulled.append(name)

    scene.boundary = boundary
    scene.deploy()
    case = scene.climbed()
    assert pulled
    assert case.state is CaseState.HANDED_OVER
    assert case.note.startswith("kill_switch: "), case.note
    assert scene.written == ({} if where == "push" else {"push": 1})
    pulled.clear()
    scene.boundary = lambda _: None
    scene.deploy()
    again = scene.climbed()
    assert again.id == case.id
    assert again.state is CaseState.ROLLED_BACK, again.note
    assert scene.written["push"] == scene.written["create-pull"] == 1
    assert scene.tip(f"cicatrix/revert/{bad[:12]}") is not None


@pytest.mark.shows("RB-6", "B12")
def test_a_registry_that_does_not_list_rollback_denies_it(staged: Staged) -> None:
    scene = staged(actions=[action for action in ACTIONS if action != "rollback"])
    broken(scene)
    held(scene, scene.climbed(), "registry_denied")


@pytest.mark.shows("RB-6", "RB-8", "B12")
def test_in_production_nothing_lands_without_an_approval_rule(staged: Staged) -> None:
    scene = staged(lawbook=DIRECT, deployment=replace(IN_CI, environment=Environment.PROD))
    bad = broken(scene)
    tip = scene.tip()
    case = scene.climbed(automatic=True)
    assert case.state is CaseState.ROLLED_BACK, case.note
    assert scene.repo.pulls[1].draft
    scene.run_validations(here=True)
    ended = scene.wait(case.id)
    assert ended.state is CaseState.HANDED_OVER, ended
    assert ended.note.startswith("approval_required: "), ended.note
    assert scene.tip() == tip
    assert scene.tip(f"cicatrix/revert/{bad[:12]}") is not None


@pytest.mark.shows("RB-0", "RB-8")
def test_in_shadow_an_automatic_case_writes_nothing(staged: Staged) -> None:
    scene = staged(lawbook="version: scene.1\nmode: shadow\n")
    bad = broken(scene)
    case = scene.climbed(automatic=True)
    held(scene, case, "lawbook_block")
    assert bad[:12] in "".join(scene.story(case.id))


@pytest.mark.shows("RB-8")
def test_on_a_persons_machine_a_branch_is_prepared_and_nothing_is_pushed(staged: Staged) -> None:
    scene = staged(deployment=replace(IN_CI, in_ci=False))
    bad = broken(scene)
    case = scene.climbed()
    assert case.state is CaseState.HANDED_OVER
    assert f"cicatrix/revert/{bad[:12]}" in case.note
    assert "nothing was pushed" in case.note
    assert scene.written == {}
    assert set(scene.git.heads()) == {"main"}
    mirror = scene.ctx.workshop.mirror(scene.home)
    rollback: Any = case.data["rollback"]
    assert mirror.file(rollback["sha"], "src/sums.py", 10_000) == GOOD["src/sums.py"].encode()


@pytest.mark.shows("RB-0")
def test_a_proven_culprit_is_proposed_although_health_is_no_emergency_and_never_lands(staged: Staged) -> None:
    ok = "".join(f"  - {{name: lint{n}, component: lint, command: ['true']}}\n" for n in range(3))
    checks = f"checks:\n{ok}  - {{name: test, component: tests, command: [grep, -q, a + b, src/sums.py]}}\n"
    scene = staged(lawbook=DIRECT, checks=checks)
    scene.commit({"src/sums.py": "def add(a, b):\n    return b\n"}, "Simplify")
    tip = scene.tip()
    case = scene.climbed(automatic=True)
    rollback: Any = case.data["rollback"]
    assert rollback["action"] == "DRAFT", rollback
    assert not rollback["emergency"]
    assert "health_above_threshold" in {one["reason"] for one in rollback["why"]}
    scene.run_validations(here=True)
    assert scene.wait(case.id).state is CaseState.CLOSED
    assert scene.tip() == tip


@pytest.mark.shows("RB-1", "GK-0", "B3")
def test_what_the_outside_breaks_is_reverted_by_nobody(staged: Staged) -> None:
    outside = "  - {name: audit, component: security, command: [cat, /nonexistent-weather], parser: pip-audit}\n"
    scene = staged(checks=f"checks:\n{outside}")
    scene.commit(FINE, "Tell more")
    case = scene.climbed(automatic=True)
    assert case.state is CaseState.HANDED_OVER
    assert case.note.partition(":")[0] in {"environment_signal", "health_unknown"}, case.note
    assert scene.written == {}


@pytest.mark.shows("RB-0", "RB-2", "F23")
def test_a_commit_that_is_reverted_already_is_left_alone(staged: Staged) -> None:
    scene = staged()
    bad = scene.commit(BAD, "Simplify")
    scene.commit({"src/sums.py": GOOD["src/sums.py"]}, f"Revert\n\nThis reverts commit {bad}.\n")
    plan, _ = preview_rollback(scene.ctx, scene.home, bad, branch="main", principal="cli:ada")
    assert plan.action.value == "NOOP"
    tip = scene.tip()
    assert tip is not None
    case = roll_back_commit(scene.ctx, scene.home, bad, branch="main", tip=tip, principal="cli:ada")
    held(scene, case, "already_reverted")


@pytest.mark.shows("RB-5", "F25")
def test_a_push_between_our_read_and_ours_is_planned_again_and_loses_nothing(staged: Staged) -> None:
    scene = staged(lawbook=DIRECT)
    bad = broken(scene)
    raced: list[str] = []

    def boundary(name: str) -> None:
        if name == "git.push.before" and not raced:
            raced.append(scene.git.commit("main", {"NEWS.md": "News\n"}, "A colleague is faster"))

    scene.boundary = boundary
    scene.deploy()
    case = scene.climbed(automatic=True)
    assert raced
    assert case.state is CaseState.ROLLED_BACK, case.note
    assert scene.text("NEWS.md") == "News\n"
    assert scene.text("src/sums.py") == GOOD["src/sums.py"]
    assert scene.git.contains(scene.tip() or "", raced[0])
    assert bad[:12] in "".join(scene.story(case.id))


@pytest.mark.shows("RB-5", "F25")
def test_a_branch_that_keeps_moving_is_left_to_a_person(staged: Staged) -> None:
    scene = staged(lawbook=DIRECT)
    broken(scene)
    asked_for = scene.tip()
    raced: list[str] = []

    def boundary(name: str) -> None:
        if name == "git.push.before":
            text = f"News {len(raced)}\n"
            raced.append(scene.git.commit("main", {"NEWS.md": text}, "A colleague is faster"))

    scene.boundary = boundary
    scene.deploy()
    case = scene.climbed(automatic=True)
    assert case.state is CaseState.HANDED_OVER
    assert case.note.startswith("push_rejected: "), case.note
    assert len(raced) == 3
    assert scene.tip() == raced[-1]
    assert "push" not in scene.written
    scene.boundary = lambda _: None
    scene.deploy()
    again = scene.climbed(asked_for)
    assert again.id == case.id
    assert again.state is CaseState.ROLLED_BACK, again.note
    assert scene.git.contains(scene.tip() or "", raced[-1])


@pytest.mark.shows("RB-0")
def test_a_released_branch_may_be_rolled_back_again_by_a_person(staged: Staged) -> None:
    scene = staged()
    broken(scene)
    case = scene.climbed()
    assert release(scene.ctx, case.id, principal="cli:ada", reason="I look after it") is not None
    with scene.ctx.ledger.read() as view:
        assert view.branch_block(scene.home.host, scene.home.id, "refs/heads/main") is None
    assert climb(scene.ctx, case.id).state is CaseState.ROLLED_BACK
    assert scene.world.now - case.opened_at < timedelta(hours=1)


def test_the_fine_state_is_fine(staged: Staged) -> None:
    """The checks of these scenes are able to pass."""
    scene: Scene = staged()
    case = scene.climbed()
    assert case.state is CaseState.HANDED_OVER
    assert case.note.startswith("cause_unknown: "), case.note
