"""The three flows of seed 002 end to end: real git, real tools, validation really executed in a second process."""

from __future__ import annotations

import json
import os
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cicatrix.core.cases import Case, CaseState
from cicatrix.core.health.model import Check, Component
from cicatrix.core.lawbook.checks import check_tree
from cicatrix.core.rollback.plan import RollbackStatus
from cicatrix.flows.gate import Asked, blocked, exit_code, measure_commit
from cicatrix.flows.gate import keep as keep_gate
from cicatrix.flows.ladder.asking import release
from cicatrix.flows.ladder.climb import open_for_measurement
from cicatrix.flows.reporting import report_of_case
from tests.checks.toolchains import PROJECTS, Project, bin_folder, environ
from tests.ladder import validator
from tests.ladder.conftest import Staged
from tests.ladder.scene import ACTING, BAD, CHECKS, FINE, GOOD, Scene

TOOLS = {"PATH": f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"}
RUFF = f"""{CHECKS}
  - {{name: ruff, component: lint, command: [ruff, check, --output-format, json, --no-cache, .], parser: ruff}}
  - {{name: format, component: lint, command: [ruff, format, --check, --no-cache, .]}}
  - name: imports
    component: security
    command: [ruff, check, --select, F401, --output-format, sarif, --no-cache, .]
    parser: sarif
"""
TIDY = "import math\n\n\ndef add(a, b):\n    return math.fsum((a, b))\n"
PYTHON = {
    "pyproject.toml": '[project]\nname = "sums"\nversion = "1.0"\n\n[tool.ruff]\nline-length = 100\n',
    "src/sums.py": TIDY,
    "tests/test_sums.py": 'import runpy\n\nassert runpy.run_path("src/sums.py")["add"](1, 2) == 3\n',
}
UNTIDY = {"src/sums.py": "import math, os\ndef add( a,b ):\n    return math.fsum((a,b))\n"}
HEALS = f"{ACTING}remediation: {{allow: [python.ruff-format, python.ruff-fix]}}\n"
DIRECT = f"{ACTING}rollback: {{deliver: direct_push, upTo: merge, directPush: [main], mergePerDay: 1}}\n"


def gate(scene: Scene) -> tuple[int, Case | None]:
    """What `cicatrix gate` does after a push to main: exit code, and the case that it opened."""
    folder = validator.cloned(scene.clone_url, scene.path / f"gate-{scene.new_id()[:8]}")
    now = scene.world.now
    found = measure_commit(Asked(folder=folder, environ=scene.environ), now=now)
    kept = keep_gate(
        scene.ctx,
        scene.home,
        found,
        open_case=lambda ctx, home, measured, ref: open_for_measurement(
            ctx, home, measured, ref=ref, principal="system", automatic=True
        ),
    )
    opened = scene.case(kept.case) if kept.case else None
    return exit_code(found.measurement, kept.block), opened


def status_of(scene: Scene, case: Case) -> RollbackStatus:
    with scene.ctx.ledger.read() as view:
        return report_of_case(view, scene.case(case.id), now=scene.world.now).rollback.status


@pytest.mark.shows("GK-0", "GK-5", "RB-0", "F29")
def test_flow_normal_healthy(staged: Staged) -> None:
    scene = staged(checks=CHECKS)
    scene.commit(FINE, "Tell more")
    known = scene.kinds()
    code, opened = gate(scene)
    assert (code, opened) == (0, None)
    assert scene.kinds()[len(known) :] == ["health.measured"]
    scene.ticks()
    assert scene.kinds()[len(known) :] == ["health.measured"]
    assert scene.written == {}
    assert scene.world.dispatched == []


@pytest.mark.shows("RM-1", "RM-2", "RM-3", "RM-5", "RD-2", "RD-5", "VA-1", "VA-2", "VA-4", "B5", "B6", "B10", "C18")
def test_flow_healing_succeeds(staged: Staged) -> None:
    scene = staged(checks=RUFF, lawbook=HEALS, files=PYTHON, environ=TOOLS)
    untidy = scene.commit(UNTIDY, "Hurry")
    case = scene.climbed(automatic=True)
    assert case.state is CaseState.DISPATCHED, case.note
    head = f"cicatrix/fix/{case.id}"
    draft = scene.repo.pulls[1]
    assert draft.draft
    assert (draft.head_ref, draft.base_ref) == (head, "main")
    assert scene.text("src/sums.py", head) == TIDY
    assert scene.tip() == untidy
    (dispatched,) = scene.world.dispatched
    assert dispatched.payload["commit_sha"] == scene.tip(head)
    assert dispatched.payload["security_improvement"] == "100"
    assert "[skip" not in scene.git.run("log", "-1", "--format=%B", head).decode()
    assert scene.run_validations() == 1
    ended = scene.wait(case.id)
    assert ended.state is CaseState.CLOSED, ended.note
    verdict: Any = ended.data["verdict"]
    assert verdict["outcome"] == "success", (verdict, scene.world.dispatched)
    assert verdict["improvement"] > 0
    assert set(draft.labels) == {"auto-healing-applied", "security-improved", "phase3-remediation"}
    (told,) = draft.comments
    assert "**success**" in told.body
    assert scene.written == {
        "push": 1,
        "create-pull": 1,
        "repository-dispatch": 1,
        "create-comment": 1,
        "add-labels": 1,
    }
    before = scene.kinds()
    for _ in range(3):
        scene.wait(case.id, 600)
    assert scene.kinds() == before


@pytest.mark.shows("RB-0", "RB-1", "RB-5", "RB-9", "VA-1")
def test_flow_emergency_rollback(staged: Staged) -> None:
    scene = staged(checks=CHECKS)
    bad = scene.commit(BAD, "Simplify")
    tip = scene.commit(FINE, "Tell more")
    code, opened = gate(scene)
    assert code == 1
    assert opened is not None
    scene.ticks()
    case = scene.case(opened.id)
    assert case.state is CaseState.ROLLED_BACK, case.note
    draft = scene.repo.pulls[1]
    assert draft.draft
    assert scene.text("src/sums.py", f"cicatrix/revert/{bad[:12]}") == GOOD["src/sums.py"]
    assert scene.tip() == tip
    assert status_of(scene, case) is RollbackStatus.PROPOSED
    assert scene.run_validations() == 1
    ended = scene.wait(case.id)
    assert ended.state is CaseState.CLOSED, ended.note
    assert scene.tip() == tip


@pytest.mark.shows("RB-0", "RB-1", "RB-5", "RB-9", "VA-1", "B10", "C18", "C19")
def test_flow_emergency_rollback_with_the_right_to_push(staged: Staged) -> None:
    scene = staged(checks=CHECKS, lawbook=DIRECT)
    bad = scene.commit(BAD, "Simplify")
    tip = scene.commit(FINE, "Tell more")
    _, opened = gate(scene)
    assert opened is not None
    scene.ticks()
    case = scene.case(opened.id)
    assert case.state is CaseState.ROLLED_BACK, case.note
    assert scene.run_validations() == 1
    ended = scene.wait(case.id)
    assert ended.state is CaseState.CLOSED, ended.note
    assert status_of(scene, ended) is RollbackStatus.EXECUTED
    assert scene.text("src/sums.py") == GOOD["src/sums.py"]
    assert scene.text("README.md") == FINE["README.md"]
    assert scene.git.contains(scene.tip() or "", tip)
    assert f"This reverts commit {bad}." in scene.git.run("log", "-1", "--format=%B", "main").decode()
    assert gate(scene)[0] == 1, "the gate stays closed until a person releases the case"
    block = blocked(scene.ctx, scene.home, "refs/heads/main")
    assert block is not None
    assert block.case_id == case.id
    release(scene.ctx, case.id, principal="cli:ada", reason="looked at it")
    assert gate(scene)[0] == 0


@pytest.mark.shows("RB-0", "RB-5", "RB-6", "RB-9")
@pytest.mark.parametrize("most", [0, 1])
def test_a_validated_draft_lands_only_where_that_was_granted(staged: Staged, most: int) -> None:
    lawbook = f"{ACTING}rollback: {{upTo: merge, directPush: [main], mergePerDay: {most}}}\n"
    scene = staged(lawbook=lawbook)
    scene.commit(BAD, "Simplify")
    tip = scene.commit(FINE, "Tell more")
    case = scene.climbed(automatic=True)
    assert case.state is CaseState.ROLLED_BACK, case.note
    assert status_of(scene, case) is RollbackStatus.PROPOSED
    assert scene.tip() == tip
    scene.run_validations(here=True)
    ended = scene.wait(case.id)
    if most:
        assert ended.state is CaseState.CLOSED, ended.note
        assert scene.tip() == scene.repo.pulls[1].head_sha
        assert status_of(scene, ended) is RollbackStatus.EXECUTED
    else:
        assert ended.note.startswith("rollback_limit: "), ended.note
        assert scene.tip() == tip


# --- three languages, by their own tools ---


def declared(project: Project, *more: Check) -> str:
    return f"checks: {json.dumps([check_tree(check) for check in (*project.checks, *more)])}\n"


AUDIT = Check(
    name="audit",
    component=Component.SECURITY,
    command=("python3", "audit.py"),
    parser="pip-audit",
)
DOWN = "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:9/advisories')\n"
"""Asks for advisories where nobody answers, as a scanner does whose server is down."""


@pytest.mark.shows("RB-1", "RB-4", "GK-0")
@pytest.mark.parametrize("down", [False, True], ids=["online", "advisories-down"])
@pytest.mark.parametrize("make", PROJECTS, ids=lambda make: make.__name__)
def test_a_commit_that_breaks_build_and_tests_is_found_and_reverted(
    staged: Staged, tmp_path: Path, make: Callable[[], Project], *, down: bool
) -> None:
    project = make()
    files: Mapping[str, str] = {**project.good, **({"audit.py": DOWN} if down else {})}
    checks = declared(project, *((AUDIT,) if down else ()))
    scene = staged(checks=checks, files=files, environ=environ(bin_folder(tmp_path / "bin")))
    bad = scene.commit(dict(project.breaking), "Simplify")
    tip = scene.commit(dict(project.fine), "Tell more")
    _, opened = gate(scene)
    assert opened is not None
    scene.ticks()
    case = scene.case(opened.id)
    assert case.state is CaseState.ROLLED_BACK, case.note
    rollback: Any = case.data["rollback"]
    assert rollback["target"] == bad
    assert rollback["health"] < 30
    head = f"cicatrix/revert/{bad[:12]}"
    for path in project.breaking:
        assert scene.text(path, head) == project.good[path]
    for path, text in project.fine.items():
        assert scene.text(path, head) == text
    assert scene.repo.pulls[1].draft
    assert scene.tip() == tip
    scene.run_validations()
    ended = scene.wait(case.id)
    if down:  # what cannot be measured is never called good
        assert ended.state is CaseState.HANDED_OVER
        assert "inconclusive" in ended.note, ended.note
    else:
        assert ended.state is CaseState.CLOSED, ended.note
