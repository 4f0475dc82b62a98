"""What becomes of a fix: kept, closed with its numbers, reverted once it was merged, or left alone."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from cicatrix.core.cases import Case, CaseState
from tests.ladder.conftest import Staged
from tests.ladder.scene import ACTING, Scene

TOOLS = {"PATH": f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"}
HEALS = f"{ACTING}remediation: {{allow: [python.ruff-format]}}\n"
FILES = {"pyproject.toml": "[tool.ruff]\nline-length = 100\n", "sums.py": "def add(a, b):\n    return a + b\n"}
UNTIDY = {"sums.py": "def add( a,b ):\n    return a+b\n"}


def moody(weather: Path) -> str:
    """Checks of which two go by the weather: in a storm they dislike what is formatted, and in fog nobody knows."""
    storm = f"test ! -e {weather}/fog || exit 127; test ! -e {weather}/storm || ! grep -q 'a + b' sums.py"
    return f"""
checks:
  - {{name: format, component: lint, command: [ruff, format, --check, --no-cache, sums.py]}}
  - {{name: build, component: build, command: [sh, -c, "{storm}"]}}
  - {{name: test, component: tests, command: [sh, -c, "{storm}"]}}
"""


@pytest.fixture
def scene(staged: Staged, tmp_path: Path) -> Scene:
    made: Scene = staged(checks=moody(tmp_path), lawbook=HEALS, files=FILES, environ=TOOLS)
    return made


def proposed(scene: Scene) -> Case:
    """A draft with a fix that looked good where it was made."""
    scene.commit(UNTIDY, "Hurry")
    case = scene.climbed(automatic=True)
    assert case.state is CaseState.DISPATCHED, case.note
    return case


@pytest.mark.shows("RB-0", "VA-2", "RM-2")
def test_a_fix_that_makes_things_worse_is_closed_with_its_numbers(scene: Scene, tmp_path: Path) -> None:
    case = proposed(scene)
    (tmp_path / "storm").touch()
    scene.run_validations(here=True)
    ended = scene.wait(case.id)
    assert ended.state is CaseState.HANDED_OVER
    assert ended.note.startswith("not_improved: "), ended.note
    verdict: Any = ended.data["verdict"]
    assert verdict["improvement"] < 0
    draft = scene.repo.pulls[1]
    assert draft.state == "closed"
    assert not draft.merged
    (told,) = draft.comments
    assert f"improvement {verdict['improvement']}" in told.body
    assert "the draft is closed" in told.body
    assert draft.labels == []
    assert scene.written["push"] == 1


@pytest.mark.shows("RB-0", "RB-9", "C19")
def test_a_fix_that_makes_things_worse_and_is_merged_is_reverted(scene: Scene, tmp_path: Path) -> None:
    case = proposed(scene)
    draft = scene.repo.pulls[1]
    draft.draft = False
    merged = scene.world.merge(draft)
    (tmp_path / "storm").touch()
    scene.run_validations(here=True)
    held = scene.wait(case.id)
    assert held.state is CaseState.ROLLED_BACK, held.note
    revert = scene.repo.pulls[2]
    assert revert.draft
    assert scene.text("sums.py", f"cicatrix/revert/{merged[:12]}") == UNTIDY["sums.py"]
    assert "revert this revert first" in (revert.body or "")
    assert scene.tip() == merged
    scene.run_validations(here=True)
    ended = scene.wait(case.id)
    assert ended.state is CaseState.CLOSED, ended.note
    assert [d.payload["commit_sha"] for d in scene.world.dispatched] == [draft.head_sha, revert.head_sha]


@pytest.mark.shows("VA-3", "RB-1", "F29")
@pytest.mark.parametrize("merged", [False, True])
def test_an_inconclusive_validation_leads_to_nobodys_rollback(scene: Scene, tmp_path: Path, *, merged: bool) -> None:
    case = proposed(scene)
    draft = scene.repo.pulls[1]
    if merged:
        draft.draft = False
        scene.world.merge(draft)
    (tmp_path / "fog").touch()
    scene.run_validations(here=True)
    ended = scene.wait(case.id)
    assert ended.state is CaseState.HANDED_OVER
    assert "inconclusive" in ended.note, ended.note
    assert scene.written["push"] == 1
    assert len(scene.repo.pulls) == 1
    assert draft.merged is merged
    assert draft.state == ("closed" if merged else "open")


@pytest.mark.shows("RB-9")
@pytest.mark.parametrize("weather", ["storm", "fog"])
def test_a_revert_that_is_no_better_is_left_to_a_person(staged: Staged, tmp_path: Path, weather: str) -> None:
    lawbook = f"{ACTING}rollback: {{deliver: direct_push, upTo: merge, directPush: [main], mergePerDay: 1}}\n"
    scene = staged(checks=moody(tmp_path), lawbook=lawbook, files=FILES, environ=TOOLS)
    (tmp_path / "storm").touch()
    scene.git.commit("main", {"sums.py": "def add(a, b):\n    return b + a\n"}, "Turn it")
    bad = scene.commit({"sums.py": "def add(a, b):\n    return a + b\n"}, "Turn it back")
    case = scene.climbed(automatic=True)
    assert case.state is CaseState.ROLLED_BACK, case.note
    (tmp_path / "storm").unlink()
    (tmp_path / weather).touch()
    if weather == "storm":
        scene.run_validations(lambda report: report, here=True)
        ended = scene.wait(case.id)
        assert ended.state is CaseState.CLOSED, ended.note
        return
    pushes = scene.written["push"]
    scene.run_validations(here=True)
    ended = scene.wait(case.id)
    assert ended.state is CaseState.HANDED_OVER, ended.note
    assert ended.note.startswith("not_improved: "), ended.note
    assert scene.written["push"] == pushes
    assert bad[:12] in "".join(scene.story(case.id))


@pytest.mark.shows("RM-1")
def test_where_no_code_may_run_a_fix_is_left_to_whoever_may(staged: Staged, tmp_path: Path) -> None:
    scene = staged(checks=moody(tmp_path), lawbook=HEALS, files=FILES, environ=TOOLS)
    scene.deploy(run_checks=False)
    scene.commit(UNTIDY, "Hurry")
    case = scene.climbed(automatic=True)
    assert case.note.startswith("code_not_run_here: "), case.note
    assert scene.written == {}
