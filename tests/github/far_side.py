"""The far side for the client's tests: a simulated clock, GitHub-shaped documents, and clients on a handler."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from cicatrix.core.facts import Receipt
from cicatrix.github import BOUNDS, Bounds, Credentials, Exchange, GitHub, Host, TokenCredentials

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SHA = "3a6235b56eecc0e193c1e267b064c155c6ebc022"
TOKEN = "ghp_" + "x1Y2" * 9
RECEIPT = Receipt(operation_id="op-1", ledger_index=7, send=1)

Handler = Callable[[httpx.Request], httpx.Response]
LONE = Host()


@dataclass
class Clock:
    """Simulated time: sleeping moves it, nothing waits."""

    at: datetime = START
    naps: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.at += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        return (self.at - START).total_seconds()


def client(
    handler: Handler | httpx.BaseTransport,
    *,
    clock: Clock | None = None,
    credentials: Credentials | None = None,
    host: Host = LONE,
    boundary: Callable[[str], None] | None = None,
    on_exchange: Callable[[Exchange], None] | None = None,
    resolver: Callable[[str, int], list[str]] | None = None,
    bounds: Bounds = BOUNDS,
    max_concurrent: int = 16,
) -> GitHub:
    """A client whose requests go to `handler`, in simulated time, with jitter in the middle."""
    clock = clock or Clock()
    return GitHub(
        host,
        credentials or TokenCredentials(TOKEN),
        transport=handler if isinstance(handler, httpx.BaseTransport) else httpx.MockTransport(handler),
        now=clock.now,
        sleep=clock.sleep,
        jitter=lambda: 0.5,
        monotonic=clock.monotonic,
        boundary=boundary or (lambda _: None),
        on_exchange=on_exchange,
        resolver=resolver,
        bounds=bounds,
        max_concurrent=max_concurrent,
    )


@dataclass
class Script:
    """A far side that answers from a list, the last answer again and again, and keeps what it was asked."""

    answers: list[httpx.Response | Exception]
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        # a fresh one each time: a response is read once
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def run(run_id: int = 1, **other: Any) -> dict[str, Any]:
    return {
        "id": run_id,
        "workflow_id": 9,
        "path": ".github/workflows/ci.yml@refs/heads/main",
        "name": "CI",
        "event": "pull_request",
        "head_sha": SHA,
        "head_branch": "fix",
        "head_repository": {"id": 5},
        "repository": {"id": 5, "owner": {"login": "o", "id": 50}},
        "status": "completed",
        "conclusion": "failure",
        "run_attempt": 1,
        "run_number": 3,
        "created_at": "2026-11-21T10:00:00Z",
        "run_started_at": "2026-11-21T10:00:00Z",
        "updated_at": "2026-11-21T10:05:00Z",
        "triggering_actor": {"id": 77, "login": "octocat"},
        "pull_requests": [{"number": 4}],
        "html_url": "https://github.com/o/r/actions/runs/1",
    } | other


def job(job_id: int = 1, **other: Any) -> dict[str, Any]:
    return {
        "id": job_id,
        "run_id": 1,
        "run_attempt": 1,
        "name": f"test ({job_id})",
        "status": "completed",
        "conclusion": "failure",
        "started_at": "2026-11-21T10:00:00Z",
        "completed_at": "2026-11-21T10:04:30Z",
        "labels": ["ubuntu-latest"],
        "runner_id": 12,
        "runner_name": "runner 12",
        "steps": [{"number": 1, "name": "test", "status": "completed", "conclusion": "failure"}],
    } | other


def pull_request(number: int = 4, **other: Any) -> dict[str, Any]:
    return {
        "number": number,
        "state": "open",
        "user": {"id": 77},
        "auto_merge": None,
        "head": {"sha": SHA, "ref": "fix", "repo": {"id": 5}},
        "base": {"ref": "main", "repo": {"id": 5, "name": "r", "full_name": "o/r", "owner": {"login": "o", "id": 50}}},
    } | other


def answer(tree: Any, status: int = 200, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.Response(status, headers=headers, content=json.dumps(tree).encode())


def shared_data() -> Path:
    """The folder of recorded data beside the project, or a skip that says so."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no folder shared/data beside the project: nothing recorded to read")
    return folder
