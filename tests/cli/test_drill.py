"""The drill of docs/ladder.md, typed as it stands there: real git, and checks and validation are really run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cicatrix.simulator import SimulatorError
from cicatrix.simulator.scenario import load
from tests.simulator.support import NOON

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"```(?:text|sh)\n(.*?)```", re.DOTALL)
TYPED = ("cicatrix ", "git ", "export ", "cd ", ". ")


def page() -> tuple[list[str], str]:
    """The commands of the worked example in their order, and its lawbook."""
    told = (ROOT / "docs" / "ladder.md").read_text(encoding="utf-8")
    section = told.partition("## A worked example\n")[2].partition("By hand, for a commit")[0]
    lines = [line for block in FENCE.findall(section) for line in block.splitlines() if line.startswith(TYPED)]
    return lines, re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)[0]


@contextmanager
def simulated(line: str, folder: Path, environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The first command of the page, left running; over to the other shell once its lines are there."""
    command, _, target = line.partition(" > ")
    words = [sys.executable, "-m", *command.split()]
    with subprocess.Popen(
        words, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(5)]
            (folder / target).write_text("".join(lines))
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=30)


class Shell:
    """One shell after another with the same variables: what was typed, how each line ended, what it printed."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder, self.environ, self.setting = folder, environ, ""

    def type(self, line: str) -> tuple[int, str]:
        if line.startswith((". ", "export ", "cd ")):
            self.setting += f"{line}\n"
        done = subprocess.run(
            ["bash", "-c", f"{self.setting}{line if not line.startswith('cd ') else ''}"],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        print(f"$ {line}\n{done.returncode} {done.stdout[-600:]}{done.stderr[-600:]}")
        return done.returncode, done.stdout


def filled(line: str, known: dict[str, str]) -> str:
    """The line with what a person would put in the place of its capitals."""
    return re.sub(r"(?<= )CASE\b|\bSHA12\b", lambda m: known[m[0]], line)


@pytest.mark.shows("RB-0", "RB-9", "VA-1", "GK-5")
def test_the_worked_example_of_the_ladder_goes_as_its_page_tells(tmp_path: Path) -> None:
    lines, base = page()
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / "base.yml").write_text(base)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = {"PATH": path, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    with simulated(lines[0], tmp_path, environ) as process:
        shell = Shell(tmp_path, environ)
        known: dict[str, str] = {}
        codes = []
        for line in lines[1:]:
            code, out = shell.type(filled(line, known))
            if line.startswith("cicatrix"):
                codes.append((line.split()[1], code))
            if line == "cicatrix gate" and not known:
                _, refs = shell.type("git ls-remote origin 'refs/heads/cicatrix/revert/*'")
                known = {"CASE": json.loads(out)["caseId"], "SHA12": refs.strip().rpartition("/")[2]}
                assert process.stderr is not None
                told = next(told for told in process.stderr if told.startswith("run "))
                assert told.endswith("post-remediation-check.yml: reported\n")
            if line == "cicatrix tick":  # typed again while the case still awaits its report, as the page tells
                seen = json.loads(out)
                for _ in range(10):
                    if any(one["after"] == "closed" for one in seen):
                        break
                    seen += json.loads(shell.type(line)[1])
                last = seen[-1]
                assert (last["caseId"], last["ref"], last["after"]) == (known["CASE"], "refs/heads/main", "closed")
            if line.startswith("cicatrix report"):
                assert known["SHA12"] in out
            if line.startswith("git "):
                assert code == 0, line
    assert codes == [
        *(("registry", 0), ("gate", 1), ("explain", 0), ("tick", 0), ("report", 0)),
        *(("gate", 1), ("release", 0), ("gate", 0)),
    ]


def test_a_scenario_with_git_has_its_commits_on_their_branches(tmp_path: Path) -> None:
    text = (
        "repositories:\n  - name: acme/shop\n    git: true\n    files: {a.txt: one, b.txt: two}\n    commits:\n"
        "      - {message: First, files: {a.txt: three, b.txt: null}}\n"
        "      - {message: Second, branch: side, files: {c.txt: four}}\n"
        "    pull_requests: [{number: 1, head_branch: side}]\n"
    )
    world = load(text, now=NOON, folder=tmp_path)
    repo = world.repositories["acme/shop"]
    git = repo.git
    assert git is not None
    main, side = git.heads()["main"], git.heads()["side"]
    assert [one.message for one in git.log(side)] == ["Second", "First", "Begin"]
    assert (git.paths(main), git.read(main, "a.txt"), git.paths(side)) == (["a.txt"], b"three", ["a.txt", "c.txt"])
    assert repo.pulls[1].head_sha == side
    with pytest.raises(SimulatorError, match=r"repositories\[0\].git: there is no folder"):
        load(text, now=NOON)
    with pytest.raises(SimulatorError, match=r"repositories\[0\].commits: a repository without git has none"):
        load(text.replace("git: true", "git: false"), now=NOON, folder=tmp_path)
    with pytest.raises(SimulatorError, match=r"commits\[0\]: message is missing"):
        load(text.replace("{message: First, ", "{"), now=NOON, folder=tmp_path / "other")
