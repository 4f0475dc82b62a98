"""The stage of the crash tests: one simulated GitHub behind real sockets, a fresh repository and ledger a walk."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cicatrix.core.cases import ENDED
from cicatrix.core.operations import OperationState
from cicatrix.ledger import Ledger, export_lines
from cicatrix.simulator import SimRun, World
from cicatrix.simulator.server import Server, serve
from tests import history
from tests.bound.kit import LOGIN, NOON, TOKEN, Clock, ids
from tests.crash.stories import Story

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ".github/workflows/ci.yml"
REQUEST = "request-1"


class Forks:
    """The warm process, seen from its parent."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.forks"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def run(self, order: dict[str, Any]) -> dict[str, Any]:
        """Runs one walk to its end, or to its death."""
        assert self._process.stdin is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return self._answer()

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait(30)

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the forking process died with code {self._process.wait(10)}"
        return dict(json.loads(line))


@dataclass(slots=True)
class Walk:
    """One walk: killed at boundary `kill` (None: let live), then gone on with by a fresh process."""

    kill: int | None
    died: bool
    trail: list[str]
    """Boundaries that the first process passed, the last one being where it died."""
    effects: int
    states: Counter[str]
    violations: list[str]

    @property
    def place(self) -> str:
        return f"boundary {self.kill} ({self.trail[-1]})" if self.died else "no crash"


class Stage:
    """A world, its server and its clock; `walk` plays a story once."""

    def __init__(self, folder: Path, forks: Forks) -> None:
        self._folder, self._forks = folder, forks
        self._clock = Clock(folder / "clock")
        self.world = World(now=NOON, seed=1)
        self.world.follow_clock(self._clock)
        self.world.token(TOKEN, login=LOGIN)
        self.world.rate_limit = 10**9
        self._walks = 0
        Ledger.open(str(folder / "template.db"), now=self._clock, new_id=ids("template")).close()

    @contextmanager
    def open(self) -> Iterator[Server]:
        with serve(self.world) as server:
            yield server

    def walk(self, story: Story, server: Server, kill: int | None) -> Walk:
        """The story in a repository of its own, killed at one boundary and gone on with by a fresh process."""
        self._walks += 1
        name = f"shop-{self._walks}"
        run = self._red_run(story, name)
        ledger = self._folder / f"{name}.db"
        shutil.copyfile(self._folder / "template.db", ledger)
        first = len(self.world.history.records)
        order = {
            "url": server.api_url,
            "clock": str(self._folder / "clock"),
            "ledger": str(ledger),
            "repository": name,
            "request": REQUEST,
            "lawbook": story.lawbook,
        }
        trail = self._folder / f"{name}.trail"
        ended = self._forks.run({**order, "prefix": "a", "kill": kill, "trail": str(trail)})
        assert ended["killed"] or ended["code"] == 0, f"the walk failed by itself, see standard error: {ended}"
        passed = trail.read_text(encoding="utf-8").splitlines()
        if ended["killed"]:
            again = self._forks.run(
                {**order, "prefix": "b", "kill": None, "trail": str(self._folder / f"{name}.again")}
            )
            assert again["code"] == 0, f"after a crash at {passed[-1]} the next process failed: {again}"
        self.world.faults.clear()
        return self._judged(story, run, ledger, first, Walk(kill, ended["killed"], passed, 0, Counter(), []))

    def _red_run(self, story: Story, name: str) -> SimRun:
        repository = self.world.repository(f"acme/{name}")
        repository.workflow(WORKFLOW, story.jobs)
        pull = repository.pull_request(1)
        run = repository.run(WORKFLOW, pull_request=pull, finished=True, retriable=story.retriable)
        if story.fault is not None:
            story.fault(self.world, name)
        return run

    def _judged(self, story: Story, run: SimRun, path: Path, first: int, walk: Walk) -> Walk:
        """What happened and what the ledger says, by the offline checker and by what a person is shown."""
        records = self.world.history.records[first:]
        effects = [r for r in records if r["type"] == "effect"]
        walk.effects = len(effects)
        ledger = Ledger.open(str(path), now=self._clock, new_id=ids("judge"), read_only=True)
        with ledger.read() as view:
            lines = list(export_lines(view.entries()))
            operations = view.all_operations()
            walk.states = Counter(op.state.value for op in operations)
            shown = {op.id for op in view.indeterminate_operations()}
            stored = view.request(REQUEST)
            case = view.case_of_run("github.com", str(run.state.repository_id), str(run.id))
        ledger.close()
        ineligible = {str(run.id): story.never}
        walk.violations += history.check(records, lines, ours={LOGIN}, ineligible=ineligible)
        for op in operations:
            if op.state in {OperationState.SENT, OperationState.DEFERRED}:
                walk.violations.append(f"operation {op.id} is still {op.state}")
            if op.state is OperationState.INDETERMINATE and (
                op.id not in shown or case is None or op.id not in case.note
            ):
                walk.violations.append(f"operation {op.id} is INDETERMINATE and nobody is told: {case}")
        if stored is None or stored.response is None:
            walk.violations.append("the request has no stored answer after it was asked again")
        if case is None or case.state not in ENDED:
            walk.violations.append(f"the case is left behind: {case}")
        if walk.effects > story.effects or (walk.effects < story.effects and not shown):
            walk.violations.append(f"{walk.effects} effects, expected {story.effects}, and nothing is INDETERMINATE")
        if set(walk.states) - story.states:
            walk.violations.append(f"operations ended as {dict(walk.states)}, allowed are {sorted(story.states)}")
        return walk
