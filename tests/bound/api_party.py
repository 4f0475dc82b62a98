"""The parent's side: a simulated GitHub behind sockets, four API processes on one ledger, two callers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from cicatrix.core.actions import Role
from cicatrix.core.api_key import format_key, hash_secret
from cicatrix.core.principal import ApiKey, RepositoryScope
from cicatrix.lawbook.registry import load_registry
from cicatrix.ledger import Ledger
from cicatrix.simulator import Exchange, JobSpec, Outcome, SimRepository, SimRun, World
from cicatrix.simulator.server import serve
from tests.bound.kit import LOGIN, NOON, TOKEN, Clock, ids

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ".github/workflows/ci.yml"
PROCESSES = 4
SECRET = "k" * 43
KEYS = ("aaaaaaaa", "bbbbbbbb")


@dataclass(slots=True)
class ApiParty:
    world: World
    clock: Clock
    repository: SimRepository
    ledger: Ledger
    """The parent's own connection: what an operator's shell has."""
    urls: list[str]
    client: httpx.Client
    pool: ThreadPoolExecutor
    asked: int = 0
    runs: list[SimRun] = field(default_factory=list)

    def red(self) -> SimRun:
        """A fresh red run of a fresh pull request, on a fresh day."""
        self.clock.advance(25 * 3600)
        number = len(self.runs) + 1
        pull = self.repository.pull_request(number, head_branch=f"change-{number}")
        self.runs.append(self.repository.run(WORKFLOW, pull_request=pull, finished=True))
        return self.runs[-1]

    def wave(self, requests: int, *, max_attempts: int = 5) -> list[httpx.Response]:
        """So many requests at once about the newest run, spread over processes and callers."""
        numbers = range(self.asked, self.asked + requests)
        self.asked += requests
        return list(self.pool.map(lambda n: self.ask(n, max_attempts), numbers))

    def ask(self, n: int, max_attempts: int = 5) -> httpx.Response:
        body = {"owner": "acme", "repo": "shop", "maxAttempts": max_attempts, "requestId": f"r-{n}"}
        key = format_key(KEYS[n // 2 % 2], SECRET)
        url = f"{self.urls[n % len(self.urls)]}/api/github/prs/{len(self.runs)}/checks/rerun"
        return self.client.post(url, json=body, headers={"Authorization": f"Bearer {key}"})

    def effects(self) -> int:
        return sum(1 for e in self.world.history.effects if e["runId"] == str(self.runs[-1].id))

    def register(self, max_retries: int) -> None:
        """What `cicatrix registry apply` does."""
        text = (
            "version: 1.0.0\nregistryId: acme-shop\nrepository: acme/shop\ncreatedAt: '2026-11-21T12:00:00Z'\n"
            "createdBy: test\nallowedActions:\n"
            f"  - {{actionType: rerun_failed_jobs, maxRetries: {max_retries}}}\n"
        )
        registry, problems = load_registry(text, "registry.yml")
        assert registry is not None, problems
        with self.ledger.write("registry") as tx:
            tx.activate_registry(
                host="github.com",
                repository_id=str(self.repository.id),
                owner_id="1",
                full_name="acme/shop",
                registry=registry,
                principal="cli:operator@local",
            )


def seen(answers: list[httpx.Response]) -> list[str]:
    """What each caller was told about the one job."""
    told = []
    for answer in answers:
        tree: dict[str, Any] = answer.json()
        if answer.status_code != 200:
            told.append(f"{answer.status_code} {tree.get('code')}")
        else:
            job = tree["jobs"][0] if tree["jobs"] else {"action": tree["decision"]}
            told.append(f"{job['action']} {job.get('reasonCode', '-')}")
    return told


@contextmanager
def api_party(folder: Path, *, threads: int = 200) -> Iterator[ApiParty]:
    """Starts everything, ends everything."""
    clock = Clock(folder / "clock")
    world = World(now=NOON, seed=1)
    world.follow_clock(clock)
    world.token(TOKEN, login=LOGIN)
    world.rate_limit = 10**9

    def fail_again_at_once(exchange: Exchange) -> None:
        if exchange.method == "POST" and exchange.status == 201:
            clock.advance(5)

    world.on_exchange.append(fail_again_at_once)
    repository = world.repository("acme/shop")
    repository.workflow(WORKFLOW, [JobSpec(id="unit", seconds=0, outcomes=[Outcome.lost_runner(seconds=0)])])
    path = folder / "ledger.db"
    with ExitStack() as stack:
        server = stack.enter_context(serve(world))
        ledger = Ledger.open(str(path), now=clock, new_id=ids("parent"))
        stack.callback(ledger.close)
        with ledger.write("keys") as tx:
            for key_id in KEYS:
                tx.create_key(_key(key_id, repository), hash_secret(SECRET))
        setup = {"url": server.api_url, "clock": str(folder / "clock"), "ledger": str(path)}
        urls = [stack.enter_context(_process(f"api{n}", setup)) for n in range(PROCESSES)]
        limits = httpx.Limits(max_connections=threads)
        client = stack.enter_context(httpx.Client(timeout=120, limits=limits, trust_env=False))
        pool = stack.enter_context(ThreadPoolExecutor(threads))
        yield ApiParty(world, clock, repository, ledger, urls, client, pool)


def _key(key_id: str, repository: SimRepository) -> ApiKey:
    scope = RepositoryScope(host="github.com", repository_id=str(repository.id), full_name="acme/shop")
    return ApiKey(
        id=key_id,
        label=key_id,
        role=Role.OPERATOR,
        repositories=(scope,),
        actions=None,
        created_at=NOON,
        created_by="cli:operator@local",
        expires_at=NOON + timedelta(days=3000),
    )


@contextmanager
def _process(name: str, setup: dict[str, str]) -> Iterator[str]:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.bound.api_server"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        print(json.dumps({**setup, "name": name}), file=child.stdin, flush=True)
        url = child.stdout.readline().strip()
        assert url, f"an API process died with code {child.wait(10)}"
        yield url
    finally:
        child.stdin.close()
        child.stdout.close()
        child.wait(60)
