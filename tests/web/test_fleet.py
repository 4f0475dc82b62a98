"""Four processes that serve the API over one ledger: the bound, a registry edited in the middle, the kill switch."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from cicatrix.core.actions import Role
from cicatrix.core.api_key import format_key, hash_secret, make_id, make_secret
from cicatrix.core.principal import ApiKey
from cicatrix.ledger import Ledger
from cicatrix.simulator import Exchange, JobSpec, Outcome, SimRun, World
from cicatrix.simulator.server import serve
from tests.bound.kit import LOGIN, NOON, TOKEN, Clock, ids, scratch
from tests.web.desk import REGISTRY

ROOT = Path(__file__).resolve().parents[2]
CI = ".github/workflows/ci.yml"
PROCESSES, CALLERS, AT_ONCE = 4, 2, 200
MOST = 2


@dataclass
class Fleet:
    world: World
    ledger: Ledger
    urls: list[str]
    keys: list[str]
    admin: str

    def red(self, number: int) -> SimRun:
        """A pull request whose one job fails again and again, at once."""
        repo = self.world.repository("acme/shop")
        pull = repo.pull_request(number, head_branch=f"change-{number}")
        return repo.run(CI, pull_request=pull, finished=True)

    def wave(self, numbers: Sequence[int], name: str, during: threading.Thread | None = None) -> Counter[str]:
        """All at the same moment, spread over processes and callers; what each was told about the job."""
        start = threading.Barrier(len(numbers))

        def one(n: int) -> str:
            body = {"owner": "acme", "repo": "shop", "requestId": f"{name}-{n}"}
            start.wait(60)
            answer = httpx.post(
                f"{self.urls[n % len(self.urls)]}/api/github/prs/{numbers[n]}/checks/rerun",
                json=body,
                headers={"authorization": f"Bearer {self.keys[n // len(self.urls) % len(self.keys)]}"},
                timeout=120,
            )
            return told(answer)

        with ThreadPoolExecutor(len(numbers)) as pool:
            asked = [pool.submit(one, n) for n in range(len(numbers))]
            if during:
                during.start()
            return Counter(each.result() for each in asked)

    def put(self, path: str, body: dict[str, Any]) -> int:
        """An admin's change, through the last process; the index of its entry."""
        answer = httpx.put(
            self.urls[-1] + path, json=body, headers={"authorization": f"Bearer {self.admin}"}, timeout=60
        )
        assert answer.status_code == 200, answer.text
        return int(answer.json()["ledgerIndex"])

    def registry(self, most: int) -> int:
        document = deepcopy(REGISTRY)
        document["allowedActions"][0]["maxRetries"] = most
        return self.put("/api/registry/acme/shop", document)

    def reruns(self, run: SimRun) -> int:
        return len([e for e in self.world.history.effects if e["runId"] == str(run.id)])

    def intended_after(self, index: int) -> list[int]:
        with self.ledger.read() as view:
            return [entry.index for entry in view.entries(index) if entry.kind in {"rerun.intended", "rerun.resent"}]


def told(answer: httpx.Response) -> str:
    if answer.status_code != 200:
        return f"{answer.status_code} {answer.text[:300]}"
    return "; ".join(f"{job['action']} {job.get('reasonCode')}" for job in answer.json()["jobs"]) or "nothing"


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with scratch() as folder, sailing(folder) as made:
        yield made


@contextmanager
def sailing(folder: Path) -> Iterator[Fleet]:
    clock = Clock(folder / "clock")
    world = World(now=NOON, seed=1)
    world.follow_clock(clock)
    world.token(TOKEN, login=LOGIN)
    world.rate_limit = 10**9

    def fail_again_at_once(exchange: Exchange) -> None:
        if exchange.method == "POST" and exchange.status == 201:
            clock.advance(5)

    world.on_exchange.append(fail_again_at_once)
    world.repository("acme/shop").workflow(
        CI, [JobSpec(id="e2e", name="e2e", seconds=0, outcomes=[Outcome.lost_runner(seconds=0)])]
    )
    with ExitStack() as stack:
        server = stack.enter_context(serve(world))
        ledger = Ledger.open(str(folder / "ledger.db"), now=clock, new_id=ids("test"))
        stack.callback(ledger.close)
        keys = [key(ledger, clock, n, Role.OPERATOR) for n in range(CALLERS)]
        admin = key(ledger, clock, 9, Role.ADMIN)
        setup = {"url": server.api_url, "clock": str(folder / "clock"), "ledger": str(folder / "ledger.db")}
        urls = [stack.enter_context(process({**setup, "name": f"p{n}"})) for n in range(PROCESSES)]
        yield Fleet(world, ledger, urls, keys, admin)


@contextmanager
def process(setup: dict[str, str]) -> Iterator[str]:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.web.api_process"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    print(json.dumps(setup), file=child.stdin, flush=True)
    try:
        yield json.loads(child.stdout.readline())["url"]
    finally:
        child.stdin.close()
        code = child.wait(60)
        child.stdout.close()
        assert code == 0


def key(ledger: Ledger, clock: Clock, n: int, role: Role) -> str:
    key_id, secret = make_id(bytes([n] * 5)), make_secret(bytes([n] * 32))
    made = ApiKey(
        id=key_id,
        label="fleet",
        role=role,
        repositories=None,
        actions=None,
        created_at=clock(),
        created_by="test",
        expires_at=clock() + timedelta(days=30),
    )
    with ledger.write("key") as tx:
        tx.create_key(made, hash_secret(secret))
    return format_key(key_id, secret)


@pytest.mark.shows("RR-4", "RG-7", "RG-2", "A1", "A12")
def test_200_requests_at_once_never_make_more_than_2_and_an_edited_registry_counts_at_once(fleet: Fleet) -> None:
    fleet.registry(MOST)
    run = fleet.red(1)
    seen = fleet.wave([1] * AT_ONCE, "all")
    assert not [line for line in seen if line[0].isdigit() and not line.startswith("429")], seen
    assert 1 <= fleet.reruns(run) <= MOST
    for n in range(10):
        if fleet.reruns(run) == MOST:
            break
        seen += fleet.wave([1] * PROCESSES, f"more-{n}")
    seen += fleet.wave([1] * PROCESSES, "last")
    print(f"{AT_ONCE} at once, {PROCESSES} processes, {CALLERS} callers: {fleet.reruns(run)} reruns, told {dict(seen)}")
    assert fleet.reruns(run) == MOST
    assert seen["RERUN infra_transient"] <= MOST

    second = fleet.red(2)
    assert fleet.wave([2], "first")["RERUN infra_transient"] == 1
    index: list[int] = []
    edit = threading.Thread(target=lambda: index.append(fleet.registry(0)))
    fleet.wave([2] * 40, "edited", during=edit)
    edit.join(60)
    after = fleet.wave([2] * 8, "after")
    assert set(after) == {"BLOCKED registry_denied"}, after
    assert fleet.intended_after(index[0]) == []
    assert fleet.reruns(second) <= MOST


@pytest.mark.shows("PL-8", "GE-5")
def test_no_write_begins_after_the_kill_switch_was_set_in_the_middle_of_a_load(fleet: Fleet) -> None:
    fleet.registry(MOST)
    for number in range(1, 41):
        fleet.red(number)
    index: list[int] = []
    body = {"scope": "deployment", "reason": "drill"}
    pull = threading.Thread(target=lambda: index.append(fleet.put("/api/kill-switches", body)))
    seen = fleet.wave([*range(1, 41)] * 2, "load", during=pull)
    pull.join(60)
    late = fleet.wave([*range(1, 9)], "late")
    print(f"kill switch at entry {index[0]}: told {dict(seen)}, later {dict(late)}")
    assert fleet.intended_after(index[0]) == []
    assert not [line for line in late if line.startswith("RERUN")]
    assert set(late) <= {"BLOCKED kill_switch", "BLOCKED run_in_progress", "BLOCKED outcome_unknown"}, late
