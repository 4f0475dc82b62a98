"""The parent's side of the bound test: a simulated GitHub behind real sockets, and three processes that call it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cicatrix.simulator import Exchange, JobSpec, Outcome, SimRepository, SimRun, World
from cicatrix.simulator.server import serve
from tests.bound.kit import LOGIN, NOON, TOKEN, Clock

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ".github/workflows/ci.yml"
JOB = "network e2e"
"""A name that the seed's method takes for an infrastructure failure, so that both algorithms act on it."""
PROCESSES = 3
CALLERS = 50
MOST_WAVES = 12
DONE = "BLOCKED max_attempts_exceeded"


class Process:
    """One child that lives through all rounds."""

    def __init__(self, name: str, setup: dict[str, str]) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.bound.caller"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.order({**setup, "name": name})

    def order(self, line: dict[str, Any]) -> None:
        assert self._child.stdin is not None
        print(json.dumps(line), file=self._child.stdin, flush=True)

    def answer(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        assert line, f"a calling process died with code {self._child.wait(10)}"
        return dict(json.loads(line))

    def close(self) -> None:
        for pipe in (self._child.stdin, self._child.stdout):
            assert pipe is not None
            pipe.close()
        if self._child.wait(30):
            raise AssertionError(f"a calling process ended with code {self._child.returncode}")


@dataclass(slots=True)
class Round:
    """What came of one run."""

    effects: int
    ran: int
    """How often the job really executed after its first attempt."""
    waves: int
    told: Counter[str]


@dataclass(slots=True)
class Party:
    """The world, its clock, one ledger file, and the processes."""

    world: World
    clock: Clock
    repository: SimRepository
    ledger: Path
    processes: list[Process]
    rounds: int = 0

    def round(self, kind: str) -> Round:
        """A fresh run of a fresh pull request, a day after the last one; everybody asks until the bound is told."""
        self.rounds += 1
        self.clock.advance(25 * 3600)  # day budgets are whole again: only the run's own bound is at stake
        pull = self.repository.pull_request(self.rounds, head_branch=f"change-{self.rounds}")
        run = self.repository.run(WORKFLOW, pull_request=pull, finished=True)
        asking = {f"{kind}-{self.rounds}-{caller}": caller % len(self.processes) for caller in range(CALLERS)}
        told: Counter[str] = Counter()
        waves = 0
        while asking and waves < MOST_WAVES:
            waves += 1
            seen = self._wave(kind, pull.number, asking, waves)
            told.update(seen.values())
            asking = {request: process for request, process in asking.items() if seen[request] != DONE}
        assert not asking, f"round {self.rounds}: {len(asking)} callers never saw {DONE} in {waves} waves: {told}"
        return Round(effects=len(self.effects(run)), ran=self.executions(run), waves=waves, told=told)

    def _wave(self, kind: str, pull: int, asking: dict[str, int], wave: int) -> dict[str, str]:
        """Every caller that still asks, at once; a caller's second question is a new request."""
        mine: list[list[str]] = [
            [f"{r}-{wave}" for r, p in asking.items() if p == n] for n in range(len(self.processes))
        ]
        for process, requests in zip(self.processes, mine, strict=True):
            process.order({"kind": kind, "pull": pull, "requests": requests})
        answers = [process.answer()["seen"] for process in self.processes]
        return {request.rpartition("-")[0]: told for seen in answers for request, told in seen.items()}

    def tick(self) -> None:
        """Every process wakes what is due, all at the same time."""
        for process in self.processes:
            process.order({"kind": "tick"})
        for process in self.processes:
            process.answer()

    def effects(self, run: SimRun) -> list[dict[str, Any]]:
        return [e for e in self.world.history.effects if e["runId"] == str(run.id)]

    def executions(self, run: SimRun) -> int:
        return sum(effect["ran"].count(JOB) for effect in self.effects(run))


@contextmanager
def party(folder: Path) -> Iterator[Party]:
    """Starts everything, ends everything."""
    clock = Clock(folder / "clock")
    world = World(now=NOON, seed=1)
    world.follow_clock(clock)
    world.token(TOKEN, login=LOGIN)
    world.rate_limit = 10**9

    def fail_again_at_once(exchange: Exchange) -> None:
        if exchange.method == "POST" and exchange.status == 201:
            clock.advance(5)

    world.on_exchange.append(fail_again_at_once)
    repository = world.repository("acme/shop")
    repository.workflow(WORKFLOW, [JobSpec(id="e2e", name=JOB, seconds=0, outcomes=[Outcome.lost_runner(seconds=0)])])
    ledger = folder / "ledger.db"
    with serve(world) as server:
        setup = {
            "url": server.api_url,
            "clock": str(folder / "clock"),
            "ledger": str(ledger),
            "seedTable": str(folder / "seed.db"),
        }
        processes: list[Process] = []
        try:
            processes += [Process(f"p{number}", setup) for number in range(PROCESSES)]
            for process in processes:
                process.answer()
            yield Party(world, clock, repository, ledger, processes)
        finally:
            for process in processes:
                process.close()
