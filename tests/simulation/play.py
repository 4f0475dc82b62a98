"""Plays the story of one seed to its end, settles what is left with faults off, and has the laws judge it."""

from __future__ import annotations

import random
import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cicatrix.flows.tick import tick
from cicatrix.github import GitHubError
from cicatrix.simulator import World
from tests.simulation.actors import Told, cast
from tests.simulation.baton import Baton
from tests.simulation.evidence import collect
from tests.simulation.laws import judge
from tests.simulation.replan import replan
from tests.simulation.stage import Stage
from tests.simulation.story import draw
from tests.simulation.trace import Trace

ROUNDS = 80
"""Ticks within which everything must have settled once faults are over."""


@dataclass(frozen=True, slots=True)
class Played:
    """How the story of a seed ended."""

    seed: int
    violations: tuple[str, ...]
    digest: str
    trace: tuple[str, ...]
    effects: int
    posts: int
    crashes: int
    states: tuple[str, ...]
    """The state of each operation at the end."""

    def report(self) -> str:
        """For a person: what is wrong, and the command that shows how it came about."""
        lines = "\n".join(f"  {v}" for v in self.violations)
        return (
            f"seed {self.seed} breaks a law:\n{lines}\n  replay: python -m tests.simulation --seed {self.seed} --trace"
        )


def play(seed: int) -> Played:
    """The story of this seed. Equal seeds give equal digests."""
    story = draw(seed)
    batons: list[Baton] = []

    def baton(world: World) -> Baton:
        longest = timedelta(seconds=story.longest_stall)
        chance = random.Random(f"baton {seed}")
        batons.append(Baton(world, chance, Trace(world.now), stalls=story.stalls, longest=longest))
        return batons[0]

    stage = Stage(story, baton)
    told = Told()
    try:
        problems = replan(stage) if seed % 4 == 0 else []
        for actor in cast(stage, told):
            stage.baton.add(actor)
        stage.baton.run()
        problems += stage.baton.problems
        if not problems:
            problems += _settle(stage)
        evidence = collect(stage, told)
    finally:
        stage.close()
    trace = stage.baton.trace
    for record in evidence.history:
        trace.raw(str(sorted(record.items())))
    for body in evidence.bodies:
        trace.raw(body)
    return Played(
        seed=seed,
        violations=(*problems, *judge(evidence)),
        digest=trace.digest(),
        trace=tuple(trace.lines),
        effects=len(evidence.effects),
        posts=len(stage.witnesses),
        crashes=sum(1 for line in trace.lines if line.endswith(" dies")),
        states=tuple(op["state"] for op in evidence.operations),
    )


def play_briefly(seed: int) -> Played:
    """The story without its lines, which are many and which nobody reads when all is well."""
    return replace(play(seed), trace=())


def _settle(stage: Stage) -> list[str]:
    """Faults off, a healthy process, and ticks at their times until nothing is due any more."""
    stage.world.faults.clear()
    stage.quiet_from = stage.world.now
    ctx = stage.process() if stage.story.ledger_pages is not None else stage.shared
    for _ in range(ROUNDS):
        due = _next_due(stage)
        if due is None:
            return []
        stage.world.now = max(stage.world.now + timedelta(seconds=1), due)
        try:
            for ticked in tick(ctx):
                stage.baton.trace.raw(f"tick: {ticked.run} {ticked.before} -> {ticked.after} {ticked.note}")
        except GitHubError as trouble:
            return [f"exception: tick raised {trouble}"]
    return [f"law 3: not settled after {ROUNDS} ticks without faults: {_waiting(stage)}"]


def _next_due(stage: Stage) -> datetime | None:
    """The next moment at which an open operation or case wants a tick, from the ledger's file itself."""
    connection = sqlite3.connect(stage.path)
    try:
        rows = connection.execute(
            "SELECT wake_at FROM cases WHERE state NOT IN ('closed', 'handed_over') AND wake_at IS NOT NULL "
            "UNION ALL SELECT lease_until FROM cases WHERE state NOT IN ('closed', 'handed_over') "
            "AND lease_until IS NOT NULL "
            "UNION ALL SELECT coalesce(not_before, created_at) FROM operations WHERE state IN ('SENT', 'DEFERRED')"
        ).fetchall()
    finally:
        connection.close()
    now = stage.world.now
    moments = [datetime.fromisoformat(text) for (text,) in rows]
    if not moments:
        return None
    ahead = [m for m in moments if m > now]
    # what is due already gets a tick now; an operation in doubt gets one a minute until its window is over
    return min(ahead) if len(ahead) == len(moments) else now + timedelta(seconds=61)


def _waiting(stage: Stage) -> str:
    connection = sqlite3.connect(stage.path)
    try:
        cases = connection.execute("SELECT id, state, wake_at, note FROM cases").fetchall()
        operations = connection.execute("SELECT id, state FROM operations").fetchall()
    finally:
        connection.close()
    return f"cases {cases}, operations {operations}"
