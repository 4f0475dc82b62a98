"""The walks whose every boundary is a place to die: what is red, and what GitHub answers to the write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cicatrix.simulator import JobSpec, Outcome, World

LOST = (Outcome.lost_runner(seconds=30), Outcome.success(seconds=30))
BROKEN = (Outcome.failure("AssertionError: 3 != 4", seconds=30),)
GATE = JobSpec(id="gate", needs=["unit", "lint"], always=True, seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One walk."""

    name: str
    jobs: tuple[JobSpec, ...]
    effects: int
    """How many reruns happen; fewer only where a crash leaves an operation INDETERMINATE."""
    states: frozenset[str]
    """States in which operations may end."""
    fault: Callable[[World, str], object] | None = None
    """Switches the fault on for the write endpoints of a repository."""
    retriable: bool = True
    never: frozenset[str] = frozenset()
    """Jobs that must never be asked to rerun."""
    lawbook: str = "stopRules: {cooldownMinutes: 0}\n"


def _writes(repository: str) -> str:
    return f"POST /repos/acme/{repository}/actions/*/rerun*"


TWO_FLAKES = (JobSpec(id="unit", outcomes=LOST, seconds=30), JobSpec(id="lint", outcomes=LOST, seconds=30), GATE)

STORIES = (
    Story(
        name="all-failed",
        jobs=TWO_FLAKES,
        effects=1,
        states=frozenset({"CONFIRMED", "INDETERMINATE"}),
    ),
    Story(
        name="serial",
        jobs=(
            JobSpec(id="unit", outcomes=LOST, seconds=30),
            JobSpec(id="lint", outcomes=LOST, seconds=30),
            JobSpec(id="build", outcomes=BROKEN, seconds=30),
        ),
        effects=2,
        states=frozenset({"CONFIRMED", "INDETERMINATE"}),
        never=frozenset({"build"}),
    ),
    Story(
        name="refused",
        jobs=TWO_FLAKES,
        effects=0,
        states=frozenset({"REFUSED", "INDETERMINATE"}),
        retriable=False,
    ),
    Story(
        name="deferred",
        jobs=TWO_FLAKES,
        effects=1,
        states=frozenset({"CONFIRMED", "INDETERMINATE"}),
        fault=lambda world, repository: world.faults.rate_limited("seconds", _writes(repository)),
    ),
    Story(
        name="unanswered-after-effect",
        jobs=TWO_FLAKES,
        effects=1,
        states=frozenset({"CONFIRMED", "INDETERMINATE"}),
        fault=lambda world, repository: world.faults.answer_502_after_effect(_writes(repository)),
    ),
    Story(
        name="unanswered-without-effect",
        jobs=TWO_FLAKES,
        effects=0,
        states=frozenset({"INDETERMINATE"}),
        fault=lambda world, repository: world.faults.reset_before(_writes(repository)),
    ),
)
