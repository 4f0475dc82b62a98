"""Measuring: what a check's end means, what unknown is, and what a broken build does to the tests."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cicatrix.checks import measure
from cicatrix.checks.process import Ran, run
from cicatrix.core.health.model import Check, CheckResult, CheckState, Component, Gate, Measurement

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENVIRON = {"PATH": os.environ["PATH"]}
L, S, B, T = Component.LINT, Component.SECURITY, Component.BUILD, Component.TESTS


def check(component: Component, program: str, **more: Any) -> Check:
    """A check that is a line of Python."""
    given = {"name": component.value, "parser": "exit-code", "timeout": timedelta(seconds=30)} | more
    return Check(component=component, command=(sys.executable, "-c", program), **given)


def measured(folder: Path, *checks: Check, environ: Mapping[str, str] = ENVIRON) -> Measurement:
    return measure(folder, checks, sha="a" * 40, now=NOW, environ=environ)


def one(folder: Path, given: Check) -> CheckResult:
    return measured(folder, given).results[0]


def writes(path: str, text: str, code: int = 0) -> str:
    return f"import sys; open({path!r}, 'w').write({text!r}); sys.exit({code})"


PASSED = '<testsuite tests="1"><testcase name="a"/></testsuite>'
FAILED = '<testsuite tests="1" failures="1"><testcase name="a"><failure/></testcase></testsuite>'


@pytest.mark.parametrize("component", list(Component))
def test_an_exit_code_is_all_or_nothing(tmp_path: Path, component: Component) -> None:
    good, bad = one(tmp_path, check(component, "pass")), one(tmp_path, check(component, "import sys; sys.exit(2)"))
    assert (good.state, good.score, good.exit_code) == (CheckState.PASS, 100, 0)
    assert (bad.state, bad.score, bad.exit_code) == (CheckState.FAIL, 0, 2)
    assert bad.why == "ended with 2"


@pytest.mark.shows("GK-1")
@pytest.mark.parametrize(
    ("program", "more", "says"),
    [
        ("import time; time.sleep(60)", {"timeout": timedelta(seconds=1)}, "it took longer than 1 s"),
        ("import os; os.kill(os.getpid(), 9)", {}, "ended by a signal"),
        ("import sys; sys.exit(137)", {}, "ended by a signal"),
        ("import sys; sys.exit(127)", {}, "not installed"),
        ("import sys; sys.exit(126)", {}, "not installed"),
        ("pass", {"parser": "ruff"}, "the report is empty"),
        ("print('no json')", {"parser": "ruff"}, "the report is no JSON"),
        ("pass", {"parser": "junit", "report": "junit.xml"}, "it wrote no report"),
        ("print('[]'); import sys; sys.exit(2)", {"parser": "ruff"}, "it ended with 2, but its report holds nothing"),
        (
            writes("junit.xml", PASSED, 1),
            {"parser": "junit", "report": "junit.xml"},
            "it ended with 1, but its report holds nothing",
        ),
        ("import os; os.symlink('/etc/hostname', 'r.xml')", {"parser": "junit", "report": "r.xml"}, "no report"),
        ("import os; os.mkfifo('r.xml')", {"parser": "junit", "report": "r.xml"}, "no report"),
        ("import os; os.mkdir('r.xml')", {"parser": "junit", "report": "r.xml"}, "no report"),
        ("pass", {"directory": "gone"}, "the folder where it runs does not exist"),
    ],
)
def test_what_was_not_measured_is_unknown_and_says_why(
    tmp_path: Path, program: str, more: dict[str, Any], says: str
) -> None:
    found = measured(tmp_path, check(T, program, **more), check(B, "pass"))
    result = found.results[-1]
    assert (result.state, result.score) == (CheckState.UNKNOWN, None)
    assert says in result.why
    assert (found.health, found.ready, found.gate) == (None, None, Gate.HOLD)


@pytest.mark.shows("GK-1")
def test_a_missing_tool_is_unknown(tmp_path: Path) -> None:
    given = Check(name="x", component=L, command=("no-such-linter-c4",), parser="ruff")
    result = one(tmp_path, given)
    assert (result.state, result.why) == (CheckState.UNKNOWN, "no-such-linter-c4 is not installed")


@pytest.mark.shows("GK-1")
def test_a_report_of_the_commit_is_not_taken_for_one_of_this_run(tmp_path: Path) -> None:
    (tmp_path / "junit.xml").write_text(PASSED)
    result = one(tmp_path, check(T, "pass", parser="junit", report="junit.xml"))
    assert (result.state, result.why) == (CheckState.UNKNOWN, "it wrote no report")


def test_a_link_out_of_the_worktree_leads_nowhere(tmp_path: Path) -> None:
    folder, outside = tmp_path / "tree", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "j.xml").write_text(PASSED)
    link = f"import os; os.path.islink('out') or os.symlink({str(outside)!r}, 'out')"
    for _ in range(2):  # the second time the link is there before anything runs
        assert one(folder, check(T, link, parser="junit", report="out/j.xml")).why == "it wrote no report"
        assert (outside / "j.xml").read_text() == PASSED


@pytest.mark.shows("GK-1")
def test_a_report_that_was_cut_is_unknown(tmp_path: Path) -> None:
    long = "print('[]' + ' ' * 20_000_000)"
    assert one(tmp_path, check(L, long, parser="ruff")).why == "the report was cut: it is too long"
    written = "open('r', 'w').write('[]' + ' ' * 20_000_000)"
    assert one(tmp_path, check(L, written, parser="ruff", report="r")).why == "the report was cut: it is too long"


def test_a_report_in_a_file_below_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "back" / "out").mkdir(parents=True)
    given = check(T, writes("out/j.xml", FAILED, 1), parser="junit", report="out/j.xml", directory="back")
    result = one(tmp_path, given)
    assert (result.state, result.score, result.counts.failed_tests) == (CheckState.FAIL, 80, 1)
    again = one(tmp_path, check(T, writes("out/j.xml", PASSED), parser="junit", report="out/j.xml", directory="back"))
    assert again.output_hash != result.output_hash


# --- GK-0

BROKEN = check(B, "import sys; sys.exit(1)")
JUNIT = {"parser": "junit", "report": "junit.xml"}


@pytest.mark.shows("GK-0")
@pytest.mark.parametrize(
    ("program", "more"),
    [
        ("import sys; sys.exit(2)", {}),
        ("import sys; sys.exit(2)", JUNIT),
        (writes("junit.xml", FAILED, 1), JUNIT),
        ("print('nothing')", {"parser": "junit"}),
    ],
)
def test_tests_that_a_broken_build_kept_from_running_failed(tmp_path: Path, program: str, more: dict[str, Any]) -> None:
    for order in ((BROKEN, check(T, program, **more)), (check(T, program, **more), BROKEN)):
        found = measured(tmp_path, *order)
        tests = found.results[-1]
        assert (tests.state, tests.score) == (CheckState.FAIL, 0)
        assert tests.why == "could not run: build failed before it"
        assert found.health == 0


@pytest.mark.shows("GK-0")
def test_tests_that_pass_without_the_build_passed(tmp_path: Path) -> None:
    assert measured(tmp_path, BROKEN, check(T, "pass")).results[-1].state is CheckState.PASS


@pytest.mark.shows("GK-0", "GK-1")
@pytest.mark.parametrize(
    ("program", "more"),
    [("import sys; sys.exit(127)", {}), ("import time; time.sleep(60)", {"timeout": timedelta(seconds=1)})],
)
def test_a_missing_tool_is_no_consequence_of_a_broken_build(tmp_path: Path, program: str, more: dict[str, Any]) -> None:
    assert measured(tmp_path, BROKEN, check(T, program, **more)).results[-1].state is CheckState.UNKNOWN


@pytest.mark.shows("GK-0", "RB-1")
def test_after_an_unknown_build_failing_tests_prove_nothing(tmp_path: Path) -> None:
    outage = check(B, "import sys; print('npm error code ECONNREFUSED', file=sys.stderr); sys.exit(1)")
    found = measured(tmp_path, check(L, "pass"), outage, check(T, "import sys; sys.exit(1)"))
    assert [r.state for r in found.results] == [CheckState.PASS, CheckState.UNKNOWN, CheckState.UNKNOWN]
    assert (found.health, found.ready, found.gate) == (None, None, Gate.HOLD)
    passing = measured(tmp_path, outage, check(T, "pass"))
    assert passing.health == 100
    assert passing.gate is Gate.WARNING


@pytest.mark.shows("GK-0")
def test_the_outside_is_blamed_for_builds_and_audits_alone(tmp_path: Path) -> None:
    program = "import sys; print('connect ECONNREFUSED 10.0.0.1'); sys.exit(1)"
    assert [one(tmp_path, check(c, program)).outside for c in Component] == [False, True, True, False]
    assert one(tmp_path, check(T, program)).state is CheckState.FAIL
    silent = "print('connect ECONNREFUSED 10.0.0.1')"
    assert one(tmp_path, check(B, silent)).state is CheckState.PASS


# --- the record


@pytest.mark.shows("GK-4")
def test_tool_version_duration_and_hash_are_recorded(tmp_path: Path) -> None:
    given = Check(name="ruff", component=L, command=("ruff", "check", "--output-format", "json", "."), parser="ruff")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    (tmp_path / "a.py").write_text("import os\n")
    found = measured(tmp_path, given, environ={"PATH": path})
    result = found.results[0]
    assert (result.state, result.counts.errors, result.findings[0].rule) == (CheckState.FAIL, 1, "F401")
    assert result.findings[0].line == 1
    assert result.tool == "ruff"
    assert result.tool_version[:1].isdigit()
    assert len(result.output_hash) == 64
    assert found.tools == {"ruff": result.tool_version}
    assert found.duration_ms >= result.duration_ms > 0


def test_no_tool_of_the_repository_is_asked_for_its_version(tmp_path: Path) -> None:
    asked: list[Sequence[str]] = []

    def listening(command: Sequence[str], folder: Path, **more: Any) -> Ran:
        asked.append(tuple(command))
        return run(command, folder, **more)

    build = tmp_path / "build.sh"
    build.write_text("#!/bin/sh\ntouch built-$#\n")
    build.chmod(0o755)
    given = Check(name="b", component=B, command=("./build.sh",), parser="exit-code")
    measure(tmp_path, [given], sha="a" * 40, now=NOW, environ=ENVIRON, run=listening)
    assert asked == [("./build.sh",)]
    assert not (tmp_path / "built-1").exists()


def test_secrets_and_control_characters_do_not_get_into_findings(tmp_path: Path) -> None:
    token = "ghp_" + "a1B2" * 9
    result = one(tmp_path, check(B, f"import sys; print('\\x1b[31m{token}', file=sys.stderr); sys.exit(1)"))
    told = json.dumps([finding.message for finding in result.findings])
    assert token not in told
    assert "\\u001b" not in told


def test_what_one_check_fetched_the_next_one_finds_and_nobody_after(tmp_path: Path) -> None:
    wrote = check(B, "import os, pathlib; pathlib.Path(os.environ['XDG_CACHE_HOME'], 'x').write_text('1')")
    read = check(T, "import os, pathlib, sys; sys.exit(not pathlib.Path(os.environ['XDG_CACHE_HOME'], 'x').exists())")
    assert measured(tmp_path, wrote, read, environ={**ENVIRON, "XDG_CACHE_HOME": str(tmp_path)}).ready is True
    assert not (tmp_path / "x").exists()
    assert measured(tmp_path, read).ready is False


def test_checks_run_as_declared_and_are_told_in_the_seeds_order(tmp_path: Path) -> None:
    said = list(events(tmp_path, check(T, "pass"), check(B, "pass"), check(L, "pass")))
    assert said == ["tests", "build", "lint"]
    found = measured(tmp_path, check(T, "pass"), check(B, "pass"), check(L, "pass"))
    assert [r.component for r in found.results] == [L, B, T]


def events(folder: Path, *checks: Check) -> Iterator[str]:
    said: list[str] = []

    def log(event: str, **fields: object) -> None:
        if event == "check.started":
            said.append(str(fields["check"]))

    measure(folder, checks, sha="a" * 40, now=NOW, environ=ENVIRON, log=log)
    yield from said


def test_a_finding_tells_its_place_in_the_repository_and_not_where_the_copy_lay(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import os, sys\n")
    found = json.dumps([{"filename": str(tmp_path / "bad.py"), "code": "E401", "message": "m", "location": {"row": 1}}])
    check = Check(
        name="lint", component=Component.LINT, command=(sys.executable, "-c", f"print({found!r})"), parser="ruff"
    )
    measured = measure(tmp_path, (check,), sha="a" * 40, now=NOW, environ={})
    assert [finding.path for result in measured.results for finding in result.findings] == ["bad.py"]
