"""Bar 1: Python, Node and Go repositories, broken for real, measured by the real tools."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cicatrix.checks import detect, measure
from cicatrix.core.health.model import Band, Check, CheckState, Component, Gate, Measurement
from tests.checks.toolchains import PROJECTS, Project, bin_folder, environ, node_repo, python_repo

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DOWN = {
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "npm_config_registry": "http://127.0.0.1:9/",
}
"""Nothing listens there: every server outside is down."""


@pytest.fixture(scope="module")
def bins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bin_folder(tmp_path_factory.mktemp("bins"))


def measured(folder: Path, checks: tuple[Check, ...], around: dict[str, str]) -> Measurement:
    found = measure(folder, checks, sha="a" * 40, now=NOW, environ=around)
    for result in found.results:
        print(result.name, result.state.value, result.score, result.why, f"{result.duration_ms} ms")
    print("health", found.health, "ready", found.ready)
    return found


@pytest.mark.shows("GK-0", "GK-3", "GK-4")
@pytest.mark.parametrize("make", PROJECTS)
def test_a_change_that_breaks_build_and_tests_is_seen(make: Callable[[], Project], bins: Path, tmp_path: Path) -> None:
    project = make()
    around = environ(bins, **DOWN)
    good = measured(project.write(tmp_path / "good"), project.checks, around)
    assert (good.health, good.ready, good.gate) == (100, True, Gate.PASS)
    broken = project.write(project.write(tmp_path / "bad"), project.breaking)
    bad = measured(broken, project.checks, around)
    assert bad.health is not None
    assert bad.health < 30
    assert (bad.ready, bad.band, bad.gate) == (False, Band.CRITICAL, Gate.FAIL)
    assert {r.component for r in bad.results if r.state is CheckState.FAIL} >= {Component.BUILD, Component.TESTS}
    assert bad.tools == good.tools
    assert all(version for version in bad.tools.values())


def with_dependency(project: Project, folder: Path) -> Path:
    """The good files and one dependency, so that an audit has to ask the advisory server."""
    project.write(folder)
    if project.name == "python":
        (folder / "requirements.txt").write_text("left-pad-c4==1.0\n")
    else:
        pad = {"left-pad-c4": "1.0.0"}
        lock = json.loads(project.good["package-lock.json"])
        lock["packages"][""]["dependencies"] = pad
        lock["packages"]["node_modules/left-pad-c4"] = {"version": "1.0.0"}
        (folder / "package.json").write_text(
            json.dumps(json.loads(project.good["package.json"]) | {"dependencies": pad})
        )
        (folder / "package-lock.json").write_text(json.dumps(lock))
    return folder


@pytest.mark.shows("GK-0")
@pytest.mark.parametrize("make", [python_repo, node_repo])
def test_health_is_known_without_the_advisory_server(make: Callable[[], Project], bins: Path, tmp_path: Path) -> None:
    project = make()
    around = environ(bins, **DOWN)
    folder = with_dependency(project, tmp_path / "repo")
    audits = [c for c in detect(folder, environ=around).checks if c.component is Component.SECURITY]
    assert len(audits) == 1
    checks = (*audits, *project.checks)
    good = measured(folder, checks, around)
    (audit,) = [r for r in good.results if r.component is Component.SECURITY]
    assert (audit.state, audit.outside, audit.score) == (CheckState.UNKNOWN, True, None)
    assert (good.health, good.ready, good.gate) == (100, None, Gate.WARNING)
    bad = measured(project.write(folder, project.breaking), checks, around)
    assert bad.health is not None
    assert bad.health < 30
    assert (bad.ready, bad.gate) == (False, Gate.FAIL)


@pytest.mark.shows("GK-1")
def test_a_test_that_fails_by_itself_counts_once(bins: Path, tmp_path: Path) -> None:
    project = python_repo()
    folder = project.write(tmp_path / "repo")
    (folder / "src" / "sums" / "__init__.py").write_text("def add(a: int, b: int) -> int:\n    return a - b\n")
    found = measured(folder, project.checks, environ(bins))
    tests = found.results[-1]
    assert (tests.score, tests.counts.failed_tests, tests.counts.total_tests) == (80, 1, 1)
    assert found.health == rounded(100, 100, 80) - 15
    assert found.duration_ms < timedelta(minutes=2) / timedelta(milliseconds=1)


def rounded(*values: int) -> int:
    return (2 * sum(values) // len(values) + 1) // 2
