"""What a workflow of the simulated GitHub is made of: jobs, and what becomes of each of their executions."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

FAILING = frozenset({"failure", "timed_out"})
KNOWN_CONCLUSIONS = frozenset(
    {"success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"},
)
"""Conclusions of GitHub's published `job` schema; any other marks the answer as off the description."""
DEFAULT_STEPS = ("Run actions/checkout@v4", "Install dependencies", "Run tests")


class SimulatorError(ValueError):
    """The simulated GitHub was asked to be something it cannot be: says what is wrong and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one execution of a job comes to. Make one with the class methods; they have the shapes GitHub shows."""

    conclusion: str
    shape: str = "steps"
    """`steps`; `lost` (the last step has no conclusion), `lost_empty` (steps are an empty list), `never_acquired`."""
    log: str = ""
    """Lines of the failing step, without timestamps; the rest of the log is written round them."""
    raw_log: bytes | None = None
    """The whole log, as it is, instead of a generated one."""
    log_size: int = 0
    """Above 0: a log of this many bytes, streamed."""
    step: str | None = None
    """The step that fails; the last one of the job unless named."""
    seconds: float | None = None
    """How long the job runs; the job's own `seconds` unless given."""
    annotation: str | None = None

    @classmethod
    def success(cls, *, log: str = "", seconds: float | None = None) -> Outcome:
        return cls(conclusion="success", log=log, seconds=seconds)

    @classmethod
    def failure(
        cls,
        log: str = "Error: something failed",
        *,
        step: str | None = None,
        seconds: float | None = None,
        raw_log: bytes | None = None,
        log_size: int = 0,
    ) -> Outcome:
        return cls(conclusion="failure", log=log, step=step, seconds=seconds, raw_log=raw_log, log_size=log_size)

    @classmethod
    def lost_runner(cls, *, empty_steps: bool = False, seconds: float | None = None) -> Outcome:
        """The runner went away: the job failed, no step did, and there is no log."""
        return cls(
            conclusion="failure",
            shape="lost_empty" if empty_steps else "lost",
            seconds=seconds,
            annotation="The hosted runner lost communication with the server.",
        )

    @classmethod
    def never_acquired(cls, *, seconds: float | None = None) -> Outcome:
        """No runner ever took the job: no runner, no steps, no log."""
        return cls(
            conclusion="failure",
            shape="never_acquired",
            seconds=seconds,
            annotation="The job was not acquired by Runner of type hosted even after multiple attempts",
        )

    @classmethod
    def timed_out(cls, log: str = "", *, step: str | None = None, seconds: float | None = None) -> Outcome:
        return cls(
            conclusion="timed_out",
            log=log,
            step=step,
            seconds=seconds,
            annotation="The job has exceeded the maximum execution time of 6h0m0s",
        )

    @classmethod
    def cancelled(cls, log: str = "", *, seconds: float | None = None) -> Outcome:
        return cls(conclusion="cancelled", log=log, seconds=seconds, annotation="The operation was canceled.")

    @classmethod
    def other(cls, conclusion: str, log: str = "") -> Outcome:
        """Any other conclusion, also one that GitHub has not documented (open enums drift)."""
        return cls(conclusion=conclusion, log=log)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """One job of a workflow file, with what its executions come to.

    `outcomes` holds one per execution, the last one repeats; none means success. `matrix_outcomes` gives the
    outcomes of single matrix jobs by their values as shown, such as `"3.11, ubuntu"`.
    """

    id: str
    name: str | None = None
    """May hold `${{ matrix.key }}`, as in a workflow file."""
    needs: Sequence[str] = ()
    matrix: Mapping[str, Sequence[str | int]] | None = None
    dynamic_matrix: bool = False
    """The file says `fromJSON(...)` where the matrix stands, so its values cannot be read from the file."""
    always: bool = False
    """An aggregator: `if: always()`, fails when a need did not succeed or was cancelled."""
    environment: str | None = None
    uses: str | None = None
    """A reusable workflow: `./.github/workflows/x.yml` or `owner/repo/.github/workflows/x.yml@ref`."""
    jobs: Sequence[JobSpec] = ()
    """The jobs of the reusable workflow."""
    outcomes: Sequence[Outcome] = ()
    matrix_outcomes: Mapping[str, Sequence[Outcome]] = field(default_factory=dict)
    labels: Sequence[str] = ("ubuntu-latest",)
    seconds: float = 60
    steps: Sequence[str] = DEFAULT_STEPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One job as GitHub shows it: matrix expanded, reusable workflows opened."""

    name: str
    group: str
    """What GitHub shows for all leaves of one job of the file when none of them runs."""
    spec: JobSpec
    outcomes: tuple[Outcome, ...]
    needs: tuple[str, ...]
    """Shown names."""


Outcomes = Mapping[str, Sequence[Outcome]]


def combinations(matrix: Mapping[str, Sequence[str | int]] | None) -> list[dict[str, str | int]]:
    """The matrix jobs in GitHub's order: the first key turns slowest. One empty one without a matrix."""
    if not matrix:
        return [{}]
    keys = list(matrix)
    return [dict(zip(keys, values, strict=True)) for values in itertools.product(*(matrix[k] for k in keys))]


def shown_name(spec: JobSpec, values: Mapping[str, str | int]) -> str:
    """`id (v1, v2)`, or the `name` with its matrix expressions filled in."""
    label = ", ".join(str(v) for v in values.values())
    if spec.name is None:
        return f"{spec.id} ({label})" if values else spec.id
    name = spec.name
    for key, value in values.items():
        name = name.replace(f"${{{{ matrix.{key} }}}}", str(value))
    if values and name == spec.name:
        return f"{name} ({label})"
    return name


def leaves(jobs: Sequence[JobSpec], overrides: Outcomes | None = None) -> tuple[Leaf, ...]:
    """All jobs as shown, in the order of the file. Overrides replace outcomes by shown name or by job id."""
    found = _leaves(jobs, prefix="", outer=(), overrides=overrides or {}, group=None)
    names = [leaf.name for leaf in found]
    doubled = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
    if doubled:
        raise SimulatorError(f"two jobs are shown as {min(doubled)!r}; give one of them another name")
    return tuple(found)


def _leaves(
    jobs: Sequence[JobSpec], *, prefix: str, outer: tuple[str, ...], overrides: Outcomes, group: str | None
) -> list[Leaf]:
    shown: dict[str, tuple[str, ...]] = {}
    result: list[Leaf] = []
    pending = list(jobs)
    while pending:
        ready = [spec for spec in pending if all(need in shown for need in spec.needs)]
        if not ready:
            raise SimulatorError(
                f"the needs of job {pending[0].id!r} ({', '.join(pending[0].needs)}) are unknown or run in a circle"
            )
        for spec in ready:
            needs = (*outer, *(name for need in spec.needs for name in shown[need]))
            opened = _open(spec, prefix=prefix, needs=needs, overrides=overrides, group=group)
            shown[spec.id] = tuple(leaf.name for leaf in opened)
            result.extend(opened)
        pending = [spec for spec in pending if spec.id not in shown]
    return result


def _open(spec: JobSpec, *, prefix: str, needs: tuple[str, ...], overrides: Outcomes, group: str | None) -> list[Leaf]:
    result: list[Leaf] = []
    own_group = group or prefix + (spec.name or spec.id)
    for values in combinations(spec.matrix):
        name = prefix + shown_name(spec, values)
        if spec.uses is not None:
            result += _leaves(spec.jobs, prefix=f"{name} / ", outer=needs, overrides=overrides, group=own_group)
            continue
        label = ", ".join(str(v) for v in values.values())
        outcomes = overrides.get(name) or overrides.get(spec.id) or spec.matrix_outcomes.get(label) or spec.outcomes
        result.append(
            Leaf(
                name=name,
                group=own_group,
                spec=spec,
                outcomes=tuple(outcomes) or (Outcome.success(),),
                needs=needs,
            )
        )
    return result
