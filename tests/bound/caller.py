"""One long-lived process of the bound test: answers waves of concurrent requests, ours or the seed's.

Started as `python -m tests.bound.caller`. A line of JSON in, a line of JSON out, until standard input ends.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from cicatrix.core.policy import RerunRequest
from cicatrix.diagnosis import Diagnoser
from cicatrix.flows.context import Context
from cicatrix.flows.reading import Target
from cicatrix.flows.rerun import rerun_failed_jobs
from cicatrix.flows.tick import tick
from tests.bound.kit import TOKEN, Clock, OneIdentity, context, deployment
from tests.seed_original import SeedOriginal

MOST_CALLERS = 20


def main() -> None:
    """Serves one parent."""
    setup = json.loads(sys.stdin.readline())
    clock = Clock(Path(setup["clock"]))
    ctx = context(
        ledger=setup["ledger"],
        clock=clock,
        prefix=setup["name"],
        diagnoser=Diagnoser(),
        deployment=deployment(read_repository_lawbook=False),  # every request counts: 50 callers, 100 rounds
        api_url=setup["url"],
        client=OneIdentity,
        sleep=lambda _seconds: None,
    )
    seed = SeedOriginal(
        http=httpx.Client(base_url=setup["url"], headers={"authorization": f"Bearer {TOKEN}"}),
        file=Path(setup["seedTable"]),
        owner="acme",
        repo="shop",
    )
    with ThreadPoolExecutor(MOST_CALLERS) as pool:
        tell({"ready": True})
        for line in sys.stdin:
            order = json.loads(line)
            if order["kind"] == "tick":
                tick(ctx)
                tell({"seen": {}})
                continue
            ask = _ours(ctx, order["pull"]) if order["kind"] == "ours" else _seeds(seed, order["pull"])
            tell({"seen": wave(pool, ask, order["requests"])})


def wave(pool: ThreadPoolExecutor, ask: Callable[[str], str], requests: list[str]) -> dict[str, str]:
    """All requests at the same moment; request id -> what its caller was told about the job."""
    start = threading.Barrier(len(requests)) if requests else None

    def one(request_id: str) -> str:
        assert start is not None
        start.wait(timeout=60)
        try:
            return ask(request_id)
        except Exception as problem:  # noqa: BLE001  # whatever goes wrong in one caller is the parent's to judge
            return f"problem: {problem!r}"

    return dict(zip(requests, pool.map(one, requests), strict=True))


def _ours(ctx: Context, pull: int) -> Callable[[str], str]:
    target = Target(owner="acme", repository="shop", pull_request=pull)

    def ask(request_id: str) -> str:
        request = RerunRequest(request_id=request_id, principal="cli:octocat", max_attempts=2)
        return told(rerun_failed_jobs(ctx, target, request).answer)

    return ask


def _seeds(seed: SeedOriginal, pull: int) -> Callable[[str], str]:
    return lambda request_id: told(seed.rerun_failed_jobs(pull, request_id, max_attempts=2))


def told(answer: dict[str, Any]) -> str:
    """The action on the one failed job, and its reason."""
    return "; ".join(f"{job['action']} {job.get('reasonCode')}" for job in answer["jobs"]) or "nothing"


def tell(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
