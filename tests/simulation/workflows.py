"""Workflow shapes, and what their jobs come to; and the truth about both, which the product has to find out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache

from cicatrix.simulator import JobSpec, Outcome
from cicatrix.simulator.specs import leaves

SIDE_EFFECTS = ("deploy", "release", "publish", "migrate")
CANARY = "ghp_0canary0canary0canary0canary0canary0"
"""Shaped like a token; stands in logs and must never reach the ledger."""
WORD = "strangers-word"
"""Stands in logs and branch names: foreign text, which no entry holds in the clear."""

LOST = Outcome.lost_runner()
LOST_EMPTY = Outcome.lost_runner(empty_steps=True)
NEVER = Outcome.never_acquired()
NETWORK = Outcome.failure(
    f"npm error code ECONNRESET\nnpm error network aborted {WORD} {CANARY}\n"
    "npm error network This is a problem related to network connectivity.",
    step="Install dependencies",
)
BROKEN = Outcome.failure(
    f"E       AssertionError: {WORD} {CANARY} assert 1 == 2\nFAILED tests/test_a.py::test_one - AssertionError"
)
UNKNOWN = Outcome.failure("Error: something failed")
GREEN = Outcome.success()
ELIGIBLE = (LOST, LOST_EMPTY, NEVER, NETWORK)
"""What may be rerun. Everything else must not, whatever a log says."""

FATES: Sequence[tuple[Outcome, ...]] = (
    (LOST, GREEN),
    (LOST, GREEN),
    (LOST, LOST, GREEN),
    (LOST,),
    (LOST,),
    (LOST_EMPTY, GREEN),
    (NEVER, LOST, GREEN),
    (NETWORK, GREEN),
    (NETWORK,),
    (LOST, BROKEN),
    (BROKEN,),
    (BROKEN,),
    (UNKNOWN,),
    (Outcome.timed_out("##[error]The operation was canceled."),),
    (Outcome.cancelled(),),
    (Outcome.other("exploded"),),
)
HOPEFUL = 10
"""So many of the fates begin with something that may be rerun."""


@cache
def shape(number: int) -> tuple[JobSpec, ...]:
    """The jobs of workflow number N: matrix, needs, aggregators, reusable workflows, side effects. All green so far."""
    chance = random.Random(f"shape {number}")
    jobs: list[JobSpec] = []
    for position in range(chance.choice((1, 2, 2, 3, 4))):
        needs = [j.id for j in jobs if chance.random() < 0.3]
        jobs.append(_job(chance, f"job{position}", needs, reusable=chance.random() < 0.1))
    if chance.random() < 0.25:
        needs = [j.id for j in jobs if chance.random() < 0.5] or [jobs[0].id]
        jobs.append(_side_effect(chance, needs))
    if chance.random() < 0.4:
        needs = [j.id for j in jobs if chance.random() < 0.8] or [jobs[0].id]
        jobs.append(JobSpec(id="gate", needs=needs, always=True, seconds=61))
    return tuple(jobs)


def _job(chance: random.Random, name: str, needs: Sequence[str], *, reusable: bool) -> JobSpec:
    seconds = chance.choice((61, 90, 200))
    if reusable:
        inner = (JobSpec(id="inner", seconds=seconds), JobSpec(id="after", needs=["inner"], seconds=61))
        return JobSpec(id=name, needs=needs, uses=f"./.github/workflows/{name}-called.yml", jobs=inner)
    pick = chance.random()
    if pick < 0.2:
        return JobSpec(id=name, needs=needs, matrix={"part": ["a", "b"]}, seconds=seconds)
    if pick < 0.26:
        return JobSpec(id=name, needs=needs, matrix={"part": ["a", "b"]}, dynamic_matrix=True, seconds=seconds)
    shown = f"Tests of {name}" if pick > 0.85 else None
    return JobSpec(id=name, needs=needs, name=shown, seconds=seconds)


def _side_effect(chance: random.Random, needs: Sequence[str]) -> JobSpec:
    if chance.random() < 0.4:
        return JobSpec(id="finish", needs=needs, environment="production", seconds=61)
    return JobSpec(id=chance.choice(SIDE_EFFECTS), needs=needs, seconds=61)


@cache
def shown_names(number: int) -> tuple[str, ...]:
    """The jobs of a shape as GitHub shows them, gates left out: a gate's fate is that of its needs."""
    return tuple(leaf.name for leaf in leaves(shape(number)) if not leaf.spec.always)


@cache
def forbidden(number: int) -> frozenset[str]:
    """Shown names of jobs that must never run again: side effects and environments."""
    found = (leaf for leaf in leaves(shape(number)) if leaf.spec.id in SIDE_EFFECTS or leaf.spec.environment)
    return frozenset(leaf.name for leaf in found)


def fates(number: int, seed: int) -> dict[str, tuple[Outcome, ...]]:
    """Shown name -> outcomes, for the jobs of a shape that do not just succeed; at least one of them."""
    chance = random.Random(seed)
    choices = FATES[:HOPEFUL] if chance.random() < 0.5 else FATES
    names = shown_names(number)
    chosen = {name: chance.choice(choices) for name in names if chance.random() < 0.45}
    return chosen or {chance.choice(names): chance.choice(choices)}
