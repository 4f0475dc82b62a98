"""Workflow runs drawn from a seed: matrices, needs, gates, reusable workflows, environments, deploy jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from cicatrix.simulator import JobSpec, Outcome
from tests.stage import COMPILE_ERROR

NAMES = ("unit", "lint", "build", "e2e", "docs", "fuzz")
SIDE_EFFECTS = ("deploy", "publish-wheel", "release-notes", "db-migrate")
FLAKES = (
    Outcome.lost_runner(seconds=40),
    Outcome.lost_runner(empty_steps=True, seconds=40),
    Outcome.never_acquired(seconds=60),
)
PASS = Outcome.success(seconds=40)


@dataclass(slots=True)
class Generated:
    """One run as it is to be played, and what must never happen to it."""

    seed: int
    jobs: list[JobSpec]
    event: str
    listing: str
    skipped_shown: str
    readable: bool
    """Whether the workflow file can be read."""
    broken: set[str] = field(default_factory=set)
    """Ids of jobs whose failure nothing but a new commit heals."""
    guarded: set[str] = field(default_factory=set)
    """Ids of jobs with side effects or an environment."""

    def is_broken(self, shown: str) -> bool:
        return _id_of(shown) in self.broken

    def is_guarded(self, shown: str) -> bool:
        return bool(self.guarded & {_id_of(shown), shown.partition(" ")[0]})

    def __str__(self) -> str:
        def told(job: JobSpec) -> str:
            marks = [f"needs {','.join(job.needs)}"] if job.needs else []
            marks += ["always"] * job.always + ["matrix"] * bool(job.matrix) + ["dynamic"] * job.dynamic_matrix
            marks += ["environment"] * bool(job.environment) + ["reusable"] * bool(job.uses)
            marks += ["broken"] * (job.id in self.broken)
            return f"{job.id}({'; '.join(marks)})"

        shapes = f"{self.event}, {self.listing}, {self.skipped_shown}, {'' if self.readable else 'un'}readable"
        return f"seed {self.seed}: {shapes}: {' '.join(told(job) for job in self.jobs)}"


def _id_of(shown: str) -> str:
    """The id of the job in its own file: ids here are their own names, and those in reusable workflows are unique."""
    return shown.rpartition(" / ")[2].partition(" (")[0]


def generate(seed: int) -> Generated:
    """The run of this seed; the same one every time."""
    chance = Random(seed)
    made = Generated(
        seed=seed,
        jobs=[],
        event="pull_request" if chance.random() < 0.8 else "push",
        listing=chance.choice(["copied", "absent"]),
        skipped_shown=chance.choice(["expanded", "collapsed"]),
        readable=chance.random() < 0.88,
    )
    for name in chance.sample(NAMES, chance.randint(2, 4)):
        made.jobs.append(_work(name, made, chance))
    if chance.random() < 0.3:
        made.jobs.append(_reusable(made, chance))
    if chance.random() < 0.3:
        made.jobs.append(_guarded(chance.choice(SIDE_EFFECTS), made, chance, environment=None))
    if made.readable and chance.random() < 0.15:  # only the file tells of an environment: foundations 6 checks by name
        made.jobs.append(_guarded("smoke", made, chance, environment="staging"))
    if chance.random() < 0.6:
        needs = _some(made.jobs, chance, least=1)
        made.jobs.append(JobSpec(id="gate", needs=needs, always=True, seconds=5))
    return made


def _work(name: str, made: Generated, chance: Random) -> JobSpec:
    needs = _some(made.jobs, chance) if chance.random() < 0.4 else ()
    if chance.random() < 0.3:
        values = ["3.11", "3.12", "3.13"][: chance.randint(2, 3)]
        outcomes = {value: _outcomes(name, made, chance) for value in values}
        dynamic = chance.random() < 0.25
        matrix = {"python": values}
        return JobSpec(
            id=name, needs=needs, matrix=matrix, dynamic_matrix=dynamic, matrix_outcomes=outcomes, seconds=40
        )
    return JobSpec(id=name, needs=needs, outcomes=_outcomes(name, made, chance), seconds=40)


def _reusable(made: Generated, chance: Random) -> JobSpec:
    inner = [
        JobSpec(id="compile", outcomes=_outcomes("compile", made, chance), seconds=40),
        JobSpec(id="check", needs=["compile"], outcomes=_outcomes("check", made, chance), seconds=40),
    ]
    needs = _some(made.jobs, chance) if chance.random() < 0.3 else ()
    return JobSpec(id="shared", needs=needs, uses="./.github/workflows/shared.yml", jobs=inner)


def _guarded(name: str, made: Generated, chance: Random, *, environment: str | None) -> JobSpec:
    made.guarded.add(name)
    outcomes = (PASS,) if chance.random() < 0.7 else (chance.choice(FLAKES), PASS)
    return JobSpec(id=name, needs=_some(made.jobs, chance), outcomes=outcomes, environment=environment, seconds=40)


def _outcomes(name: str, made: Generated, chance: Random) -> Sequence[Outcome]:
    """What the executions of a job come to. All jobs of a matrix that is broken once count as broken."""
    draw = chance.random()
    if draw < 0.12:
        made.broken.add(name)
        return (Outcome.failure(COMPILE_ERROR, step="Run tests", seconds=40),)
    if name in made.broken or draw < 0.55:
        return (PASS,)
    if draw < 0.9:
        return (chance.choice(FLAKES), PASS)
    return (chance.choice(FLAKES),)


def _some(jobs: Sequence[JobSpec], chance: Random, least: int = 0) -> tuple[str, ...]:
    return tuple(job.id for job in chance.sample(jobs, chance.randint(least, min(2, len(jobs)))))
