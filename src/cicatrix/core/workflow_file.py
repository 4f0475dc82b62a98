"""One workflow file as GitHub reads it: its jobs, what they need, and where they deploy.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cicatrix.core.matrix import NO_MATRIX, Combination, Unresolved, expand

MOST_JOBS = 10_000
"""Jobs of one file that are looked at; a file with more is left unresolved."""

_STATUS = re.compile(r"\b(?:always|failure|cancelled)\s*\(", re.IGNORECASE)
_LONGEST_IF = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class JobNode:
    """A job of a workflow file, before its matrix makes several of it."""

    id: str
    name: str | None
    """The `name:` as written, expressions and all."""
    needs: tuple[str, ...]
    if_always: bool
    """Its `if:` asks for a status (`always()`, `!cancelled()`, `failure()`): it may run although its needs failed."""
    matrix: tuple[Combination, ...] | None
    """One empty combination without a matrix; None when it is known only at run time."""
    environment: str | None
    """The deployment environment's name as written; None without one."""
    uses: str | None
    """The reusable workflow that it calls, as written."""

    @property
    def aggregator(self) -> bool:
        """Whether it judges other jobs: when one of them failed, its own failure says nothing new."""
        return self.if_always and bool(self.needs)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowFile:
    """The jobs by id, in the order of the file, and what of the file could not be understood."""

    jobs: Mapping[str, JobNode]
    unresolved: tuple[str, ...] = ()
    """Reasons why the graph of the whole file is not known. A dynamic matrix is none: see `JobNode.matrix`."""
    unexpanded: Mapping[str, str]
    """Job id -> why its matrix is not known from the file."""


def parse_workflow(tree: object) -> WorkflowFile:
    """The file's jobs. Never raises: what a stranger wrote wrongly ends up in `unresolved`."""
    if not isinstance(tree, Mapping):
        return WorkflowFile(jobs={}, unresolved=("the workflow file is no mapping",), unexpanded={})
    listed = tree.get("jobs")
    if not isinstance(listed, Mapping):
        return WorkflowFile(jobs={}, unresolved=("`jobs` is no mapping",), unexpanded={})
    if len(listed) > MOST_JOBS:
        return WorkflowFile(jobs={}, unresolved=(f"there are more than {MOST_JOBS} jobs",), unexpanded={})
    jobs: dict[str, JobNode] = {}
    unresolved: list[str] = []
    unexpanded: dict[str, str] = {}
    for job_id, job in listed.items():
        if not isinstance(job_id, str) or not isinstance(job, Mapping):
            unresolved.append(f"the job {str(job_id)[:100]} is no mapping")
            continue
        try:
            matrix: tuple[Combination, ...] | None = _matrix(job)
        except Unresolved as no:
            matrix, unexpanded[job_id] = None, f"the job {job_id}: its matrix {no.why}"
        jobs[job_id] = JobNode(
            id=job_id,
            name=_scalar_text(job.get("name")),
            needs=_needs(job_id, job.get("needs"), unresolved),
            if_always=_asks_for_status(job.get("if")),
            matrix=matrix,
            environment=_environment(job.get("environment")),
            uses=_scalar_text(job.get("uses")),
        )
    unresolved += _broken_needs(jobs)
    return WorkflowFile(jobs=jobs, unresolved=tuple(unresolved), unexpanded=unexpanded)


def reusable_of(uses: str, caller: str) -> str | None:
    """The name under which the called workflow file is looked up; None for text that names none.

    `./.github/workflows/x.yml` is a path in the caller's own repository and commit: `.github/workflows/x.yml`, or
    `owner/repo/.github/workflows/x.yml@ref` when the caller itself has that form. Others stay as written.
    https://docs.github.com/en/actions/how-tos/reuse-automations/reuse-workflows
    """
    uses = uses.strip()
    if not uses.startswith("./"):
        return uses if re.fullmatch(r"[^/\s@]+/[^/\s@]+/[^\s@]+@\S+", uses) else None
    path = uses.removeprefix("./")
    if "@" not in caller:
        return path
    place, _, ref = caller.partition("@")
    owner, repository = place.split("/")[:2] if place.count("/") > 1 else ("", "")
    return f"{owner}/{repository}/{path}@{ref}"


def reusable_paths(tree: object, path: str) -> tuple[str, ...]:
    """The workflow files that this one calls, in order and once each, by the names that `Graph.build` looks up."""
    called = (reusable_of(job.uses, path) for job in parse_workflow(tree).jobs.values() if job.uses)
    return tuple(dict.fromkeys(name for name in called if name))


def _matrix(job: Mapping[object, object]) -> tuple[Combination, ...]:
    strategy = job.get("strategy")
    if strategy is None:
        return NO_MATRIX
    if not isinstance(strategy, Mapping):
        raise Unresolved("is computed at run time")
    return expand(strategy["matrix"]) if strategy.get("matrix") is not None else NO_MATRIX


def _needs(job_id: str, needs: object, unresolved: list[str]) -> tuple[str, ...]:
    listed = [needs] if isinstance(needs, str) else needs
    if listed is None:
        return ()
    if not isinstance(listed, list | tuple) or not all(isinstance(n, str) and "${{" not in n for n in listed):
        unresolved.append(f"the job {job_id}: its `needs` is no list of job ids")
        return ()
    return tuple(dict.fromkeys(listed))


def _broken_needs(jobs: Mapping[str, JobNode]) -> list[str]:
    """Needs that name no job, and cycles: GitHub refuses such a file, so it is not what ran."""
    missing = [
        f"the job {j.id} needs {n[:100]}, which is no job" for j in jobs.values() for n in j.needs if n not in jobs
    ]
    open_needs = {job.id: len([n for n in job.needs if n in jobs]) for job in jobs.values()}
    users: dict[str, list[str]] = {job_id: [] for job_id in jobs}
    for job in jobs.values():
        for need in job.needs:
            if need in users:
                users[need].append(job.id)
    ready = [job_id for job_id, count in open_needs.items() if count == 0]
    seen = 0
    while ready:
        seen += 1
        for user in users[ready.pop()]:
            open_needs[user] -= 1
            if open_needs[user] == 0:
                ready.append(user)
    return missing[:10] + (["jobs need one another in a circle"] if seen < len(jobs) else [])


def _asks_for_status(condition: object) -> bool:
    return isinstance(condition, str) and _STATUS.search(condition[:_LONGEST_IF]) is not None


def _environment(environment: object) -> str | None:
    if isinstance(environment, Mapping):
        environment = environment.get("name", "?")
    return None if environment is None else _scalar_text(environment) or "?"


def _scalar_text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return (
        str(value) if isinstance(value, str | float) or (isinstance(value, int) and value.bit_length() < 64) else None
    )
