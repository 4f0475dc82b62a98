"""The 403 that started it, and every other answer to a dispatch: which credential is used, and when nobody tries on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cicatrix.core.cases import Case, CaseState
from cicatrix.core.operations import Kind, OperationState
from cicatrix.core.redact import redact
from cicatrix.flows.ladder.asking import validate_commit
from cicatrix.flows.ladder.climb import climb, open_case
from cicatrix.flows.ladder.finding import find
from tests.ladder.conftest import Staged
from tests.ladder.scene import ACTING, BAD, SECOND, VALIDATION, WORKFLOW, Scene

LIMITED = "ghs_" + "c" * 36
"""A workflow's GITHUB_TOKEN whose `permissions` do not name `contents: write`."""
BOTH = {"GITHUB_TOKEN": LIMITED, "CI_REDISPATCH_TOKEN": SECOND}
DISPATCHES = "POST */dispatches"
SHIPPED = Path(__file__).parents[2] / ".github" / "workflows" / "post-remediation-check.yml"


def limited(scene: Scene) -> Scene:
    read = {"contents": "read", "actions": "read", "pull_requests": "write", "metadata": "read"}
    scene.world.token(LIMITED, login="", kind="actions", permissions=read)
    return scene


def asked(scene: Scene) -> Case:
    """A person asks for a validation of main's tip."""
    tip = scene.tip()
    assert tip is not None
    return validate_commit(scene.ctx, scene.home, tip, branch="main", principal="cli:ada")


def dispatches(scene: Scene) -> list[tuple[str, str]]:
    """State and credential of every dispatch that was recorded, oldest first."""
    found = [op for op in scene.operations() if op.kind == Kind.DISPATCH]
    return [(op.state.value, str(op.params["credential"])) for op in found]


@pytest.mark.shows("RD-1", "RD-5", "RD-6", "D7", "C18")
def test_without_the_permission_the_second_credential_dispatches_and_that_is_said(staged: Staged) -> None:
    scene = limited(staged(tokens=BOTH))
    bad = scene.commit(BAD, "Simplify")
    case = scene.climbed()
    assert dispatches(scene) == [("REFUSED", "GITHUB_TOKEN"), ("CONFIRMED", "CI_REDISPATCH_TOKEN")]
    assert [e["login"] for e in scene.effects("repository-dispatch")] == ["hubot"]
    targets = [op.target for op in scene.operations() if op.kind == Kind.DISPATCH]
    assert len(set(targets)) == 2
    assert [redact(target) for target in targets] == targets, "a credential's name before a colon looks like a secret"
    scene.run_validations(here=True)
    ended = scene.wait(case.id)
    assert ended.state is CaseState.CLOSED, ended.note
    story = scene.story(case.id)
    assert any("refused: permission_missing (HTTP 403)" in line for line in story), story
    assert any("CI_REDISPATCH_TOKEN)" in line for line in story if line.startswith("validation success")), story
    (told,) = scene.repo.pulls[1].comments
    print(told.body)
    assert "started with `CI_REDISPATCH_TOKEN` after `GITHUB_TOKEN` was refused (403)" in told.body
    assert bad[:12] in (scene.repo.pulls[1].body or "")


@pytest.mark.shows("RD-3", "F17")
def test_a_run_is_found_although_our_clock_is_minutes_ahead_of_githubs(staged: Staged) -> None:
    scene = staged()
    asked(scene)
    (operation,) = (op for op in scene.operations() if op.kind == Kind.DISPATCH)
    assert operation.sent_at is not None
    ahead = replace(operation, sent_at=operation.sent_at + timedelta(minutes=4))
    assert find(scene.ctx, operation) is not None
    assert find(scene.ctx, ahead) == find(scene.ctx, operation)


@pytest.mark.shows("RD-1", "RD-5", "RD-6")
def test_when_no_credential_is_left_a_person_is_sent_to_the_set_up_page(staged: Staged) -> None:
    scene = limited(staged(tokens={"GITHUB_TOKEN": LIMITED}))
    case = asked(scene)
    assert case.state is CaseState.HANDED_OVER
    assert case.note.startswith("permission_missing: "), case.note
    assert "docs/tokens.md" in case.note
    assert scene.effects("repository-dispatch") == []


@pytest.mark.shows("RD-1", "RD-5")
def test_without_any_credential_a_person_is_sent_to_the_set_up_page(staged: Staged) -> None:
    scene = staged(tokens={})
    case = asked(scene)
    assert case.state is CaseState.HANDED_OVER
    assert case.note.startswith("credential_missing: "), case.note
    assert "docs/tokens.md" in case.note


@pytest.mark.shows("RD-1", "RD-6", "TK-4")
def test_a_revoked_credential_401_moves_on_to_the_next(staged: Staged) -> None:
    scene = staged(tokens={"GITHUB_TOKEN": "ghp_" + "d" * 36, "CI_REDISPATCH_TOKEN": SECOND})
    case = asked(scene)
    assert case.state is CaseState.DISPATCHED, case.note
    assert [e["login"] for e in scene.effects("repository-dispatch")] == ["hubot"]


@pytest.mark.shows("RD-1", "RD-6")
def test_a_credential_that_is_revoked_at_the_dispatch_itself_moves_on_too(staged: Staged) -> None:
    scene = staged(tokens={"GITHUB_TOKEN": "ghs_" + "d" * 36, "CI_REDISPATCH_TOKEN": SECOND})
    asked(scene)
    assert dispatches(scene) == [("REFUSED", "GITHUB_TOKEN"), ("CONFIRMED", "CI_REDISPATCH_TOKEN")]


@pytest.mark.shows("RD-6")
def test_404_stops_although_another_credential_is_there(staged: Staged) -> None:
    scene = staged(tokens=BOTH)
    scene.world.token(LIMITED, login="", kind="actions", repositories=["acme/other"])
    case = asked(scene)
    assert dispatches(scene) == [("REFUSED", "GITHUB_TOKEN")]
    assert case.note.startswith("not_found_or_no_access: "), case.note


@pytest.mark.shows("RD-6")
def test_422_stops_although_another_credential_is_there(staged: Staged) -> None:
    lawbook = f"{ACTING}dispatch: {{via: workflow_dispatch, workflow: other.yml}}\n"
    other = "name: Other\non: {push: {}}\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: a}]}}\n"
    scene = staged(tokens=BOTH, lawbook=lawbook, files={".github/workflows/other.yml": other})
    scene.world.token(LIMITED, login="", kind="actions")
    case = asked(scene)
    assert dispatches(scene) == [("REFUSED", "GITHUB_TOKEN")]
    assert case.note.startswith("payload_invalid: "), case.note


@pytest.mark.shows("RD-6")
@pytest.mark.parametrize("form", ["seconds", "429"])
def test_a_rate_limit_waits_and_the_same_operation_is_sent_later(staged: Staged, form: str) -> None:
    scene = staged(tokens={"GITHUB_TOKEN": SECOND, "CI_REDISPATCH_TOKEN": LIMITED})
    scene.world.faults.rate_limited(form, DISPATCHES)
    case = asked(scene)
    assert dispatches(scene) == [("DEFERRED", "GITHUB_TOKEN")]
    assert case.state is CaseState.DISPATCHED
    for _ in range(3):
        scene.wait(case.id, 30)
    assert dispatches(scene) == [("CONFIRMED", "GITHUB_TOKEN")]
    assert len(scene.effects("repository-dispatch")) == 1


@pytest.mark.shows("RD-3", "RD-6")
def test_a_rate_limit_that_outlasts_the_deadline_hands_over_and_leaves_nothing_behind(staged: Staged) -> None:
    scene = staged(tokens={"GITHUB_TOKEN": SECOND})
    scene.world.faults.rate_limited("huge", DISPATCHES)
    case = asked(scene)
    for _ in range(120):
        scene.wait(case.id, 60)
    assert scene.case(case.id).state is CaseState.HANDED_OVER
    assert dispatches(scene) == [("REFUSED", "GITHUB_TOKEN")]
    assert scene.effects("repository-dispatch") == []


@pytest.mark.shows("RD-1", "RD-4")
def test_a_person_asks_again_once_the_permission_is_there(staged: Staged) -> None:
    scene = limited(staged(tokens={"GITHUB_TOKEN": LIMITED}))
    case = asked(scene)
    assert case.note.startswith("permission_missing: "), case.note
    scene.world.token(LIMITED, login="", kind="actions")
    assert asked(scene).id == case.id
    assert scene.case(case.id).state is CaseState.DISPATCHED, scene.case(case.id).note
    assert dispatches(scene) == [("REFUSED", "GITHUB_TOKEN"), ("CONFIRMED", "GITHUB_TOKEN")]


LOST: list[tuple[str, Callable[[Scene], Any], int]] = [
    ("502 after the effect", lambda s: s.world.faults.answer_502_after_effect(DISPATCHES), 1),
    ("502 before it", lambda s: s.world.faults.answer_502_before(DISPATCHES), 0),
    ("reset after the effect", lambda s: s.world.faults.reset_after_effect(DISPATCHES), 1),
    ("reset before it", lambda s: s.world.faults.reset_before(DISPATCHES), 0),
]


@pytest.mark.shows("RD-3", "RD-6", "F30")
@pytest.mark.parametrize(("name", "fault", "effects"), LOST, ids=[name for name, _, _ in LOST])
def test_a_lost_answer_is_looked_for_by_the_runs_name_and_never_sent_twice(
    staged: Staged, name: str, fault: Callable[[Scene], Any], effects: int
) -> None:
    del name
    scene = staged(tokens=BOTH)
    scene.world.token(LIMITED, login="", kind="actions")
    fault(scene)
    case = asked(scene)
    scene.run_validations(here=True)
    for _ in range(60):
        scene.wait(case.id)
    assert len(scene.effects("repository-dispatch")) == effects
    ended = scene.case(case.id)
    if effects:
        assert dispatches(scene) == [("CONFIRMED", "GITHUB_TOKEN")]
        assert ended.state is CaseState.CLOSED, ended.note
    else:
        assert dispatches(scene) == [("INDETERMINATE", "GITHUB_TOKEN")]
        assert ended.state is CaseState.HANDED_OVER
        assert ended.note.startswith(("no_report: ", "outcome_unknown: ")), ended.note


@pytest.mark.shows("F30", "RD-3", "VA-1", "B10", "C17")
def test_a_dispatch_that_no_workflow_hears_is_handed_over_at_the_deadline(staged: Staged) -> None:
    scene = staged(tokens=BOTH)
    scene.world.token(LIMITED, login="", kind="actions")
    scene.world.drop_dispatches = True
    case = asked(scene)
    began = scene.world.now
    while scene.case(case.id).state is CaseState.DISPATCHED and scene.world.now - began < timedelta(minutes=30):
        scene.wait(case.id, 30)
    ended = scene.case(case.id)
    print(f"handed over after {scene.world.now - began}: {ended.note}")
    assert ended.state is CaseState.HANDED_OVER
    assert ended.note.startswith(("no_report: ", "outcome_unknown: ")), ended.note
    assert scene.world.now - began <= timedelta(minutes=11)
    for _ in range(20):
        scene.wait(case.id, 60)
    assert dispatches(scene) == [("INDETERMINATE", "GITHUB_TOKEN")]
    assert len(scene.effects("repository-dispatch")) == 1
    assert climb(scene.ctx, case.id).state is CaseState.HANDED_OVER


@pytest.mark.shows("RD-3", "VA-1")
def test_a_run_that_never_ends_is_handed_over_at_the_deadline(staged: Staged) -> None:
    scene = staged()
    case = asked(scene)
    scene.world.start(scene.world.dispatched[0].run)
    ended = scene.wait(case.id, 601)
    assert ended.state is CaseState.HANDED_OVER
    assert "in_progress" in ended.note, ended.note


@pytest.mark.shows("RD-1", "RD-3")
def test_a_workflow_dispatch_takes_the_payload_as_its_input_and_names_its_run(staged: Staged) -> None:
    scene = staged(lawbook=f"{ACTING}dispatch: {{via: workflow_dispatch}}\n")
    case = asked(scene)
    (dispatched,) = scene.world.dispatched
    assert dispatched.event == "workflow_dispatch"
    (operation,) = [op for op in scene.operations() if op.kind == Kind.DISPATCH]
    assert operation.state is OperationState.CONFIRMED
    assert '"how": "answered"' in operation.answer
    assert operation.id in dispatched.run.state.display_title
    scene.run_validations()
    ended = scene.wait(case.id)
    assert ended.state is CaseState.CLOSED, ended.note
    assert ended.note.startswith("success: ")


@pytest.mark.shows("RD-2", "RD-3")
def test_the_shipped_workflow_hears_both_ways_and_takes_every_input_that_is_sent(staged: Staged) -> None:
    scene = staged(lawbook=f"{ACTING}dispatch: {{via: workflow_dispatch}}\n")
    asked(scene)
    shipped = YAML(typ="safe").load(SHIPPED)
    (dispatched,) = scene.world.dispatched
    assert set(dispatched.payload) <= set(shipped["on"]["workflow_dispatch"]["inputs"])
    assert "post-remediation-check" in shipped["on"]["repository_dispatch"]["types"]
    for told in ("github.event.client_payload.cicatrix.op_id", "github.event.inputs.op_id"):
        assert told in shipped["run-name"]
    assert SHIPPED.name == VALIDATION.rpartition("/")[2]
    assert YAML(typ="safe").load(WORKFLOW)["on"].keys() <= shipped["on"].keys()


@pytest.mark.shows("RD-4")
def test_one_commit_is_validated_once_for_all_cases(staged: Staged) -> None:
    scene = staged()
    first = asked(scene)
    scene.run_validations(here=True)
    assert scene.wait(first.id).state is CaseState.CLOSED
    again = asked(scene)
    assert again.id == first.id
    assert again.state in {CaseState.HANDED_OVER, CaseState.CLOSED}, again.note
    scene.git.commit("side", {}, "Nothing", parents=[scene.first])
    other = validate_commit(scene.ctx, scene.home, scene.first, branch="side", principal="cli:ada")
    assert other.id != first.id
    assert other.state is CaseState.HANDED_OVER
    assert "dispatch.perCommit" in other.note, other.note
    assert len(scene.effects("repository-dispatch")) == 1


@pytest.mark.shows("RD-4")
def test_a_case_has_so_many_dispatches_and_no_more(staged: Staged) -> None:
    scene = staged(lawbook=f"{ACTING}dispatch: {{perCase: 1}}\nremediation: {{allow: []}}\n")
    bad = scene.commit(BAD, "Simplify")
    case = open_case(scene.ctx, scene.home, ref="refs/heads/main", head_sha=bad, principal="cli:ada", rung="rollback")
    climb(scene.ctx, case.id)
    scene.run_validations(here=True)
    assert scene.wait(case.id).state is CaseState.CLOSED
    assert len(scene.effects("repository-dispatch")) == 1
    more = validate_commit(scene.ctx, scene.home, bad, branch="main", principal="cli:ada")
    assert more.id == case.id
    assert more.state is CaseState.HANDED_OVER
    assert "dispatch.perCase" in more.note, more.note


@pytest.mark.shows("RD-4", "RB-7", "B11")
def test_two_cases_do_not_work_on_one_ref_at_once(staged: Staged) -> None:
    scene = staged()
    first = asked(scene)
    scene.commit({"README.md": "# More\n"}, "Tell more")
    second = asked(scene)
    assert second.id != first.id
    assert second.state is CaseState.HANDED_OVER
    assert second.note.startswith("ref_leased: "), second.note
    scene.run_validations(here=True)
    assert scene.wait(first.id).state is CaseState.CLOSED
    third = asked(scene)
    assert third.state is CaseState.DISPATCHED, third.note
