"""The one call to GitHub. It has no call that takes a list of jobs, so the set decides the endpoint (foundations 6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cicatrix.core.lawbook import Mixed
from cicatrix.core.operations import JobRef, Verb
from cicatrix.core.plan.model import Call, Item, Question, minutes_of
from cicatrix.core.plan.stops import MAX_PLATFORM_RERUNS
from cicatrix.core.policy import Mode
from cicatrix.core.reasons import Reason, by_precedence


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The call, the shown names that wait for a later one, and the price in words."""

    call: Call | None = None
    queued: frozenset[str] = frozenset()
    price: str = ""


def choose_call(items: Sequence[Item], question: Question) -> Choice:
    """`rerun-failed-jobs` takes all failed jobs and their dependants; it fits only when all of these may rerun."""
    eligible = [i for i in items if i.eligible]
    if not eligible:
        return Choice()
    if question.request.mode is Mode.ALL_JOBS:
        return _whole_run(eligible, items, question)
    at_stake = [i for i in items if Reason.NOT_FAILED not in i.why]
    gates = [i for i in at_stake if set(i.why) == {Reason.DEPENDANT_FAILURE}]
    along = tuple(dict.fromkeys(name for i in eligible for name in i.along))
    if len(eligible) + len(gates) == len(at_stake) and all(gate.name in along for gate in gates):
        own = {i.name for i in eligible}
        call = _call(Verb.RERUN_FAILED_JOBS, eligible, [n for n in along if n not in own], question)
        price = f"one call for {counted(len(call.named), 'job')}"
        if call.dependants:
            price += f", {len(call.dependants)} more run along"
        return Choice(call=call, price=price)
    return _serial(eligible, items, question)


def _whole_run(eligible: Sequence[Item], items: Sequence[Item], question: Question) -> Choice:
    """ALL_JOBS takes every job of the run: one that may not rerun, for whatever reason, holds them all."""
    barred = next((i for i in items if not i.eligible and set(i.why) != {Reason.NOT_FAILED}), None)
    if barred is None:
        own = {i.name for i in eligible}
        along = dict.fromkeys(name for i in eligible for name in i.along if name not in own)
        return Choice(call=_call(Verb.RERUN, eligible, along, question), price="one rerun of the whole run")
    reason = by_precedence(barred.why)[0]
    for item in eligible:
        item.no(reason, f"ALL_JOBS would rerun {barred.name} too")
    return Choice()


def _serial(eligible: Sequence[Item], items: Sequence[Item], question: Question) -> Choice:
    """Single-job reruns one after another: each is an attempt of its own, and takes its dependants along again."""
    lawbook = question.lawbook
    chosen: list[Item] = []
    spent: Counter[str] = Counter()
    minutes = 0
    for item in eligible:
        cost = minutes_of(items, (item.name, *item.along))
        short = next((n for n in item.along if _left(n, question) - spent[n] < 1), None)
        if lawbook.mixed is Mixed.BLOCK:
            item.no(Reason.MIXED_FAILURES, "mixed is block, and not every failed job is eligible")
        elif len(chosen) >= lawbook.serial.max_attempts:
            why = f"{len(eligible)} single-job reruns, serial.maxAttempts is {lawbook.serial.max_attempts}"
            item.no(Reason.MIXED_FAILURES, why)
        elif minutes + cost > lawbook.serial.max_minutes:
            why = f"{minutes + cost} minutes, serial.maxMinutes is {lawbook.serial.max_minutes}"
            item.no(Reason.MIXED_FAILURES, why)
        elif short is not None:
            item.no(Reason.MAX_ATTEMPTS_EXCEEDED, f"{short} would run along once more than it may")
        else:
            chosen.append(item)
            minutes += cost
            spent.update((item.name, *item.along))
    if not chosen:
        return Choice()
    names = ", ".join(i.name for i in chosen)
    price = f"{counted(len(chosen), 'single-job rerun')}{', one after another' if len(chosen) > 1 else ''}: {names}"
    price += f"; {len(chosen)} of the {MAX_PLATFORM_RERUNS} reruns that GitHub allows a run"
    return Choice(
        call=_call(Verb.RERUN_JOB, chosen[:1], chosen[0].along, question),
        queued=frozenset(i.name for i in chosen[1:]),
        price=price,
    )


def _left(name: str, question: Question) -> int:
    limits, _, _ = question.room(name, question.facts.key_of(name))
    return limits.left


def _call(verb: Verb, named: Sequence[Item], along: Iterable[str], question: Question) -> Call:
    refs = [_ref(name, question) for name in along]
    limits = {item.name: (item.run_limit, item.sha_limit) for item in named}
    for ref in refs:
        _, run_limit, sha_limit = question.room(ref.name, ref.key)
        limits[ref.name] = (run_limit, sha_limit)
    return Call(
        verb=verb,
        target_job_id=named[0].job.id if verb is Verb.RERUN_JOB else None,
        named=tuple(_named(item) for item in named),
        dependants=tuple(refs),
        limits=limits,
    )


def _named(item: Item) -> JobRef:
    return JobRef(
        name=item.name,
        key=item.key,
        job_id=item.job.id,
        minutes=item.job.minutes,
        labels=item.job.labels,
        signature=item.verdict.signature if item.verdict else None,
    )


def _ref(name: str, question: Question) -> JobRef:
    """A dependant, also one that the run does not list yet."""
    job = next((j for j in question.jobs if j.name == name), None)
    key = question.facts.key_of(name)
    if job is None:
        return JobRef(name=name, key=key)
    return JobRef(name=name, key=key, job_id=job.id, minutes=job.minutes, labels=job.labels)


def counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
