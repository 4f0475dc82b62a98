"""One thread that wakes what is due, host after host, at a fixed interval: the engine of a service on one machine."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Sequence

from cicatrix.flows.context import Context
from cicatrix.flows.retention import forget_what_is_old
from cicatrix.flows.tick import tick
from cicatrix.github import GitHubError
from cicatrix.ledger import LedgerError

Tick = Callable[[Context], object]


class Runner:
    """Ticks every context in turn, never two at once. What goes wrong is logged and tried again at the next wake.

    `interval` is in seconds. The ledger carries what is due, so a runner that dies loses nothing: the next one goes on.
    """

    def __init__(self, contexts: Sequence[Context], interval: float, *, wake: Tick = tick) -> None:
        self._contexts, self._interval, self._wake = tuple(contexts), interval, wake
        self._asked_to_stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cicatrix-runner", daemon=True)
        self._beat = time.monotonic()

    def start(self) -> None:
        """Begin. A runner starts once."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs and nobody asked it to stop."""
        return self._thread.is_alive() and not self._asked_to_stop.is_set()

    @property
    def silent_for(self) -> float:
        """Seconds since the last tick began or ended: far above the interval means that one hangs."""
        return time.monotonic() - self._beat

    def stop(self, timeout: float = 30.0) -> bool:
        """Ask it to stop and wait at most so many seconds; whether it did. Between ticks that takes no time."""
        self._asked_to_stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._asked_to_stop.wait(self._interval):
            for ctx in self._contexts:
                if self._asked_to_stop.is_set():
                    return
                self._once(ctx)

    def _once(self, ctx: Context) -> None:
        self._beat = time.monotonic()
        try:
            self._wake(ctx)
            forget_what_is_old(ctx)
        except (GitHubError, LedgerError) as trouble:
            ctx.log("tick.trouble", host=ctx.github.host.name, error=f"{type(trouble).__name__}: {trouble}")
        except Exception as fault:  # noqa: BLE001 -- a fault in one tick must not end all further ones
            told = "".join(traceback.format_exception(fault)).strip()
            ctx.log("tick.fault", host=ctx.github.host.name, error=told)
        self._beat = time.monotonic()
