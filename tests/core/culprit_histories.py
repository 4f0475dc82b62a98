"""Generated branches with known culprits, and somebody who measures what is asked for.

`python -m tests.core.culprit_histories --histories 2000` runs more of them and prints the seeds that went wrong.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.rollback.culprit import Culprit, Finding, Reproduce, find_culprit
from cicatrix.core.rollback.model import CommitFacts, Outcome, Signal

COMMITS = 200
JOBS = ("build", "tests", "lint", "e2e")
START = datetime(2026, 11, 1, 8, tzinfo=UTC)
ROUNDS = 60
"""Questions after which the person who measures gives up."""


@dataclass
class Story:
    """What really happened on a branch, and what a measurement of it would show."""

    seed: int
    outage_only: bool
    dice: random.Random
    commits: tuple[CommitFacts, ...] = ()
    broken: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Job -> ages (0 is the oldest commit) from which on it is broken, and at which it is mended."""
    older: list[tuple[str, int, int]] = field(default_factory=list)
    outages: list[tuple[datetime, datetime]] = field(default_factory=list)
    noise: float = 0.0
    ages: dict[str, int] = field(default_factory=dict)
    signals: list[Signal] = field(default_factory=list)
    now: datetime = START
    sources: int = 0

    @property
    def culprits(self) -> set[str]:
        return {self.sha(since) for since, _ in self.broken.values()}

    def sha(self, age: int) -> str:
        return self.commits[COMMITS - 1 - age].sha

    def measure(self, sha: str, at: datetime) -> None:
        """One more source on the commit: all jobs, as they would come out then."""
        self.sources += 1
        age = self.ages[sha]
        out = any(start <= at < end for start, end in self.outages)
        for job in JOBS:
            outcome = self._outcome(job, age, out=out)
            self.signals.append(Signal(job=job, sha=sha, source=f"s{self.sources}", outcome=outcome, at=at))

    def _outcome(self, job: str, age: int, *, out: bool) -> Outcome:
        if out and self.dice.random() < 0.9:
            # an outage that nobody recognises looks like any other red
            return Outcome.ENVIRONMENT if self.dice.random() < 0.6 else Outcome.RED
        since, until = self.broken.get(job, (COMMITS, COMMITS))
        if since <= age < until or any(j == job and a <= age < b for j, a, b in self.older):
            return Outcome.RED
        if self.dice.random() < self.noise:
            return self.dice.choice((Outcome.RED, Outcome.RED, Outcome.FLAKY))
        return Outcome.MISSING if self.dice.random() < 0.02 else Outcome.GREEN


def story(seed: int, *, outage_only: bool = False) -> Story:
    """The branch of this seed. With `outage_only` no commit broke anything, and an outage is on right now."""
    dice = random.Random(seed)
    told = Story(seed=seed, outage_only=outage_only, dice=dice, noise=dice.choice((0.0, 0.01, 0.02, 0.05)))
    told.commits = tuple(reversed(list(_line(dice))))
    told.ages = {commit.sha: COMMITS - 1 - place for place, commit in enumerate(told.commits)}
    told.now = told.commits[0].committed_at + timedelta(minutes=20)
    if not outage_only:
        since = COMMITS - 1 - dice.randrange(60)
        for job in dice.sample(JOBS, dice.choice((1, 1, 2, 3))):
            told.broken[job] = (since, COMMITS)
        if dice.random() < 0.15:
            second = min(COMMITS - 1, since + dice.randrange(1, 20))
            told.broken.setdefault(dice.choice(JOBS), (second, COMMITS))
    for _ in range(dice.choice((0, 0, 1))):
        begin = dice.randrange(20, 110)
        told.older.append((dice.choice(JOBS), begin, begin + dice.randrange(1, 12)))
    for _ in range(dice.choice((0, 1, 2))):
        begins = told.commits[dice.randrange(10, 150)].committed_at
        told.outages.append((begins, begins + timedelta(hours=dice.randrange(1, 6))))
    if outage_only or dice.random() < 0.2:
        lasts = timedelta(minutes=dice.randrange(10, 300))
        told.outages.append((told.now - timedelta(minutes=dice.randrange(10, 120)), told.now + lasts))
    share = dice.choice((0.25, 0.6, 1.0))
    for commit in reversed(told.commits):
        if dice.random() < share:
            for again in range(dice.choice((1, 1, 2))):
                told.measure(commit.sha, commit.committed_at + timedelta(minutes=5 + 7 * again))
    told.measure(told.commits[0].sha, told.now)
    return told


def _line(dice: random.Random) -> Iterator[CommitFacts]:
    """Oldest first: plain commits, squashed and merged pull requests, a few reverts."""
    at, parent = START, ""
    shas: list[str] = []
    for age in range(COMMITS):
        sha = f"{dice.getrandbits(160):040x}"
        merge = age > 0 and dice.random() < 0.25
        branch = (f"{dice.getrandbits(160):040x}",) if merge else ()
        undoes = dice.choice(shas) if shas and dice.random() < 0.02 else None
        yield CommitFacts(
            sha=sha,
            parents=(parent, *branch) if parent else (),
            committed_at=at,
            tree=f"{dice.getrandbits(160):040x}",
            paths=(f"src/{dice.randrange(40)}.py",),
            reverts=undoes,
        )
        shas.append(sha)
        at, parent = at + timedelta(minutes=dice.randrange(5, 90)), sha


def hunt(told: Story) -> tuple[Finding, int]:
    """Ask, measure what is asked for, and ask again; an outage is waited for. Returns the end and the questions."""
    failed = failed_on_tip(told)
    finding: Finding = find_culprit(told.commits, told.signals, failed, now=told.now)
    for asked in range(ROUNDS):
        if isinstance(finding, Culprit):
            return finding, asked
        if isinstance(finding, Reproduce):
            for sha in finding.shas:
                told.now += timedelta(minutes=4)
                told.measure(sha, told.now)
        elif finding.reason in {HealReason.DATA_TOO_OLD, HealReason.ENVIRONMENT_SIGNAL}:
            old = finding.reason is HealReason.DATA_TOO_OLD
            told.now += timedelta(minutes=4) if old else timedelta(hours=1)
            told.measure(told.commits[0].sha, told.now)
        elif failed_on_tip(told) - failed:
            # another job is red now than the one that was asked about
            failed = failed_on_tip(told)
        else:
            return finding, asked
        finding = find_culprit(told.commits, told.signals, failed, now=told.now)
    return finding, ROUNDS


def failed_on_tip(told: Story) -> frozenset[str]:
    newest = max(signal.at for signal in told.signals)
    last = [s for s in told.signals if s.sha == told.commits[0].sha and s.at == newest]
    return frozenset(s.job for s in last if s.outcome is Outcome.RED) or frozenset(told.broken) or frozenset({"build"})


@dataclass(frozen=True)
class Tally:
    found: tuple[int, ...]
    missed: tuple[tuple[int, str], ...]
    innocent: tuple[int, ...]
    most_asked: int


def run(seeds: range, *, outage_only: bool = False) -> Tally:
    """Every seed's hunt, judged by what really happened."""
    found, missed, innocent, most = list[int](), list[tuple[int, str]](), list[int](), 0
    for seed in seeds:
        told = story(seed, outage_only=outage_only)
        finding, asked = hunt(told)
        most = max(most, asked)
        if not isinstance(finding, Culprit):
            missed.append((seed, finding.reason.value if not isinstance(finding, Reproduce) else "gave up"))
        elif finding.sha in told.culprits and set(finding.suspects) <= told.culprits:
            found.append(seed)
        else:
            innocent.append(seed)
    return Tally(tuple(found), tuple(missed), tuple(innocent), most)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    wrong = 0
    for outage_only in (False, True):
        tally = run(range(asked.first, asked.first + asked.histories), outage_only=outage_only)
        kinds = Counter(why for _, why in tally.missed)
        print(
            f"outage only: {outage_only}; found {len(tally.found)}, missed {dict(kinds)}, most asked {tally.most_asked}"
        )
        print(f"innocent: {list(tally.innocent)}; missed seeds: {[seed for seed, _ in tally.missed][:40]}")
        wrong += len(tally.innocent)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
