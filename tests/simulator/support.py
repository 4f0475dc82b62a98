"""What the simulator's own tests share: a small world and a client for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from cicatrix.simulator import JobSpec, Outcome, SimPull, SimRepository, SimRun, SimTransport, World

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
CI = ".github/workflows/ci.yml"
REPO = "/repos/acme/shop"
FLAKY = (Outcome.failure("connection reset by peer"), Outcome.success())
BROKEN = (Outcome.failure("assert 1 == 2"),)


def world(seed: int = 1, **switches: Any) -> World:
    made = World(now=NOON, seed=seed)
    made.token("t", login="octocat")
    for name, value in switches.items():
        setattr(made, name, value)
    return made


def shop(made: World, jobs: Sequence[JobSpec] | None = None) -> SimRepository:
    repo = made.repository("acme/shop")
    repo.workflow(CI, jobs if jobs is not None else [JobSpec(id="test", outcomes=FLAKY)])
    return repo


def failed_run(made: World, jobs: Sequence[JobSpec] | None = None, **values: Any) -> tuple[SimPull, SimRun]:
    repo = shop(made, jobs)
    pull = repo.pull_request(1)
    return pull, repo.run(CI, pull_request=pull, finished=True, **values)


def client(made: World, token: str | None = "t") -> httpx.Client:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(transport=SimTransport(made), base_url=made.api_origin, headers=headers)


def job_names(http: httpx.Client, run: SimRun, attempt: int) -> list[str]:
    tree = http.get(f"{REPO}/actions/runs/{run.id}/attempts/{attempt}/jobs").json()
    return [job["name"] for job in tree["jobs"]]
