"""What signals say of one job along a branch, and how far the job can be relied on."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cicatrix.core.rollback.model import CommitFacts, Outcome, Signal

FRESH = timedelta(minutes=15)
"""The tip's newest signal is no older than this, or nobody acts on it (RB-1)."""

SKEW = timedelta(minutes=2)
"""How far another machine's clock may be ahead of ours. What lies further ahead did not happen."""

MOST_ASKED = 3
"""A commit whose measurements came to nothing this often of late is not asked for again."""

LATE = timedelta(hours=2)
"""How long ago that may be. Later it is worth another try: outages end."""

OUTAGE = timedelta(minutes=30)
"""Around a failed job that died of its environment, on whatever commit, other red signals prove nothing either."""

WINDOW = 50
"""Sources before the failure that tell how reliable a job is."""

BY_CHANCE = 10_000
"""Once in so many times a job's red signals may be chance alone; more are asked for until it is rarer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One job on one commit. Each source counts once; signals oldest first."""

    reds: tuple[Signal, ...] = ()
    greens: tuple[Signal, ...] = ()
    nothing: tuple[Signal, ...] = ()
    """Asked for, and no proof of anything: environment, flaky, missing."""
    late: int = 0
    """How many of those are of late."""

    @property
    def green(self) -> bool:
        """A commit that was green once does not break the job: a red beside it comes and goes."""
        return bool(self.greens)

    @property
    def red(self) -> bool:
        return bool(self.reds) and not self.greens

    @property
    def known(self) -> bool:
        return self.green or self.red

    @property
    def exhausted(self) -> bool:
        return self.late >= MOST_ASKED


NOT_SEEN = Seen()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One job on a branch's first-parent line."""

    job: str
    commits: Sequence[CommitFacts]
    """Newest first."""
    seen: Mapping[str, Seen]
    """By SHA."""

    def at(self, place: int) -> Seen:
        return self.seen.get(self.commits[place].sha, NOT_SEEN)

    def sha(self, place: int) -> str:
        return self.commits[place].sha

    def last_good(self) -> int | None:
        """Place of the newest green commit."""
        return next((place for place in range(len(self.commits)) if self.at(place).green), None)


def read_line(
    job: str, commits: Sequence[CommitFacts], signals: Sequence[Signal], outages: Sequence[datetime], now: datetime
) -> Line:
    """The job's line. `outages` are the moments at which a failed job died of its environment (`outages_of`)."""
    by_commit: dict[str, dict[str, list[Signal]]] = {}
    for signal in sorted((s for s in signals if s.job == job), key=lambda s: (s.at, s.source)):
        by_commit.setdefault(signal.sha, {}).setdefault(signal.source, []).append(signal)
    seen = {sha: _seen([_one(group, outages) for group in sources.values()], now) for sha, sources in by_commit.items()}
    return Line(job=job, commits=commits, seen=seen)


def outages_of(signals: Iterable[Signal], failed: frozenset[str]) -> tuple[datetime, ...]:
    """When one of the failed jobs died of its environment, in order."""
    return tuple(sorted(s.at for s in signals if s.job in failed and s.outcome is Outcome.ENVIRONMENT))


def _near(at: datetime, outages: Sequence[datetime]) -> bool:
    place = bisect_left(outages, at - OUTAGE)
    return place < len(outages) and outages[place] <= at + OUTAGE


def _one(group: Sequence[Signal], outages: Sequence[datetime]) -> tuple[str, Signal]:
    """What a source says: a job that it names twice is green if it is green once."""
    green = next((s for s in group if s.outcome is Outcome.GREEN), None)
    if green is not None:
        return "green", green
    clear = all(s.outcome is Outcome.RED and not _near(s.at, outages) for s in group)
    return ("red" if clear else "nothing"), group[-1]


def _seen(sources: Sequence[tuple[str, Signal]], now: datetime) -> Seen:
    def of(kind: str) -> tuple[Signal, ...]:
        return tuple(signal for found, signal in sources if found == kind)

    late = sum(now - signal.at <= LATE for signal in of("nothing"))
    return Seen(reds=of("red"), greens=of("green"), nothing=of("nothing"), late=late)


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often a job failed, before the failure in question, by something else than a commit."""

    flukes: int
    sources: int

    def reds_needed(self, wanted: int, most: int) -> int | None:
        """So many red signals are hardly chance; None when `most` are not enough."""
        if not self.flukes:
            return wanted
        need, odds = 1, self.flukes + 1
        while odds**need * BY_CHANCE > (self.sources + 1) ** need:
            need += 1
            if need > most:
                return None
        return max(need, wanted)


def reliability(line: Line, good: int) -> Reliability:
    """From the commits up to `good`; and from every red, wherever, that the same commit's green disproves.

    Red commits next to one another count once: what was broken and then mended is no fluke each time. Those before the
    first green one count for nothing: the test, or what it needs, may not have been there yet.
    """
    flukes = sources = begun = 0
    before = False
    for place in range(len(line.commits)):
        seen = line.at(place)
        flukes += sum(signal.outcome is Outcome.FLAKY for signal in seen.nothing)
        flukes += len(seen.reds) if seen.green else 0
        if place < good or not seen.known:
            continue
        begun += seen.red and not before
        if seen.green:  # a red block with a green commit below it came and went
            flukes, begun = flukes + begun, 0
        before = seen.red
        sources += len(seen.reds) + len(seen.greens)
        if sources >= WINDOW:
            break
    return Reliability(flukes, max(sources, flukes))
