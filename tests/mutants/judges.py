"""Asks one process, which has imported everything but the product, what becomes of tests under a copy of it."""

from __future__ import annotations

import compileall
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.breaking import ROOT, broken_copy
from tests.mutants.guards import Mutant
from tests.mutants.service_guards import Guard


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of the tests: node id -> "passed", or why it failed; and all that pytest printed."""

    outcomes: dict[str, str]
    printed: str


@dataclass(slots=True)
class Judges:
    """Runs tests against a copy of the product, each time in a process of its own."""

    process: subprocess.Popen[str]
    rules: Path
    """A folder for the compiled rule set."""
    compiled: Path
    """A folder with the package, compiled: its copies only compile what was changed in them."""

    def run(self, copy: Path, tests: tuple[str, ...], *, first_only: bool) -> Seen:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        report = copy / "report.json"
        asked = {"copy": str(copy), "tests": tests, "report": str(report), "rules": str(self.rules)}
        print(json.dumps(asked | {"firstOnly": first_only}), file=self.process.stdin, flush=True)
        told = json.loads(self.process.stdout.readline())
        assert report.exists(), f"no test was run (status {told}):\n{_printed(copy)}"
        return Seen(json.loads(report.read_text(encoding="utf-8")), _printed(copy))

    def turns_red(self, guard: Guard, folder: Path) -> None:
        """Asserts that the guard's test goes red without the guard, by what it asserts and not by broken code."""
        copy = broken_copy(Mutant(guard.name, 0, guard.changes), folder, source=self.compiled)
        seen = self.run(copy, (guard.test,), first_only=True)
        red = [why for why in seen.outcomes.values() if why != "passed"]
        assert red, f"{guard.test} is green without its guard ({guard.name}):\n{seen.printed}"
        broken = [why for why in red if why.startswith(("NameError", "SyntaxError", "ImportError", "AttributeError"))]
        assert not broken, f"the change of {guard.name!r} breaks the code, and not the guard: {broken[0]}"

    def all_green(self, guards: Sequence[Guard], folder: Path) -> None:
        """Asserts that every test that a guard names is green while the guards stand."""
        copy = broken_copy(Mutant("nothing", 0, ()), folder, source=self.compiled)
        tests = tuple(dict.fromkeys(guard.test for guard in guards))
        seen = self.run(copy, tests, first_only=False)
        red = {name: why for name, why in seen.outcomes.items() if why != "passed"}
        assert not red, f"{red}\n{seen.printed}"
        run = set(seen.outcomes) | {name.partition("[")[0] for name in seen.outcomes}
        assert set(tests) <= run, "each of them was run"


def _printed(copy: Path) -> str:
    return (copy / "printed.txt").read_text(encoding="utf-8", errors="replace")[-4000:]


@contextmanager
def judging(place: Path) -> Iterator[Judges]:
    """The process, ended afterwards. `place` is an empty folder for what it keeps from run to run."""
    rules, compiled = place / "rules", place / "compiled"
    rules.mkdir()
    compileall.compile_dir(broken_copy(Mutant("nothing", 0, ()), compiled), quiet=2)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.mutants.forked"],
        cwd=ROOT,
        env={**clean, "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield Judges(process, rules, compiled)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdout.close()
    assert process.wait(60) == 0
