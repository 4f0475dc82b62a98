"""Guards of the ladder that no story needs: each holds a write back, and goes red in tests/test_heal_guards.py."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cicatrix import wiring
from cicatrix.core.actions import ActionType
from cicatrix.core.cases import Case, CaseState
from cicatrix.core.facts import Receipt
from cicatrix.core.lawbook import LayerKind
from cicatrix.core.operations import Kind, Verb
from cicatrix.flows.cases import take_over
from cicatrix.flows.ladder.asking import validate_commit
from cicatrix.flows.ladder.climb import climb, open_case, step
from cicatrix.flows.ladder.effects import ensure
from cicatrix.flows.ladder.rollback import may_push_direct
from cicatrix.flows.ladder.rung import EffectState, Rung, Wish, climb_of
from cicatrix.flows.tick import branch_of
from cicatrix.git import PushUnanswered
from cicatrix.github import GitHub, NotSent
from cicatrix.lawbook import load
from cicatrix.ledger import StaleEpoch
from cicatrix.settings import load as load_settings
from tests.core import facts as run_facts
from tests.ladder.conftest import Staged
from tests.ladder.scene import ACTING, ACTIONS, BAD, CHEAP, FINE, TOKEN, Scene

DIRECT = f"{ACTING}rollback: {{deliver: direct_push, upTo: merge, directPush: [main], mergePerDay: 1}}\n"
MAIN = "refs/heads/main"


def broken(scene: Scene) -> str:
    bad = scene.commit(BAD, "Simplify")
    scene.commit(FINE, "Tell more")
    return bad


def held(scene: Scene, case: Case, code: str) -> None:
    """A person has it, for this reason, and nothing was written at GitHub."""
    assert case.state is CaseState.HANDED_OVER, case
    assert case.note.startswith(f"{code}: "), case.note
    assert scene.written == {}


def opened(scene: Scene) -> Case:
    """A case that nobody has climbed yet."""
    tip = scene.tip()
    assert tip is not None
    return open_case(scene.ctx, scene.home, ref=MAIN, head_sha=tip, principal="cli:ada")


class Sender:
    """What a wish of the test sends: it counts, and says what it is told to."""

    def __init__(self, *trouble: Exception) -> None:
        self.calls = 0
        self.trouble = list(trouble)

    def __call__(self, _: GitHub, receipt: Receipt, __: str) -> Mapping[str, object]:
        assert receipt.kind == Kind.PUSH.value
        self.calls += 1
        if self.trouble:
            raise self.trouble.pop()
        return {"sha": "a" * 40, "ref": "refs/heads/cicatrix/fix/x"}


def push(send: Sender) -> Wish:
    ref = "refs/heads/cicatrix/fix/x"
    return Wish(
        kind=Kind.PUSH,
        verb=Verb.PUSH_BRANCH,
        action=ActionType.APPLY_REMEDIATION,
        target=ref,
        head_sha="a" * 40,
        params={"sha": "a" * 40, "ref": ref},
        send=send,
        proposes=True,
    )


def rung_of(scene: Scene) -> Rung:
    return climb_of(scene.ctx, opened(scene))


# --- one way for every write ---


@pytest.mark.shows("GE-5", "RB-6")
def test_a_push_has_a_last_look_of_its_own(staged: Staged) -> None:
    """It passes no client of ours, so nothing else would look."""
    scene = staged()
    broken(scene)
    scene.ctx = scene.context(may_write=lambda _: "somebody pulled it this moment")
    held(scene, scene.climbed(), "kill_switch")


@pytest.mark.shows("GE-5")
def test_wiring_gives_the_last_look_to_pushes_and_to_every_dispatcher(tmp_path: Path) -> None:
    environ = {
        "CICATRIX_DATABASE_URL": str(tmp_path / "ledger.db"),
        "GITHUB_TOKEN": TOKEN,
        "CI_REDISPATCH_TOKEN": "ghp_" + "c" * 36,
    }
    receipt = Receipt(operation_id="op-1", ledger_index=1, send=1, kind=Kind.DISPATCH.value)
    with wiring.build(load_settings(environ=environ)) as ctx:
        assert ctx.may_write("op-1") == "the ledger knows no operation op-1"
        assert [d.name for d in ctx.dispatchers] == ["GITHUB_TOKEN", "CI_REDISPATCH_TOKEN"]
        for dispatcher in ctx.dispatchers:
            with pytest.raises(NotSent) as caught:
                dispatcher.github.repository_dispatch("acme", "shop", "x", {}, receipt=receipt)
            assert caught.value.stopped


@pytest.mark.shows("GE-5", "RB-6")
@pytest.mark.parametrize("what", ["switch", "conflict"])
def test_what_is_in_the_ledger_stops_an_intent(staged: Staged, what: str) -> None:
    scene = staged()
    broken(scene)
    home = scene.home
    with scene.ctx.ledger.write("stop") as tx:
        if what == "switch":
            tx.set_kill_switch("action", "drill", "cli:ada", target=ActionType.ROLLBACK.value)
        else:
            tx.open_conflict(home.host, home.id, "5000", 2)
    held(scene, scene.climbed(), "kill_switch" if what == "switch" else "identity_conflict")


@pytest.mark.shows("RB-8")
def test_without_a_database_nothing_is_written(staged: Staged) -> None:
    scene = staged()
    broken(scene)
    scene.deploy(attempt_bound_only=True)
    held(scene, scene.climbed(), "lawbook_block")


@pytest.mark.shows("RB-6", "RD-4")
def test_what_proposes_nothing_waits_for_its_approval(staged: Staged) -> None:
    """A draft is the request for an approval; a dispatch is none."""
    scene = staged(actions=())
    scene.register(ACTIONS, approvalRule={"required": True, "approverRoles": ["admin"]})
    tip = scene.tip()
    assert tip is not None
    held(scene, validate_commit(scene.ctx, scene.home, tip, branch="main", principal="cli:ada"), "approval_required")


@pytest.mark.shows("F25", "RB-7")
def test_a_step_that_was_taken_over_writes_nothing(staged: Staged) -> None:
    scene, send = staged(), Sender()
    rung = rung_of(scene)
    with scene.ctx.ledger.write("claim") as tx:
        take_over(tx, rung.case, scene.now())
    with pytest.raises(StaleEpoch):
        ensure(rung, push(send))
    assert send.calls == 0


@pytest.mark.shows("F2", "RB-7")
def test_a_wish_that_is_done_is_not_sent_again(staged: Staged) -> None:
    scene, send = staged(), Sender()
    rung = rung_of(scene)
    assert [ensure(rung, push(send)).state for _ in range(3)] == [EffectState.DONE] * 3
    assert send.calls == 1


@pytest.mark.shows("F2", "F25")
def test_a_push_whose_end_nobody_knows_is_not_sent_again(staged: Staged) -> None:
    scene, send = staged(), Sender(PushUnanswered("a push", why="cut"))
    rung = rung_of(scene)
    for _ in range(8):
        found = ensure(rung, push(send))
        scene.world.advance(120)
    assert found.state is EffectState.UNKNOWN, "its branch never appeared, and nobody knows that it never will"
    assert send.calls == 1


# --- rollbacks ---


@pytest.mark.shows("RB-6")
def test_the_days_limits_are_counted_again_where_the_intent_is_recorded(staged: Staged) -> None:
    scene = staged()
    broken(scene)
    case = opened(scene)
    while not case.data.get("rollback"):
        with scene.ctx.ledger.write("claim") as tx:
            claimed = tx.claim_case(case.id, scene.now(), timedelta(minutes=2))
        assert claimed is not None
        case = step(scene.ctx, claimed)
    assert case.state is CaseState.ROLLING_BACK, case.note
    text = f"{ACTING}rollback: {{createPerDay: 0}}\n"
    layer, problems = load(text.encode(), "base.yml", kind=LayerKind.DEPLOYMENT)
    assert layer is not None, problems
    scene.deploy(base=layer)
    held(scene, climb(scene.ctx, case.id), "rollback_limit")


@pytest.mark.shows("RB-7")
def test_two_cases_do_not_roll_back_on_one_ref(staged: Staged) -> None:
    scene = staged()
    broken(scene)
    home = scene.home
    with scene.ctx.ledger.write("lease") as tx:
        assert tx.take_lease(home.host, home.id, MAIN, "another-case", scene.now() + timedelta(hours=1))
    held(scene, scene.climbed(), "ref_leased")


@pytest.mark.shows("RB-5", "F26")
@pytest.mark.parametrize("ruleset", [False, True])
def test_a_protected_branch_is_not_pushed_to(staged: Staged, *, ruleset: bool) -> None:
    scene = staged(lawbook=DIRECT)
    broken(scene)
    scene.repo.protect("main", pull_request=True, ruleset=ruleset)
    tip = scene.tip()
    case = scene.climbed(automatic=True)
    rollback: Any = case.data["rollback"]
    assert rollback["action"] == "DRAFT", rollback
    assert "direct_push_not_granted" in {one["reason"] for one in rollback["why"]}
    assert scene.tip() == tip


@pytest.mark.shows("RB-5", "F26")
def test_rules_that_cannot_be_read_allow_no_push(staged: Staged) -> None:
    scene = staged(lawbook=DIRECT)
    rung = rung_of(scene)
    assert may_push_direct(rung)
    scene.world.token(TOKEN, login="octocat", kind="user", repositories=["acme/other"])
    assert not may_push_direct(rung)


@pytest.mark.shows("RB-1", "GK-0")
def test_a_failing_audit_accuses_nobody(staged: Staged) -> None:
    """Advisories come by themselves: the commit under which one came is innocent."""
    audit = "  - {name: audit, component: security, command: [grep, -q, Sums, README.md]}\n"
    scene = staged(checks=f"{CHEAP.rstrip()}\n{audit}")
    scene.commit({"README.md": "# Vulnerable\n"}, "Add a dependency")
    held(scene, scene.climbed(), "environment_signal")


@pytest.mark.shows("RB-9", "VA-3", "B10")
def test_an_inconclusive_validation_is_a_persons(staged: Staged) -> None:
    scene = staged()
    broken(scene)
    case = scene.climbed()
    assert case.state is CaseState.ROLLED_BACK, case.note
    scene.environ = {"PATH": "/nonexistent"}
    scene.run_validations(here=True)
    ended = scene.wait(case.id)
    assert ended.state is CaseState.HANDED_OVER
    assert "inconclusive" in ended.note, ended.note


# --- one ladder ---


@pytest.mark.shows("T19")
@pytest.mark.parametrize("head", ["600002", None])
def test_a_fork_has_no_branch_that_a_rung_could_work_on(head: str | None) -> None:
    def told(**fields: Any) -> object:
        return branch_of(run_facts.facts([run_facts.job("unit")], pull_request=run_facts.pull(**fields)))

    assert told() == {"branch": "change", "headRef": "change"}
    assert told(head_repository_id=head) is None
