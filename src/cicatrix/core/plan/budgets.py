"""What is left: the bound of each job and of what runs along with it, then the wider budgets (foundations 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from cicatrix.core.attempts import RunFacts, reruns_by_others
from cicatrix.core.operations import Operation
from cicatrix.core.plan.model import Item, Question, minutes_of
from cicatrix.core.policy import Mode
from cicatrix.core.reasons import Reason


def count_others_on_sha(
    facts: RunFacts, others: Counter[str], siblings: Sequence[tuple[RunFacts, tuple[Operation, ...]]]
) -> Counter[str]:
    """Job key -> reruns on the head SHA that are not ours, in this run and in the sibling runs that were read."""
    counts: Counter[str] = Counter()
    for name, n in others.items():
        counts[facts.key_of(name)] += n
    for sibling, operations in siblings:
        if sibling.run.id != facts.run.id and sibling.run.head_sha == facts.run.head_sha:
            for name, n in reruns_by_others(sibling, operations).items():
                counts[sibling.key_of(name)] += n
    return counts


def count_others_on_pull_request(
    facts: RunFacts, others: Counter[str], siblings: Sequence[tuple[RunFacts, tuple[Operation, ...]]]
) -> int:
    """Reruns of jobs that are not ours, in all runs of the pull request's head that were read."""
    of_siblings = (
        sum(reruns_by_others(sibling, operations).values())
        for sibling, operations in siblings
        if sibling.run.id != facts.run.id and sibling.pull_request_number == facts.pull_request_number
    )
    return sum(others.values()) + sum(of_siblings)


def judge_bound(items: Sequence[Item], question: Question) -> None:
    """Refuse what has used its reruns, or would take something along that has."""
    for item in items:
        if item.waits and item.limits.left < 1:
            item.no(Reason.MAX_ATTEMPTS_EXCEEDED, str(item.limits))
    candidates = [i for i in items if i.eligible]
    taking: list[Item] = []
    for item in candidates:
        twins = sum(1 for t in taking if t.name == item.name or t.key == item.key)
        if item.limits.left - twins < 1:
            item.no(Reason.MAX_ATTEMPTS_EXCEEDED, str(item.limits))
        for name in item.along:
            limits, _, _ = question.room(name, question.facts.key_of(name))
            if limits.left < 1:
                item.no(Reason.MAX_ATTEMPTS_EXCEEDED, f"{name} would run along: {limits}")
        taking.append(item)
    if question.request.mode is Mode.ALL_JOBS and any(not i.eligible for i in candidates):
        for item in candidates:
            item.no(Reason.MAX_ATTEMPTS_EXCEEDED, "ALL_JOBS takes every job, and one of them has used its reruns")


def judge_budgets(items: Sequence[Item], question: Question) -> None:
    """The wider budgets count the jobs named; the first jobs in order get what is left of them."""
    attempts, usage = question.lawbook.attempts, question.usage
    foreign = question.others_on_pull_request
    on_pull_request = question.facts.pull_request_number != 0
    day, whole = attempts.per_pull_request_day, attempts.per_pull_request
    rooms = [
        (Reason.PR_BUDGET_EXCEEDED, "attempts.perPullRequest", whole, usage.pull_request + foreign, on_pull_request),
        (
            Reason.PR_BUDGET_EXCEEDED,
            "attempts.perPullRequestDay",
            day,
            usage.pull_request_day + foreign,
            on_pull_request,
        ),
        (
            Reason.REPO_DAY_BUDGET_EXCEEDED,
            "attempts.perRepositoryDay",
            attempts.per_repository_day,
            usage.repository_day,
            True,
        ),
        (
            Reason.ORG_DAY_BUDGET_EXCEEDED,
            "attempts.perOrganisationDay",
            attempts.per_organisation_day,
            usage.organisation_day,
            True,
        ),
    ]
    taking = [i for i in items if i.eligible]
    for reason, name, limit, used, applies in rooms:
        left = max(0, limit - used)
        if question.request.mode is Mode.ALL_JOBS and len(taking) > left:
            left = 0
        if not applies:
            continue
        for place, item in enumerate(taking):
            if place >= left:
                item.no(reason, f"{name} {limit}, used {used}, this would be number {used + 1 + place}")
        for item in items:
            if item.waits and left == 0:
                item.no(reason, f"{name} {limit}, used {used}")
    _judge_minutes(items, [i for i in taking if i.eligible], question)


def _judge_minutes(items: Sequence[Item], taking: Iterable[Item], question: Question) -> None:
    """Ceilings in minutes are enforced before acting: the jobs' last durations are what they are expected to cost."""
    minutes, usage = question.lawbook.minutes, question.usage
    ceilings = [("minutes.perRepositoryDay", minutes.per_repository_day, usage.minutes_repository_day)]
    if question.facts.pull_request_number:
        ceilings.append(("minutes.perPullRequestDay", minutes.per_pull_request_day, usage.minutes_pull_request_day))
    spent = 0
    for item in taking:
        cost = minutes_of(items, (item.name, *item.along))
        for name, ceiling, used in ceilings:
            if ceiling is not None and used + spent + cost > ceiling:
                item.no(Reason.COST_CEILING, f"{name} {ceiling}, used {used + spent}, this costs {cost}")
        spent += cost if item.eligible else 0
