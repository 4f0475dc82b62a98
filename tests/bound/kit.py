"""What tests with real processes share: one clock for all of them, a context over real sockets, a scratch folder.

The clock is eight bytes in a file that every process maps: the simulated GitHub and its callers then live in one
simulated time, and a process that is killed leaves it as it was.
"""

from __future__ import annotations

import itertools
import mmap
import os
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from cicatrix.core.facts import Identity
from cicatrix.core.lawbook import LayerKind
from cicatrix.diagnosis import Diagnoser
from cicatrix.flows.context import Context, Deployment, Gather, in_turn
from cicatrix.github import GitHub, Host, TokenCredentials
from cicatrix.lawbook import load
from cicatrix.ledger import Ledger

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
TOKEN = "t0ken-of-the-tests"
LOGIN = "octocat"
HOUR = 3600.0


class Clock:
    """Simulated time, moved by hand, the same in all processes that open the same file."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(struct.pack("d", 0.0))
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), 8)
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        return NOON + timedelta(seconds=self._seconds())

    def advance(self, seconds: float) -> None:
        """Moves the time on. Only one process may do so at a time."""
        with self._lock:
            struct.pack_into("d", self._bytes, 0, self._seconds() + seconds)

    def _seconds(self) -> float:
        return float(struct.unpack_from("d", self._bytes, 0)[0])


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder in memory where there is one: what is judged is what survives a process, not a power loss."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def ids(prefix: str) -> Callable[[], str]:
    """Ids that no other process makes, when no other has this prefix."""
    numbers = itertools.count(1)
    lock = threading.Lock()

    def make() -> str:
        with lock:
            return f"{prefix}-{next(numbers):06d}"

    return make


def deployment(
    lawbook: str = "stopRules: {cooldownMinutes: 0}\n", *, read_repository_lawbook: bool = True
) -> Deployment:
    """Write interval 0, and this text as the deployment's lawbook."""
    text = f"version: tests.1\n{lawbook}"
    layer, problems = load(text.encode(), "tests.yml", kind=LayerKind.DEPLOYMENT)
    assert layer is not None, problems
    return Deployment(base=layer, write_interval=timedelta(0), read_repository_lawbook=read_repository_lawbook)


class OneIdentity(GitHub):
    """Asks once who we are, as a long-lived process does."""

    _known: Identity | None = None

    def identity(self, owner: str = "", repo: str = "") -> Identity:
        if self._known is None:
            self._known = super().identity(owner, repo)
        return self._known


def context(
    *,
    ledger: str,
    clock: Clock,
    prefix: str,
    diagnoser: Diagnoser,
    deployment: Deployment,
    api_url: str | None = None,
    transport: httpx.BaseTransport | None = None,
    boundary: Callable[[str], None] = lambda _name: None,
    client: type[GitHub] = GitHub,
    gather: Gather = in_turn,
    sleep: Callable[[float], None] | None = None,
) -> Context:
    """A context as `wiring` makes one, over real HTTP (`api_url`) or a transport, on the shared clock."""
    new_id, rest = ids(prefix), sleep or clock.advance
    host = Host() if api_url is None else Host(api_url=api_url, allow_http=True)
    github = client(
        host,
        TokenCredentials(TOKEN),
        transport=transport,
        now=clock,
        sleep=rest,
        jitter=lambda: 0.5,
        boundary=boundary,
    )
    return Context(
        github=github,
        ledger=Ledger.open(ledger, now=clock, new_id=new_id, boundary=boundary),
        diagnoser=diagnoser,
        now=clock,
        sleep=rest,
        new_id=new_id,
        gather=gather,
        deployment=deployment,
    )
