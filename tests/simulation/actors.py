"""Who moves in a story: persons who ask, workers who tick, people at GitHub itself, and one who resolves doubts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cicatrix.core.policy import Mode, RerunRequest
from cicatrix.flows.context import Context
from cicatrix.flows.reading import Target
from cicatrix.flows.rerun import RequestIdReused, RequestInProgress, rerun_failed_jobs
from cicatrix.flows.settle import resolve
from cicatrix.flows.tick import tick
from cicatrix.github import GitHubError
from cicatrix.ledger import LedgerUnavailable
from tests.simulation.baton import Actor
from tests.simulation.stage import IDENTITY, NAME, OWNER, Stage
from tests.simulation.story import Ask, Deed

TRIES = 4
"""How often a person asks the same thing under the same id."""


@dataclass(slots=True)
class Told:
    """What callers were told."""

    answers: list[tuple[Ask, dict[str, Any]]] = field(default_factory=list)


def cast(stage: Stage, told: Told) -> list[Actor]:
    """All actors of the story, in their order."""
    story = stage.story
    shared = stage.shared if story.one_process else None
    deaths = [*story.deaths]
    actors = []
    for number, asks in enumerate(story.persons):
        person = _Person(stage, told, list(asks))
        actors.append(_actor(stage, f"person{number}", person.play, deaths.pop(0), shared))
    for number, pauses in enumerate(story.ticks):
        worker = _Worker(stage, list(pauses))
        actors.append(_actor(stage, f"worker{number}", worker.play, deaths.pop(0), shared))
    if story.deeds:
        deeds = sorted(story.deeds, key=lambda d: d.at)
        actors.append(Actor("human", lambda: _human(stage, deeds), starts=stage.world.now, heir=None, dies_at=0))
    if story.resolver:
        actors.append(_actor(stage, "resolver", lambda ctx: _resolver(stage, ctx), 0, shared))
    return actors


def _actor(
    stage: Stage, name: str, play: Callable[[Context], None], dies_at: int, shared: Context | None = None
) -> Actor:
    """An actor with a process of its own unless it shares one; after its death an heir with a new process goes on."""

    def live() -> None:
        try:
            ctx = shared or stage.process()
        except LedgerUnavailable:  # a full disk does not let a new process in: it says so and ends
            stage.baton.trace.raw(f"{name}: LedgerUnavailable")
            return
        play(ctx)

    def heir() -> Actor:
        return _actor(stage, f"{name}'", play, 0)

    return Actor(name, live, starts=stage.world.now, heir=heir, dies_at=dies_at)


class _Person:
    """Asks one thing after another; asks again under the same id when the answer was no answer."""

    def __init__(self, stage: Stage, told: Told, asks: list[Ask]) -> None:
        self._stage, self._told, self._left = stage, told, asks

    def play(self, ctx: Context) -> None:
        while self._left:
            ask = self._left[0]
            self._stage.baton.sleep(ask.pause)
            self._ask(ctx, ask)
            self._left.pop(0)

    def _ask(self, ctx: Context, ask: Ask) -> None:
        request = RerunRequest(
            request_id=ask.request_id,
            principal="cli:person",
            mode=Mode(ask.mode),
            max_attempts=ask.max_attempts,
            dry_run=ask.dry_run,
        )
        for _ in range(TRIES):
            try:
                result = rerun_failed_jobs(ctx, self._target(ask), request)
            except (GitHubError, RequestInProgress, LedgerUnavailable) as trouble:
                self._note(f"{ask.request_id}: {type(trouble).__name__}")
                self._stage.baton.sleep(110)
            except RequestIdReused:
                self._note(f"{ask.request_id}: reused")
                return
            else:
                self._told.answers.append((ask, result.answer))
                self._stage.baton.trace.raw(f"{ask.request_id}: {json.dumps(result.answer, sort_keys=True)}")
                return

    def _note(self, text: str) -> None:
        self._stage.baton.trace.raw(text)

    def _target(self, ask: Ask) -> Target:
        run = self._stage.runs[ask.run]
        pull = run.state.pull_request
        if ask.target == "pull" and pull is not None:
            return Target(owner=OWNER, repository=NAME, pull_request=pull)
        if ask.target == "sha":
            return Target(owner=OWNER, repository=NAME, sha=run.head_sha)
        return Target(owner=OWNER, repository=NAME, run_id=str(run.id))


class _Worker:
    """Ticks at its times."""

    def __init__(self, stage: Stage, pauses: list[float]) -> None:
        self._stage, self._left = stage, pauses

    def play(self, ctx: Context) -> None:
        while self._left:
            self._stage.baton.sleep(self._left[0])
            try:
                done = tick(ctx)
            except LedgerUnavailable:
                self._stage.baton.trace.raw("tick: LedgerUnavailable")
            else:
                for ticked in done:
                    self._stage.baton.trace.raw(f"tick: {ticked.run} {ticked.before} -> {ticked.after} {ticked.note}")
            self._left.pop(0)


def _human(stage: Stage, deeds: list[Deed]) -> None:
    for deed in deeds:
        wait = stage.begin + timedelta(seconds=deed.at) - stage.world.now
        stage.baton.sleep(max(0.0, wait.total_seconds()))
        stage.baton.trace.raw(f"human: {deed.what} run {deed.run}")
        _do(stage, deed)


def _do(stage: Stage, deed: Deed) -> None:
    world, run = stage.world, stage.runs[deed.run]
    pull = stage.repository.pulls.get(run.state.pull_request or 0)
    match deed.what:
        case "rerun":
            world.human_reruns(run.id, login=deed.login)
        case "rerun one":
            failed = run.state.failed_names()
            world.human_reruns(run.id, login=deed.login, jobs=failed[:1] or None)
        case "rerun all":
            world.human_reruns(run.id, login=deed.login, everything=True)
        case "cancel":
            world.human_cancels(run.id, login=deed.login)
        case "push":
            stage.repository.push(pull or stage.repository.default_branch)
        case "run again":
            stage.repository.run(run.state.path, pull_request=pull)
        case "close" if pull is not None:
            pull.close()
        case "auto-merge" if pull is not None:
            pull.auto_merge = True


def _resolver(stage: Stage, ctx: Context) -> None:
    """A person who looks at GitHub, and says truthfully what became of operations in doubt."""
    stage.baton.sleep(900)
    with ctx.ledger.read() as view:
        doubtful = view.indeterminate_operations()
    for operation in doubtful:
        attempts = stage.world.runs[int(operation.run_id)].attempts
        logins = [a.triggering_login for a in attempts if a.number == operation.base_attempt + 1]
        happened = logins == [IDENTITY[stage.story.identity]]
        try:
            resolve(ctx, operation.id, happened=happened, reason="looked at GitHub", principal="cli:resolver")
        except LedgerUnavailable:
            return
