"""Attacks on the ladder's promises: what people, strangers and measured code do, and what must not follow."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from cicatrix.core.cases import Case, CaseState
from cicatrix.core.facts import Repository
from cicatrix.core.operations import Kind
from cicatrix.core.report_signature import report_key, sign
from cicatrix.flows.context import Workshop
from cicatrix.flows.gate import Asked, checks_of, keep, measure_commit
from cicatrix.flows.ladder.asking import propose_fix, release, roll_back_commit, validate_commit
from cicatrix.flows.ladder.climb import open_case
from cicatrix.flows.tick import tick
from cicatrix.git import Mirror
from tests.ladder import validator
from tests.ladder.conftest import Staged
from tests.ladder.scene import ACTING, ACTIONS, BAD, FINE, GOOD, SECOND, WORKFLOW, Scene

LANDS = f"{ACTING}rollback: {{upTo: merge, directPush: [main], mergePerDay: 1}}\n"
"""A draft first, and the landing of what was validated."""


def broken(scene: Scene) -> str:
    bad = scene.commit(BAD, "Simplify")
    scene.commit(FINE, "Tell more")
    return bad


def proposed(scene: Scene, *, automatic: bool = True) -> Case:
    broken(scene)
    case = scene.climbed(automatic=automatic)
    assert case.state is CaseState.ROLLED_BACK, case.note
    return case


def ended(scene: Scene, case: Case, hours: int = 3) -> Case:
    """The case after hours in which nothing else happens."""
    for _ in range(hours * 12):
        if scene.wait(case.id, 300).wake_at is None:
            break
    return scene.case(case.id)


# --- a draft that people touch before it lands ---


def test_a_validated_draft_lands_where_that_was_granted(staged: Staged) -> None:
    scene = staged(lawbook=LANDS)
    case = proposed(scene)
    tip = scene.tip()
    scene.run_validations(here=True)
    after = scene.wait(case.id)
    assert after.state is CaseState.CLOSED, after.note
    assert scene.tip() != tip


@pytest.mark.shows("RB-5", "RB-6")
def test_a_draft_that_a_person_closed_never_lands(staged: Staged) -> None:
    scene = staged(lawbook=LANDS)
    case = proposed(scene)
    tip = scene.tip()
    scene.repo.pulls[1].close()
    scene.run_validations(here=True)
    after = scene.wait(case.id)
    assert scene.tip() == tip
    assert after.state is CaseState.HANDED_OVER, after.note


@pytest.mark.shows("RB-5", "RB-6")
def test_a_draft_whose_branch_holds_more_than_was_validated_never_lands(staged: Staged) -> None:
    scene = staged(lawbook=LANDS)
    case = proposed(scene)
    tip = scene.tip()
    head = scene.repo.pulls[1].head_ref
    scene.commit({"more.txt": "by a stranger\n"}, "One more thing", branch=head)
    scene.run_validations(here=True)
    after = scene.wait(case.id)
    assert scene.tip() == tip
    assert after.state is CaseState.HANDED_OVER, after.note


@pytest.mark.shows("RB-5")
def test_a_draft_that_was_turned_to_another_branch_never_lands(staged: Staged) -> None:
    scene = staged(lawbook=LANDS)
    case = proposed(scene)
    tip = scene.tip()
    assert tip is not None
    scene.git.commit("next", {}, "Next", parents=[tip])
    scene.repo.pulls[1].base_ref = "next"
    scene.run_validations(here=True)
    after = scene.wait(case.id)
    assert scene.tip() == tip
    assert after.state is CaseState.HANDED_OVER, after.note


# --- reports that are made to break their reader ---


def packed(*members: tuple[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in members:
            zipped.writestr(name, data)
    return archive.getvalue()


def twice() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate name"):
        return packed((validator.MEMBER, b"{}"), (validator.MEMBER, b"[]"))


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a bomb": lambda: packed((validator.MEMBER, b" " * 30_000_000)),
    "two of one name": twice,
    "no zip": lambda: b"MZ this is something else",
    "not UTF-8": lambda: packed((validator.MEMBER, b"\xff\xfe\x00{")),
    "a lone surrogate": lambda: packed((validator.MEMBER, b'{"signature": {"value": "\\ud800"}, "op_id": "\\ud800"}')),
    "NaN": lambda: packed((validator.MEMBER, b'{"signature": {}, "health": NaN, "x": 1e999}')),
    "a number of 10,000 digits": lambda: packed((validator.MEMBER, b"[" + b"9" * 10_000 + b"]")),
    "nested 90,000 deep": lambda: packed((validator.MEMBER, b"[" * 90_000 + b"]" * 90_000)),
    "larger than is read": lambda: (
        packed((validator.MEMBER, b"{}"), ("noise", bytes(range(256)) * 1)) + b"\0" * 1_200_000
    ),
}


@pytest.mark.shows("VA-1")
@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_artifact_ends_its_case_and_holds_up_nobody(staged: Staged, what: str) -> None:
    scene = staged()
    case = proposed(scene)
    (dispatched,) = scene.world.dispatched
    scene.world.start(dispatched.run)
    scene.world.finish(dispatched.run, "success", artifacts={validator.ARTIFACT: HOSTILE[what]()})
    after = ended(scene, case)
    assert after.state is CaseState.HANDED_OVER, after
    assert after.note.startswith(("report_refused: ", "no_report: ")), after.note


def signed(scene: Scene, report: dict[str, Any]) -> dict[str, Any]:
    nonce = str(scene.world.dispatched[-1].payload["cicatrix"]["nonce"])
    return sign(report, report_key(nonce=nonce, secret=None), shared=False)


@pytest.mark.shows("VA-1")
@pytest.mark.parametrize("off", [timedelta(days=400), timedelta(hours=1), timedelta(days=-400), timedelta(hours=-2)])
def test_a_report_cannot_say_that_it_was_measured_at_another_time(staged: Staged, off: timedelta) -> None:
    """One from the future would be the newest for years, and keep every search from measuring again."""
    scene = staged()
    case = proposed(scene)

    def moved(report: dict[str, Any]) -> dict[str, Any]:
        told = report["measurement"]
        at = datetime.fromisoformat(told["takenAt"]) + off
        return signed(scene, {**report, "measurement": {**told, "takenAt": at.isoformat().replace("+00:00", "Z")}})

    asked = scene.world.now
    scene.run_validations(moved, here=True)
    scene.wait(case.id)
    with scene.ctx.ledger.read() as view:
        stored = view.measurements(scene.home.host, scene.home.id, case_id=case.id, limit=50)
    (kept,) = [one.row.taken_at for one in stored if one.row.purpose == "validation"]
    assert asked <= kept <= scene.world.now


@pytest.mark.shows("RD-3", "VA-1")
def test_a_run_that_somebody_deleted_ends_the_wait_at_the_deadline(staged: Staged) -> None:
    scene = staged()
    case = proposed(scene)
    (dispatched,) = scene.world.dispatched
    scene.repo.runs.remove(scene.world.runs.pop(dispatched.run.id))
    after = ended(scene, case)
    assert after.state is CaseState.HANDED_OVER, after
    assert after.note.startswith("no_report: "), after.note


@pytest.mark.shows("RD-3", "VA-1")
def test_an_artifact_that_can_never_be_fetched_ends_the_wait(staged: Staged) -> None:
    scene = staged()
    case = proposed(scene)
    scene.world.faults.answer_502_before("GET */zip", count=10_000)
    scene.run_validations(here=True)
    after = ended(scene, case)
    assert after.state is CaseState.HANDED_OVER, after
    assert after.note.startswith("no_report: "), after.note


@pytest.mark.shows("RD-3")
def test_another_workflow_that_hears_the_dispatch_is_not_taken_for_the_validation(staged: Staged) -> None:
    other = WORKFLOW.replace("Post-remediation check", "Notify")
    scene = staged(files={**GOOD, ".github/workflows/z-notify.yml": other})
    case = proposed(scene)
    assert len(scene.world.dispatched) == 2
    scene.run_validations(here=True)
    after = scene.wait(case.id)
    assert after.state is CaseState.CLOSED, after.note


@pytest.mark.shows("RB-9", "VA-2")
def test_a_revert_whose_improvement_nobody_measured_never_lands(staged: Staged) -> None:
    scene = staged(lawbook=LANDS)
    case = proposed(scene)
    tip = scene.tip()

    def incomparable(report: dict[str, Any]) -> dict[str, Any]:
        told = {**report["measurement"], "tools": {"compile": "another version"}}
        return signed(scene, {**report, "before": None, "measurement": told})

    scene.run_validations(incomparable, here=True)
    after = scene.wait(case.id)
    assert scene.tip() == tip
    assert "draft #1 waits" in after.note


# --- asking for less never gets more ---


@pytest.mark.shows("RB-0", "RD-4")
def test_a_request_for_a_validation_never_becomes_a_fix_or_a_rollback(staged: Staged) -> None:
    """Whoever asked died right after the case was opened; a service's tick finds it."""
    scene = staged(lawbook=f"{ACTING}remediation: {{allow: [python.ruff-format]}}\n")
    broken(scene)
    tip = scene.tip()
    assert tip is not None

    class Died(BaseException):
        pass

    def boundary(name: str) -> None:
        if name == "ledger.commit.after:case.open":
            raise Died

    scene.boundary = boundary
    scene.deploy()
    with pytest.raises(Died):
        validate_commit(scene.ctx, scene.home, tip, branch="main", principal="cli:ada")
    scene.boundary = lambda _: None
    scene.deploy()
    scene.ticks()
    assert "create-pull" not in scene.written
    assert "push" not in scene.written
    assert "rollback.decided" not in scene.kinds()
    assert "remedy.decided" not in scene.kinds()


@pytest.mark.shows("RB-0", "RM-1")
def test_a_request_for_a_fix_that_is_denied_never_becomes_a_rollback(staged: Staged) -> None:
    scene = staged(actions=[a for a in ACTIONS if a != "apply_remediation"])
    broken(scene)
    tip = scene.tip()
    assert tip is not None
    case = propose_fix(scene.ctx, scene.home, branch="main", sha=tip, principal="cli:ada")
    assert case.state is CaseState.HANDED_OVER, case
    assert scene.written == {}
    assert "rollback.decided" not in scene.kinds()


# --- limits ---


@pytest.mark.shows("RB-6")
def test_the_days_limit_holds_for_one_tip_as_for_many(staged: Staged) -> None:
    scene = staged(lawbook=f"{ACTING}rollback: {{createPerDay: 2}}\n")
    shas = [scene.commit({f"f{n}.txt": f"{n}\n"}, f"Add {n}") for n in range(5)]
    tip = scene.tip()
    assert tip is not None
    for sha in shas:
        case = roll_back_commit(scene.ctx, scene.home, sha, branch="main", tip=tip, principal="cli:ada")
        scene.run_validations(here=True)
        ended(scene, case)
    made = [ref for ref in scene.git.heads() if ref.startswith("cicatrix/revert/")]
    print(made, scene.written)
    assert len(made) == 2


@pytest.mark.shows("RB-0", "RB-6")
def test_a_branch_that_a_person_released_is_not_blocked_again_by_the_same_finding(staged: Staged) -> None:
    scene = staged()
    case = proposed(scene)
    scene.run_validations(here=True)
    assert ended(scene, case).state is CaseState.CLOSED
    scene.repo.pulls[1].close()
    assert release(scene.ctx, case.id, principal="cli:ada", reason="we mend it ourselves") is not None
    again = scene.climbed(automatic=True)
    assert again.id == case.id
    assert again.state is CaseState.CLOSED, again
    with scene.ctx.ledger.read() as view:
        assert view.branch_block(scene.home.host, scene.home.id, "refs/heads/main") is None


@pytest.mark.shows("RB-1")
def test_a_measurement_by_other_checks_neither_accuses_nor_holds_up_the_search(staged: Staged) -> None:
    scene = staged()
    broken(scene)
    folder = validator.cloned(scene.clone_url, scene.path / "gate")
    given = checks_of(b"version: x.1\nchecks:\n  - {name: never, component: tests, command: ['false']}\n", "mine.yml")
    found = measure_commit(Asked(folder=folder, checks=given, environ=scene.environ), now=scene.world.now)
    keep(scene.ctx, scene.home, found)
    case = scene.climbed(automatic=True)
    assert case.state is CaseState.ROLLED_BACK, case.note


def test_a_case_that_meets_something_strange_holds_up_no_other(staged: Staged) -> None:
    scene = staged()
    broken(scene)

    def full(_: Repository) -> Mirror:
        raise OSError(28, "No space left on device")

    ctx = scene.context(workshop=Workshop(mirror=full, environ=scene.environ))
    for name, rung in (("main", "rollback"), ("side", "dispatch")):
        fix = {"sha": scene.first, "base": scene.first, "at": scene.now().isoformat(), "pull": 0, "asked": True}
        head = scene.first
        ref = f"refs/heads/{name}"
        open_case(ctx, scene.home, ref=ref, head_sha=head, principal="cli:ada", rung=rung, fix=fix)
    notes = [one.note for one in tick(ctx)]
    print(notes)
    assert "a fault of ours: OSError" in notes
    assert scene.written["repository-dispatch"] == 1


# --- names and things of strangers ---


@pytest.mark.shows("T25")
@pytest.mark.parametrize("name", ["wip/-x", "-x", "a..b", "x" * 300, "HEAD", "a b"])
def test_a_branch_name_that_is_no_argument_ends_its_case_and_no_other(staged: Staged, name: str) -> None:
    scene = staged()
    sha = scene.tip()
    assert sha is not None
    case = open_case(
        scene.ctx,
        scene.home,
        ref=f"refs/heads/{name}",
        head_sha=sha,
        principal="system",
        automatic=True,
        rung="rollback",
    )
    tick(scene.ctx)
    after = ended(scene, case)
    assert after.state is CaseState.HANDED_OVER, after


@pytest.mark.shows("RB-5")
def test_a_branch_of_our_name_that_a_stranger_made_is_left_alone(staged: Staged) -> None:
    scene = staged()
    bad = broken(scene)
    foreign = scene.git.commit(f"cicatrix/revert/{bad[:12]}", {"x": "x\n"}, "Squat", parents=[scene.first])
    case = scene.climbed(automatic=True)
    assert case.state is CaseState.HANDED_OVER
    assert case.note.startswith("branch_exists: "), case.note
    assert scene.tip(f"cicatrix/revert/{bad[:12]}") == foreign
    assert scene.written == {}


@pytest.mark.shows("RB-5")
@pytest.mark.parametrize("lost", ["before", "refused"])
def test_a_strangers_pull_request_from_our_branch_is_not_taken_for_ours(staged: Staged, lost: str) -> None:
    scene = staged()
    bad = broken(scene)
    made: list[Any] = []

    def boundary(name: str) -> None:
        if name == "git.push.after" and not made:
            head = f"cicatrix/revert/{bad[:12]}"
            made.append(scene.repo.pull_request(77, head_branch=head, base_branch="main", author="mallory"))

    scene.boundary = boundary
    scene.deploy()
    if lost == "before":
        scene.world.faults.reset_before("POST */pulls")
    case = scene.climbed(automatic=True)
    after = ended(scene, case)
    pulls = [op for op in scene.operations() if op.kind == Kind.PULL_REQUEST]
    print(after, [(op.state, op.answer) for op in pulls])
    assert all(op.state != "CONFIRMED" for op in pulls)
    assert made[0].comments == []
    assert made[0].state == "open"


# --- secrets ---


@pytest.mark.shows("VA-1")
def test_the_nonce_is_told_to_nobody_who_reads_the_ledger(staged: Staged) -> None:
    scene = staged()
    case = proposed(scene)
    nonce = str(scene.world.dispatched[-1].payload["cicatrix"]["nonce"])
    with scene.ctx.ledger.read() as view:
        entries = json.dumps([[e.kind, e.data] for e in view.entries()], default=str)
    assert nonce not in entries
    assert nonce not in json.dumps(scene.story(case.id))
    assert SECOND not in entries
