"""One thread moves at a time: real threads and one baton, passed by the seed's chance alone.

The baton passes at every call to GitHub, after every commit and at every sleep, never inside a transaction. An actor
may die at any of these boundaries, and just before a commit: its thread ends, the file stays, an heir goes on.
"""

from __future__ import annotations

import random
import threading
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta

from cicatrix.simulator import World
from tests.simulation.trace import Trace

LONGEST_STORY = 6_000
"""Steps; a story that needs more goes round in circles."""


class Crash(BaseException):
    """The process of an actor dies here. No `except Exception` of the product sees it, as none sees a SIGKILL."""


class Actor:
    """One thread of the story. `play` is called once; `heir` makes what goes on after a crash."""

    def __init__(
        self, name: str, play: Callable[[], None], *, starts: datetime, heir: Callable[[], Actor] | None, dies_at: int
    ) -> None:
        self.name = name
        self.play = play
        self.heir = heir
        self.dies_at = dies_at
        """The number of the boundary at which it dies; 0 for never."""
        self.boundaries = 0
        self.wakes = starts
        self.ready_since = starts
        self.done = False
        self.turn = threading.Semaphore(0)


class Baton:
    """Schedules the actors of one story over the time of its world."""

    def __init__(self, world: World, chance: random.Random, trace: Trace, *, stalls: float, longest: timedelta) -> None:
        self.world = world
        self.trace = trace
        self.problems: list[str] = []
        self.steps = 0
        self._chance = chance
        self._stalls = stalls
        self._longest = longest
        self._actors: list[Actor] = []
        self._current: Actor | None = None
        self._over = threading.Semaphore(0)

    @property
    def running(self) -> bool:
        """Whether an actor moves; false before and after the story, when the main thread does."""
        return self._current is not None

    def add(self, actor: Actor) -> None:
        """Give an actor its thread; it waits for its turn."""
        self._actors.append(actor)
        threading.Thread(target=self._live, args=(actor,), daemon=True).start()

    def run(self) -> None:
        """Play until every actor is done."""
        first = self._choose()
        if first is None:
            return
        self._current = first
        first.turn.release()
        if not self._over.acquire(timeout=300):
            self.problems.append(f"stuck: {self._current.name} never gave the baton back")
        self._current = None

    def boundary(self, label: str) -> None:
        """A point at which the actor may die; it keeps the baton."""
        self.trace.add(self.world.now, self._current.name if self._current else "-", label)
        actor = self._current
        if actor is None:
            return
        actor.boundaries += 1
        if actor.boundaries == actor.dies_at or self.steps > LONGEST_STORY:
            raise Crash

    def step(self, label: str, *, seconds: float = 0.0) -> None:
        """A boundary that takes `seconds`, after which anybody may be the next to move."""
        self.boundary(label)
        if self._current is not None:
            self.world.advance(seconds)
            self._pass_on(self.world.now)

    def sleep(self, seconds: float) -> None:
        """Wait in simulated time; others move meanwhile."""
        self.trace.add(self.world.now, self._current.name if self._current else "-", f"sleep {seconds:g}")
        if self._current is None:
            self.world.advance(seconds)
            return
        self._pass_on(self.world.now + timedelta(seconds=max(0.0, seconds)))

    def chance(self) -> float:
        """The next random number of this story, 0..1."""
        return self._chance.random()

    def _pass_on(self, wakes: datetime) -> None:
        actor = self._current
        assert actor is not None
        actor.wakes = actor.ready_since = wakes
        following = self._choose()
        assert following is not None
        if following is actor:
            return
        self._current = following
        following.turn.release()
        actor.turn.acquire()

    def _choose(self) -> Actor | None:
        self.steps += 1
        while alive := [a for a in self._actors if not a.done]:
            now = self.world.now
            ready = [a for a in alive if a.wakes <= now]
            later = [a for a in alive if a.wakes > now]
            if not ready or (later and self._chance.random() < self._stalls):
                soonest = min(a.wakes for a in later)
                if all(soonest - a.ready_since <= self._longest for a in ready):
                    self.world.now = soonest
                    continue
            return ready[0] if len(ready) == 1 else self._chance.choice(ready)
        return None

    def _live(self, actor: Actor) -> None:
        actor.turn.acquire()
        try:
            actor.play()
        except Crash:
            self.trace.add(self.world.now, actor.name, "dies")
            if self.steps > LONGEST_STORY:
                self.problems.append(f"endless: {actor.name} was still busy after {LONGEST_STORY} steps")
            elif actor.heir is not None:
                self.add(actor.heir())
        except BaseException:  # noqa: BLE001 -- whatever it is: a defect of the product, told with the seed
            self.problems.append(f"exception: {actor.name}\n{traceback.format_exc()}")
        actor.done = True
        following = self._choose()
        self._current = following
        (self._over if following is None else following.turn).release()
