"""What GitHub would rerun along with a job, and whether that may happen (foundations 6)."""

from __future__ import annotations

from collections.abc import Sequence

from cicatrix.core.facts import Job
from cicatrix.core.plan.model import Item, Question
from cicatrix.core.reasons import Reason

GUESSING_EVENTS = frozenset({"pull_request"})
"""Events whose runs go on with dependants that are guessed generously; others are refused then."""


def judge_along(item: Item, question: Question) -> None:
    """Find the item's dependants, and refuse it when they, or it, have side effects."""
    if Reason.NOT_FAILED in item.why:
        return
    item.along, doubt = _dependants(item.job, question)
    if doubt and question.facts.run.event not in GUESSING_EVENTS:
        item.no(Reason.DEPENDANTS_UNKNOWN, f"{doubt}; event {question.facts.run.event}")
    for name in (item.name, *item.along):
        judge_side_effects(item, name, question)


def _dependants(job: Job, question: Question) -> tuple[tuple[str, ...], str | None]:
    """Shown names of what reruns along with the job, and why that is a guess, if it is one."""
    graph, doubt = question.facts.graph, question.facts.graph_problem
    if graph is not None:
        found = graph.dependants([job.name], question.names)
        if not found.unknown:
            return (*found.names, *found.absent), None
        doubt = found.reasons[0]
    later = {other.name for other in question.jobs if _may_follow(other, job)}
    guessed = [n for n in question.names if n in later and n != job.name]
    if graph is not None:
        guessed = [name for n in guessed for name in graph.runs_as(n)]
    return tuple(dict.fromkeys(guessed)), doubt or "no workflow file was read"


def _may_follow(other: Job, job: Job) -> bool:
    """Whether `other` may need `job`, as far as their times tell: it was skipped, or it started after the job's end."""
    if other.conclusion == "skipped":
        return True
    return other.started_at is not None and job.completed_at is not None and other.started_at >= job.completed_at


def judge_side_effects(item: Item, name: str, question: Question) -> None:
    """Refuse the item when the job of that name deploys, releases, publishes or migrates, or uses an environment."""
    effects, graph = question.lawbook.side_effects, question.facts.graph
    if effects.allows(name):
        return
    whose = "it" if name == item.name else f"{name} would run along and"
    node = graph.job_of(name) if graph else None
    word = effects.word(name) or (effects.word(node.id) if node else None)
    if word:
        item.no(Reason.SIDE_EFFECT_JOB, f"{whose} looks like a {word} job")
    if effects.environments == "never" and graph is not None and graph.environment_of(name):
        item.no(Reason.ENVIRONMENT_JOB, f"{whose} uses a deployment environment")


def judge_all_jobs(items: Sequence[Item], question: Question) -> None:
    """ALL_JOBS takes every job of the run: all failed ones must be eligible, and no job may have side effects.

    One line for a skipped matrix or called workflow stays skipped; the jobs that it stands for run along.
    """
    failed = [i for i in items if Reason.NOT_FAILED not in i.why]
    if not any(i.eligible for i in failed):
        return
    barred = [i for i in failed if not i.eligible and set(i.why) != {Reason.DEPENDANT_FAILURE}]
    graph = question.facts.graph
    along: dict[str, None] = {}
    for item in items:
        inner = graph.runs_as(item.name) if graph else (item.name,)
        if Reason.NOT_FAILED in item.why and inner != (item.name,):
            along.update(dict.fromkeys(inner))
        elif Reason.NOT_FAILED in item.why or set(item.why) == {Reason.DEPENDANT_FAILURE}:
            item.why.clear()
        for name in inner:
            judge_side_effects(item, name, question)
    for item in items:
        item.along = tuple(along) if item.eligible else ()
    touched = [i for i in items if Reason.SIDE_EFFECT_JOB in i.why or Reason.ENVIRONMENT_JOB in i.why]
    for item in items:
        if barred:
            item.no(Reason.MIXED_FAILURES, f"ALL_JOBS would rerun {barred[0].name} too, which is not eligible")
        if touched:
            item.no(Reason.SIDE_EFFECT_JOB, f"ALL_JOBS would rerun {touched[0].name} too")
