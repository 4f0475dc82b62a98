"""`plan_rerun`: the whole decision, from facts to the plan."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cicatrix.core.attempts import RunFacts, merged_jobs, reruns_by_others
from cicatrix.core.lawbook import Mode as LawbookMode
from cicatrix.core.operations import Operation, Usage
from cicatrix.core.plan.along import judge_all_jobs, judge_along
from cicatrix.core.plan.budgets import (
    count_others_on_pull_request,
    count_others_on_sha,
    judge_bound,
    judge_budgets,
)
from cicatrix.core.plan.call import Choice, choose_call, counted
from cicatrix.core.plan.jobs import CLASS_REASONS, cooldown_end, judge_job, judge_storm
from cicatrix.core.plan.model import Item, JobPlan, Plan, Question, open_items
from cicatrix.core.plan.stops import Stop, run_stops, wake_at
from cicatrix.core.policy import Mode, Policy, RerunRequest
from cicatrix.core.reasons import Action, Reason, by_precedence

SHOWN_NAMES = 3


def plan_rerun(
    request: RerunRequest,
    facts: RunFacts,
    policy: Policy,
    usage: Usage,
    now: datetime,
    *,
    siblings: Sequence[tuple[RunFacts, tuple[Operation, ...]]] = (),
) -> Plan:
    """What to do about one failed run.

    `usage` and the operations of `siblings` (other runs of the same head SHA) come from one ledger transaction. The
    result is complete: flows add nothing but the identifiers of what they record.
    """
    others = reruns_by_others(facts, usage.operations)
    question = Question(
        request=request,
        facts=facts,
        policy=policy,
        usage=usage,
        now=now,
        jobs=merged_jobs(facts.attempts),
        others=others,
        others_on_sha=count_others_on_sha(facts, others, siblings),
        others_on_pull_request=count_others_on_pull_request(facts, others, siblings),
    )
    stops = run_stops(question)
    items = open_items(question)
    for item in items:
        judge_job(item, question)
        if Reason.NOT_FAILED not in item.why:
            for reason, why in stops:
                item.no(reason, why)
    if request.mode is Mode.ALL_JOBS:
        judge_all_jobs(items, question)
    else:
        for item in items:
            judge_along(item, question)
    judge_storm(items, question)
    if request.only_jobs is not None:
        for item in items:
            if item.name not in request.only_jobs:
                item.no(Reason.MIXED_FAILURES, "this decision is about the queued jobs only")
    judge_bound(items, question)
    judge_budgets(items, question)
    choice = choose_call(items, question)
    return _plan(question, stops, items, choice)


def _plan(question: Question, stops: Sequence[Stop], items: Sequence[Item], choice: Choice) -> Plan:
    wake = wake_at(question, stops) or cooldown_end(items, question)
    if question.policy.denial and question.policy.denial.next_allowed_at:
        wake = max(wake or question.now, question.policy.denial.next_allowed_at)
    request, mode = question.request, question.lawbook.mode
    asleep = request.dry_run or (request.automatic and mode is LawbookMode.SHADOW)
    jobs = tuple(_close(item, choice.queued, asleep=asleep) for item in items)
    decision = _decision(jobs) if jobs else _decision_without_jobs(stops)
    sentences = _sentences(jobs, choice.price, asleep=asleep) if jobs else [f"{r}: {why}" for r, why in stops]
    return Plan(
        run_id=question.facts.run.id,
        decision=decision,
        reasons=(*sentences, *question.policy.remarks),
        jobs=jobs,
        call=None if asleep else choice.call,
        wake_at=wake if decision == "BLOCKED" else None,
        price=choice.price,
        denial=question.policy.denial if decision == "BLOCKED" else None,
    )


def _close(item: Item, queued: frozenset[str], *, asleep: bool) -> JobPlan:
    reasons = by_precedence(item.why)
    if reasons:
        return _job_plan(item, reasons[0].action, reasons[0], reasons)
    waits = item.name in queued
    if asleep:
        return _job_plan(
            item, Action.SKIP, Reason.DRY_RUN, (Reason.DRY_RUN,), state="would_queue" if waits else "would_send"
        )
    reason = CLASS_REASONS[item.verdict.failure_class] if item.verdict else None
    return _job_plan(
        item,
        Action.RERUN,
        reason,
        () if reason is None else (reason,),
        state="queued" if waits else "sent",
        attempt=item.limits.used + 1,
    )


def _job_plan(
    item: Item,
    action: Action,
    reason: Reason | None,
    reasons: tuple[Reason, ...],
    *,
    state: str | None = None,
    attempt: int = 0,
) -> JobPlan:
    return JobPlan(
        name=item.name,
        key=item.key,
        job=item.job,
        action=action,
        reason=reason,
        reasons=reasons,
        why=dict(item.why),
        verdict=item.verdict,
        limits=item.limits,
        attempt_number=attempt,
        state=state,
    )


def _decision(jobs: Sequence[JobPlan]) -> str:
    actions = {job.action for job in jobs}
    if Action.RERUN in actions:
        return "RERUN_TRIGGERED"
    return "BLOCKED" if Action.BLOCKED in actions else "NOOP"


def _decision_without_jobs(stops: Sequence[Stop]) -> str:
    """A run whose jobs could not be read has no job that says no: its stops do."""
    first = by_precedence(reason for reason, _ in stops)[:1]
    return "BLOCKED" if first and first[0].action is Action.BLOCKED else "NOOP"


def _sentences(jobs: Sequence[JobPlan], price: str, *, asleep: bool) -> tuple[str, ...]:
    """The decision in words: first what reruns and its price, then one line a reason, what blocks before what skips."""
    acting = [j for j in jobs if j.state]
    lines = []
    if acting:
        lines.append(f"{len(acting)} of {counted(len(jobs), 'job')} {'would rerun' if asleep else 'rerun'}: {price}")
    groups: dict[Reason, list[JobPlan]] = {}
    for job in jobs:
        if job.reason and not job.state and job.reason is not Reason.NOT_FAILED:
            groups.setdefault(job.reason, []).append(job)
    for reason in sorted(by_precedence(groups), key=lambda r: r.action is not Action.BLOCKED):
        members = groups[reason]
        names = ", ".join(j.name for j in members[:SHOWN_NAMES])
        more = f" and {len(members) - SHOWN_NAMES} more" if len(members) > SHOWN_NAMES else ""
        detail = members[0].why.get(reason, "")
        lines.append(f"{reason}: {names}{more}" + (f" ({detail})" if detail else ""))
    return tuple(lines)
