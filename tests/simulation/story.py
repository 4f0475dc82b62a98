"""What a seed tells: a world, what people ask of it, what goes wrong, and who dies when. Plain values, drawn once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

RERUNS = "POST */rerun*"
JOB_LISTS = "GET */jobs*"
WINDOW = 600
"""Seconds of the reconcile window, the product's default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LawbookStory:
    """A deployment's lawbook, as values; the numbers that the laws are judged by come from here."""

    per_job: int = 2
    per_job_and_sha: int = 2
    per_pull_request: int = 5
    per_pull_request_day: int = 15
    per_repository_day: int = 50
    mixed: str = "serial"
    mode: str = "shadow"
    all_jobs: bool = False
    eligible: tuple[str, ...] = ("infra_transient", "flaky_probable")
    cooldown: int = 0

    def text(self) -> str:
        """The file."""
        return (
            "version: simulated.1\n"
            f"mode: {self.mode}\n"
            f"eligible: [{', '.join(self.eligible)}]\n"
            f"attempts: {{perJob: {self.per_job}, perJobAndSha: {self.per_job_and_sha}, "
            f"perPullRequest: {self.per_pull_request}, perPullRequestDay: {self.per_pull_request_day}, "
            f"perRepositoryDay: {self.per_repository_day}}}\n"
            f"mixed: {self.mixed}\n"
            f"allowAllJobs: {str(self.all_jobs).lower()}\n"
            f"stopRules: {{cooldownMinutes: {self.cooldown}, noSignalChangeThreshold: 5}}\n"
        )


LAWBOOKS = (
    LawbookStory(),
    LawbookStory(),
    LawbookStory(per_job=1),
    LawbookStory(per_job=3, per_job_and_sha=3),
    LawbookStory(per_job=5, per_job_and_sha=5, per_pull_request=20),
    LawbookStory(per_job=2, per_job_and_sha=1),
    LawbookStory(per_job=3, per_job_and_sha=2, per_pull_request=2),
    LawbookStory(per_pull_request=1, per_pull_request_day=1),
    LawbookStory(per_repository_day=2),
    LawbookStory(mixed="block"),
    LawbookStory(mode="act"),
    LawbookStory(mode="act", per_job=3, per_job_and_sha=3, per_pull_request=9),
    LawbookStory(mode="off"),
    LawbookStory(all_jobs=True, per_pull_request=20),
    LawbookStory(eligible=("flaky_probable",)),
    LawbookStory(cooldown=5),
)

REPOSITORY_FILES = {
    "tight": "attempts: {perJob: 1}\n",
    "wide": "attempts: {perJob: 5, perJobAndSha: 5, perPullRequest: 1000}\nallowAllJobs: true\n",
    "off": "mode: off\n",
    "typo": "attempts: {perJobs: 1}\n",
    "torn": "attempts: {perJob: 2\nmode: [shadow\n",
    "binary": "\x00\x01\x02",
}
"""A repository's own file by name: it may tighten, never widen; a broken one stops all writes."""
NO_WRITE_FILES = frozenset({"off", "typo", "torn", "binary"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStory:
    """One run: which workflow shape, for which pull request (0: a push), and what its jobs come to."""

    shape: int
    pull: int
    fates: int
    """Seed of the jobs' outcomes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request of a person."""

    request_id: str
    pause: float
    target: str
    """pull, run or sha."""
    run: int
    """Which run of the story; its pull request or SHA for the other targets."""
    max_attempts: int
    mode: str
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What a person does at GitHub itself."""

    at: float
    what: str
    run: int
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultStory:
    kind: str
    endpoint: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    seed: int
    identity: str
    """user, actions or app."""
    lawbook: LawbookStory
    repository_file: str | None
    lawbook_unreadable: bool
    base_broken: bool
    production: bool
    listing: str
    skipped_shown: str
    omit_run_attempt: bool
    hidden_job: int | None
    """Run whose job lists lose an item on the way, always."""
    flickers: bool
    """Any job list may lose an item on the way, once in a while."""
    runs: tuple[RunStory, ...]
    persons: tuple[tuple[Ask, ...], ...]
    ticks: tuple[tuple[float, ...], ...]
    """For each ticking worker the pauses before its ticks."""
    deeds: tuple[Deed, ...]
    resolver: bool
    faults: tuple[FaultStory, ...]
    deaths: tuple[int, ...]
    """For each actor in order the boundary at which it dies; 0 for never."""
    stalls: float
    longest_stall: int
    write_interval: float
    kill_switch_at: float | None
    ledger_pages: int | None
    """The disk holds this many pages more than the empty ledger."""
    one_process: bool

    @property
    def silent(self) -> bool:
        """Nothing may be written in this story at all."""
        return (
            self.repository_file in NO_WRITE_FILES
            or self.lawbook_unreadable
            or self.base_broken
            or self.production
            or self.lawbook.mode == "off"
            or self.omit_run_attempt
        )


def draw(seed: int) -> Story:
    """The story of a seed. Equal seeds give equal stories; every sixth is about operations that have to wait."""
    story = _draw(seed)
    return _waiting(story) if seed % 6 == 5 else story


def _waiting(story: Story) -> Story:
    """GitHub says "not now", and two workers come back for the operation at the same time.

    Either their reads do not agree, or a person has rerun the run meanwhile.
    """
    chance = random.Random(f"waiting {story.seed}")
    flickers = chance.random() < 0.5
    form = chance.choice(("seconds", "429", "date", "absent"))
    first = chance.choice((65.0, 130.0)) if flickers else chance.choice((65.0, 200.0, 300.0))
    pauses = (first, *(chance.choice((65.0, 65.0, 130.0)) for _ in range(3)))
    asks = tuple(replace(ask, pause=0.0, run=0, dry_run=False) for ask in story.persons[0])
    deed = Deed(
        at=chance.choice((6.0, 6.0, 30.0)), what=chance.choice(("rerun", "rerun", "push")), run=0, login="human"
    )
    return replace(
        story,
        lawbook=chance.choice(LAWBOOKS[:5]),
        repository_file=None,
        hidden_job=None,
        runs=story.runs[:1],
        persons=(asks,),
        flickers=flickers,
        ticks=(pauses, pauses),
        deaths=(story.deaths[0], chance.choice((0, 0, 20)), 0),
        deeds=() if flickers else (deed,),
        faults=(
            FaultStory(kind="rate_limited", endpoint=RERUNS, values={"form": form, "count": chance.choice((1, 2, 3))}),
            *story.faults[:1],
        ),
        stalls=chance.choice((0.0, 0.1, 0.2)),
    )


def _draw(seed: int) -> Story:
    chance = random.Random(f"story {seed}")
    odd = chance.random()
    runs = _runs(chance)
    persons = _persons(chance, len(runs))
    ticks = tuple(
        tuple(chance.choice((20.0, 65.0, 130.0, 400.0)) for _ in range(chance.randint(1, 3)))
        for _ in range(chance.choice((0, 1, 1, 1, 2)))
    )
    identity = chance.choice(("user", "user", "app", "app", "actions"))
    return Story(
        seed=seed,
        identity=identity,
        lawbook=chance.choice(LAWBOOKS),
        repository_file=chance.choice(sorted(REPOSITORY_FILES)) if chance.random() < 0.08 else None,
        lawbook_unreadable=odd < 0.02,
        base_broken=0.02 <= odd < 0.04,
        production=0.04 <= odd < 0.05,
        listing=chance.choice(("copied", "absent")),
        skipped_shown=chance.choice(("expanded", "expanded", "collapsed")),
        omit_run_attempt=0.05 <= odd < 0.06,
        hidden_job=chance.randrange(len(runs)) if 0.06 <= odd < 0.14 else None,
        flickers=0.22 <= odd < 0.26,
        runs=runs,
        persons=persons,
        ticks=ticks,
        deeds=_deeds(chance, len(runs), identity),
        resolver=chance.random() < 0.2,
        faults=_faults(chance),
        deaths=tuple(chance.randint(1, 45) if chance.random() < 0.35 else 0 for _ in range(len(persons) + len(ticks))),
        stalls=chance.choice((0.0, 0.0, 0.02, 0.1)),
        longest_stall=chance.choice((5, 30, 50)),
        write_interval=chance.choice((0.0, 0.0, 1.0)),
        kill_switch_at=chance.uniform(0, 200) if 0.14 <= odd < 0.18 else None,
        ledger_pages=chance.randint(0, 12) if 0.18 <= odd < 0.22 else None,
        one_process=chance.random() < 0.7,
    )


def _runs(chance: random.Random) -> tuple[RunStory, ...]:
    count = chance.choice((1, 1, 1, 1, 1, 2, 2, 3))
    pulls = chance.choice((1, 1, 2))
    return tuple(
        RunStory(
            shape=chance.randrange(80),
            pull=0 if chance.random() < 0.15 else chance.randint(1, pulls),
            fates=chance.getrandbits(32),
        )
        for _ in range(count)
    )


def _persons(chance: random.Random, runs: int) -> tuple[tuple[Ask, ...], ...]:
    persons = []
    number = 0
    favourite = chance.randrange(runs)
    for _ in range(chance.choice((1, 2, 2, 2, 3))):
        asks = []
        for _ in range(chance.choice((1, 1, 2))):
            number += 1
            reuse = number > 1 and chance.random() < 0.12
            asks.append(
                Ask(
                    request_id=f"request-{number - 1 if reuse else number}",
                    pause=chance.choice((0.0, 0.0, 1.0, 150.0, 300.0)),
                    target=chance.choice(("pull", "pull", "pull", "run", "sha")),
                    run=favourite if chance.random() < 0.8 else chance.randrange(runs),
                    max_attempts=chance.choice((2, 2, 2, 1, 3, 5)),
                    mode="ALL_JOBS" if chance.random() < 0.04 else "FAILED_ONLY",
                    dry_run=chance.random() < 0.06,
                )
            )
        persons.append(tuple(asks))
    return tuple(persons)


def _deeds(chance: random.Random, runs: int, identity: str) -> tuple[Deed, ...]:
    if chance.random() < 0.65:
        return ()
    deeds = ("rerun", "rerun", "rerun one", "rerun all", "cancel", "push", "run again", "close", "auto-merge")
    return tuple(
        Deed(
            at=chance.choice((0.5, 2.0, 40.0, 200.0, 500.0)),
            what=chance.choice(deeds),
            run=chance.randrange(runs),
            login="octocat" if identity == "user" and chance.random() < 0.3 else "human",
        )
        for _ in range(chance.choice((1, 1, 2)))
    )


def _faults(chance: random.Random) -> tuple[FaultStory, ...]:
    if chance.random() < 0.2:
        return ()
    return tuple(_fault(chance) for _ in range(chance.choice((1, 1, 2, 3))))


LOST_WRITES: Sequence[str] = ("answer_502_after_effect", "answer_502_before", "reset_after_effect", "reset_before")


def _fault(chance: random.Random) -> FaultStory:
    pick = chance.random()
    skip = chance.choice((0, 0, 0, 1))
    if pick < 0.34:
        values: dict[str, Any] = {"count": chance.choice((1, 1, 2)), "skip": skip}
        return FaultStory(kind=chance.choice(LOST_WRITES), endpoint=RERUNS, values=values)
    if pick < 0.42:
        endpoint = chance.choice((RERUNS, RERUNS, "GET *"))
        return FaultStory(kind="unreachable", endpoint=endpoint, values={"count": chance.choice((1, 2, 5))})
    if pick < 0.52:
        endpoint = chance.choice((RERUNS, RERUNS, "GET *"))
        values = {"seconds": chance.choice((3.0, 19.0, 25.0)), "count": chance.choice((1, 2))}
        return FaultStory(kind="slow", endpoint=endpoint, values=values)
    if pick < 0.66:
        values = {"seconds": chance.choice((10.0, 60.0, 300.0, WINDOW * 1.0, WINDOW * 2.0))}
        values |= {"probability": chance.choice((0.4, 1.0)), "count": chance.choice((5, 40))}
        return FaultStory(kind="stale_for", endpoint=chance.choice(("GET */runs/*", "GET *")), values=values)
    if pick < 0.72:
        return FaultStory(kind="missing_logs", endpoint="GET *", values={"form": chance.choice(("404", "410", "blob"))})
    if pick < 0.80:
        endpoint = chance.choice((RERUNS, "GET *", JOB_LISTS))
        return FaultStory(
            kind="garbage", endpoint=endpoint, values={"form": chance.choice(("html", "truncated", "empty"))}
        )
    if pick < 0.92:
        form = chance.choice(("primary", "seconds", "date", "absent", "past", "huge", "garbage", "429"))
        endpoint = chance.choice((RERUNS, RERUNS, "GET *"))
        return FaultStory(
            kind="rate_limited",
            endpoint=endpoint,
            values={"form": form, "count": chance.choice((1, 1, 3)), "skip": skip},
        )
    return FaultStory(kind="human_reruns_at_the_same_time", endpoint=RERUNS, values={"count": 1})
