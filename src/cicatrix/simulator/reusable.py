"""Workflows that a workflow calls: their files, and how a run names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .parts import SimPull
from .specs import JobSpec
from .workflow_file import workflow_text

if TYPE_CHECKING:
    from .repository import SimRepository


def write_reusable(repo: SimRepository, jobs: Sequence[JobSpec]) -> None:
    """Writes the files of the reusable workflows that these jobs call, here or in another repository."""
    for job in jobs:
        if job.uses is None:
            continue
        text = workflow_text(job.id, "workflow_call", job.jobs)
        if job.uses.startswith("./"):
            repo.file(job.uses[2:], text)
        else:
            where, _, _ = job.uses.partition("@")
            owner, name, path = (*where.split("/", 2), "", "")[:3]
            other = repo.world.find_repository(f"{owner}/{name}")
            if other is not None:
                other.file(path, text)
        write_reusable(repo, job.jobs)


def referenced(
    repo: SimRepository, jobs: Sequence[JobSpec], sha: str, pull: SimPull | None
) -> Sequence[tuple[str, str]]:
    """Path with its ref, and SHA, of every reusable workflow that a run of these jobs uses."""
    found: list[tuple[str, str]] = []
    ref = f"refs/pull/{pull.number}/merge" if pull else f"refs/heads/{repo.default_branch}"
    for job in jobs:
        if job.uses is None:
            continue
        if job.uses.startswith("./"):
            found.append((f"{repo.full_name}/{job.uses[2:]}@{ref}", sha))
        else:
            other = repo.world.find_repository("/".join(job.uses.split("/")[:2]))
            found.append((job.uses, other.branch(other.default_branch) if other else "0" * 39 + "1"))
        found.extend(referenced(repo, job.jobs, sha, pull))
    return list(dict.fromkeys(found))
