"""Which commit made a branch red (RB-1): named by measurements alone, or not named at all.

A red job does not accuse the newest commit. It may have been red before, it may come and go, and the world outside
may have changed while the repository did not. A culprit is therefore a commit whose first parent is green *now*,
measured after the culprit was first seen red, and which is red again after that, in independent sources, as is every
later commit that was measured. Whatever is missing for that is asked for (`Reproduce`), and never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TypeAlias

from cicatrix.core.canonical import instant
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.rollback.evidence import (
    FRESH,
    LATE,
    MOST_ASKED,
    SKEW,
    Line,
    Seen,
    outages_of,
    read_line,
    reliability,
)
from cicatrix.core.rollback.model import CommitFacts, Outcome, Signal

__all__ = ["FRESH", "MOST_SUSPECTS", "WANTED", "Culprit", "Finding", "NoCulprit", "Reproduce", "find_culprit"]

WANTED = 2
"""Independent red signals that a culprit has at least. A job that was seen to be unreliable needs more."""

MOST_RED = 5
"""A job so unreliable that this many red signals could be chance accuses nobody."""

MOST_SUSPECTS = 3
"""More commits that broke a job each are left to a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Culprit:
    """A commit that is proven to have broken `jobs`."""

    sha: str
    last_good: str
    """Its first parent, on which `jobs` are green."""
    jobs: frozenset[str]
    """The failed jobs that this commit broke; all of them unless several commits broke one each."""
    evidence: tuple[Signal, ...]
    """What proves it, oldest first: green on `last_good`, red on `sha` and on what came later."""
    suspects: tuple[str, ...] = ()
    """All commits that are proven to have broken a failed job, newest first; `sha` is the first of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduce:
    """Nothing is proven yet. Measuring these commits, in this order, and asking again leads on."""

    shas: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoCulprit:
    """Measuring more will not help, or must not be relied on: no commit is blamed."""

    reason: HealReason
    why: str


Finding: TypeAlias = Culprit | Reproduce | NoCulprit


def find_culprit(
    commits: Sequence[CommitFacts],
    signals: Sequence[Signal],
    failed: frozenset[str],
    *,
    now: datetime,
    wanted: int = WANTED,
) -> Finding:
    """The commit that broke the `failed` jobs, what to measure next to find it, or why nobody is blamed.

    `commits` are the branch's first-parent line, newest first and without gaps. A failed job that was green on the tip
    too comes and goes, and is left out. Each other one is traced on its own: when several commits broke one each, the
    newest is the culprit, and the others stand in `suspects`. Signals that lie more than two minutes in the future do
    not count.
    """
    problem = _unusable(commits, failed)
    if problem is not None:
        return problem
    past = tuple(signal for signal in signals if signal.at <= now + SKEW)
    outages = outages_of(past, failed)
    lines = [read_line(job, commits, past, outages, now) for job in sorted(failed)]
    broken = [line for line in lines if not line.at(0).green]
    if not broken:
        why = f"{', '.join(sorted(failed))} on the tip {commits[0].sha[:12]} have been green: no commit breaks them"
        return NoCulprit(reason=HealReason.NOT_REPRODUCED, why=why)
    doubt = any(signal.outcome is Outcome.ENVIRONMENT and now - signal.at <= LATE for signal in past)
    found = [_trace(line, now, max(wanted, WANTED), doubt=doubt) for line in broken]
    for answer in found:
        if isinstance(answer, NoCulprit):
            return answer
    asked = [answer for answer in found if isinstance(answer, Reproduce)]
    if asked:
        return Reproduce(shas=tuple(dict.fromkeys(sha for a in asked for sha in a.shas)), why=asked[0].why)
    return _newest([answer for answer in found if isinstance(answer, Culprit)], commits)


def _unusable(commits: Sequence[CommitFacts], failed: frozenset[str]) -> NoCulprit | None:
    if not commits:
        return NoCulprit(reason=HealReason.HEALTH_UNKNOWN, why="the branch's history is not known")
    if not failed:
        return NoCulprit(reason=HealReason.CAUSE_UNKNOWN, why="no failed job was named")
    for newer, older in pairwise(commits):
        if newer.parents[:1] != (older.sha,):
            why = f"{older.sha[:12]} is not the first parent of {newer.sha[:12]}: the history has a gap"
            return NoCulprit(reason=HealReason.CAUSE_UNKNOWN, why=why)
    return None


def _newest(proven: Sequence[Culprit], commits: Sequence[CommitFacts]) -> Culprit | NoCulprit:
    blamed = {culprit.sha for culprit in proven}
    suspects = tuple(commit.sha for commit in commits if commit.sha in blamed)
    if len(suspects) > MOST_SUSPECTS:
        why = f"{len(suspects)} commits broke a failed job each; more than {MOST_SUSPECTS} are left to a person"
        return NoCulprit(reason=HealReason.CAUSE_UNKNOWN, why=why)
    own = [culprit for culprit in proven if culprit.sha == suspects[0]]
    signals = {signal for culprit in own for signal in culprit.evidence}
    return Culprit(
        sha=suspects[0],
        last_good=own[0].last_good,
        jobs=frozenset().union(*(culprit.jobs for culprit in own)),
        evidence=tuple(sorted(signals, key=lambda s: (s.at, s.sha, s.job, s.source))),
        suspects=suspects,
    )


def _trace(line: Line, now: datetime, wanted: int, *, doubt: bool) -> Finding:
    """One job, from the tip down: is it red now, since when, and what was the last commit without that?

    `doubt`: some job, failed or not, died of its environment of late. Then one more signal of each colour is asked for.
    """
    problem = _tip_problem(line, now)
    if problem is not None:
        return problem
    good = line.last_good()
    if good is None:
        return _search_good(line)
    gap = _gap(line, good)
    if gap:
        return _ask_gap(line, gap, good)
    # below a gap that is empty the commit above the last good one is red, and so is each later one that was measured
    if (outside := _outside(line, good)) is not None:
        return outside
    past = reliability(line, good)
    reds = past.reds_needed(wanted + doubt, MOST_RED)
    if reds is None:
        why = f"{line.job} comes and goes on this branch: even {MOST_RED} red signals would prove nothing"
        return NoCulprit(reason=HealReason.NOT_REPRODUCED, why=why)
    return _settle(line, good, Needed(reds=reds, greens=wanted if past.flukes else 1, since=1 + doubt))


@dataclass(frozen=True, slots=True)
class Needed:
    """How many signals prove it: red on the target; green below it, and how many of them since it was first red."""

    reds: int
    greens: int
    since: int


def _tip_problem(line: Line, now: datetime) -> Reproduce | NoCulprit | None:
    tip = line.at(0)
    name = f"{line.job} on the tip {line.sha(0)[:12]}"
    if not tip.reds and tip.exhausted:
        return _nothing(tip, f"{name} could not be measured {tip.late} times")
    if not tip.reds:
        return Reproduce(shas=(line.sha(0),), why=f"{name} is not measured")
    if now - tip.reds[-1].at > FRESH:
        why = f"the newest signal of {name} is of {instant(tip.reds[-1].at)}, more than 15 minutes ago"
        return NoCulprit(reason=HealReason.DATA_TOO_OLD, why=why)
    return None


def _nothing(seen: Seen, why: str) -> NoCulprit:
    # a red signal that proves nothing lies close to an outage
    outside = any(signal.outcome in {Outcome.ENVIRONMENT, Outcome.RED} for signal in seen.nothing)
    reason = HealReason.ENVIRONMENT_SIGNAL if outside else HealReason.HEALTH_UNKNOWN
    return NoCulprit(reason=reason, why=why)


def _search_good(line: Line) -> Reproduce | NoCulprit:
    """No commit is known to be green: look twice as far back each time."""
    red = max(place for place in range(len(line.commits)) if line.at(place).red)
    last = len(line.commits) - 1
    for place in range(min(2 * red + 1, last), last + 1):
        if not line.at(place).known and not line.at(place).exhausted:
            why = f"{line.job} is red down to {line.sha(red)[:12]}, and on no earlier commit it is known to be green"
            return Reproduce(shas=(line.sha(place),), why=why)
    # older commits may be red for a cause of their own (the test did not exist yet): the nearest unmeasured one is next
    for place in range(last + 1):
        if not line.at(place).known and not line.at(place).exhausted:
            why = f"{line.job} is red on {line.sha(red)[:12]} too, and on no commit that was measured it is green"
            return Reproduce(shas=(line.sha(place),), why=why)
    why = f"{line.job} is green on none of the last {len(line.commits)} commits"
    return NoCulprit(reason=HealReason.BASE_NOT_HEALTHY, why=why)


def _gap(line: Line, good: int) -> range:
    """Places between the last good commit and the oldest red one above it: any of them may have broken the job."""
    red = max(place for place in range(good) if line.at(place).red)
    return range(red + 1, good)


def _ask_gap(line: Line, gap: range, good: int) -> Reproduce | NoCulprit:
    """The middle one halves the question."""
    open_places = [place for place in gap if not line.at(place).exhausted]
    why = (
        f"{line.job} is green on {line.sha(good)[:12]} and red on {line.sha(gap.start - 1)[:12]}; "
        f"{len(gap)} commits between them are not measured"
    )
    if not open_places:
        return NoCulprit(reason=HealReason.CAUSE_UNKNOWN, why=f"{why} and cannot be")
    return Reproduce(shas=(line.sha(open_places[len(open_places) // 2]),), why=why)


def _settle(line: Line, good: int, needed: Needed) -> Finding:
    """The last good commit and the one above it: is the difference between them the repository, and is it no chance?"""
    base, target = line.at(good), line.at(good - 1)
    first_red = target.reds[0].at
    since = [signal.at for signal in base.greens if signal.at >= first_red]
    again = len(since) < needed.since
    ask = []
    if again or len(base.greens) < needed.greens or len(base.greens) <= len(base.reds):
        ask.append(line.sha(good))
    if len(target.reds) < needed.reds or again or target.reds[-1].at < since[needed.since - 1]:
        ask.append(line.sha(good - 1))
    if not ask:
        return _proven(line, good)
    if target.exhausted:
        return _nothing(target, f"{line.job} on {line.sha(good - 1)[:12]} could not be measured again")
    why = (
        f"{line.job} was red on {line.sha(good - 1)[:12]} {len(target.reds)} of {needed.reds} times; "
        f"{line.sha(good)[:12]} below it must be green after that, and {line.sha(good - 1)[:12]} red once more"
    )
    return Reproduce(shas=tuple(ask), why=why)


def _outside(line: Line, good: int) -> Reproduce | NoCulprit | None:
    """The commit that used to be good is not good any more: what changed is not in the repository."""
    base, first_red = line.at(good), line.at(good - 1).reds[0].at
    if any(signal.at >= first_red for signal in base.greens):
        return None
    reds = [signal for signal in base.reds if signal.at >= first_red]
    lost = [signal for signal in base.nothing if signal.at >= first_red]
    if len(reds) < WANTED and len(lost) < MOST_ASKED:
        # one red may be chance, or the world outside: the next tells which of the two reasons is the true one
        why = f"{line.job} is red on {line.sha(good)[:12]} too, where it was green"
        return Reproduce(shas=(line.sha(good),), why=why) if reds else None
    seen = f"red {len(reds)} times" if reds else "not measurable"
    why = f"{line.sha(good)[:12]}, where {line.job} was green, is {seen} since: the cause lies outside the repository"
    return NoCulprit(reason=HealReason.ENVIRONMENT_SIGNAL, why=why)


def _proven(line: Line, good: int) -> Culprit:
    later = [signal for place in range(good - 1) for signal in line.at(place).reds]
    target = line.sha(good - 1)
    return Culprit(
        sha=target,
        last_good=line.sha(good),
        jobs=frozenset({line.job}),
        evidence=(*line.at(good).greens, *line.at(good - 1).reds, *later),
        suspects=(target,),
    )
