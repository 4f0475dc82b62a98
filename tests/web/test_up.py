"""`cicatrix up` as a process: it starts, serves, wakes what is due, and ends as it was asked to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from cicatrix.simulator import Exchange, JobSpec, Outcome, World
from cicatrix.simulator.server import serve

TOKEN = "github_pat_upupupupupupupup0123456789"
RESET = "npm error code ECONNRESET\nnpm error network request to https://registry.example.com/x failed: socket hang up"


@dataclass
class Running:
    process: subprocess.Popen[str]
    url: str
    errors: list[str]

    def ends(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@pytest.fixture
def world() -> World:
    made = World(now=datetime.now(UTC), seed=5)
    made.token(TOKEN, login="octocat")
    made.follow_clock(lambda: datetime.now(UTC), 1)
    repo = made.repository("acme/shop")
    failing = JobSpec(id="test", outcomes=[Outcome.failure(RESET, step="Install dependencies"), Outcome.success()])
    repo.workflow(".github/workflows/ci.yml", [failing])
    pull = repo.pull_request(1, head_branch="change-1")
    repo.run(".github/workflows/ci.yml", pull_request=pull, finished=True)
    return made


def variables(folder: Path, api_url: str, **more: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("CICATRIX_", "GITHUB_", "GH_", "DEPLOY_ENV"))}
    return {
        **clean,
        "GITHUB_API_URL": api_url,
        "GITHUB_TOKEN": TOKEN,
        "CICATRIX_DATABASE_URL": str(folder / "ledger.db"),
        "CICATRIX_WRITE_INTERVAL": "0",
        "CICATRIX_POLL_INTERVAL": "0.2",
        "XDG_CACHE_HOME": str(folder / "cache"),
        **more,
    }


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cicatrix", *arguments]


@contextmanager
def up(environ: Mapping[str, str], *arguments: str) -> Iterator[Running]:
    """The real command on a free port; killed at the end if it still runs."""
    process = subprocess.Popen(
        command("up", "--port", "0", *arguments),
        env=dict(environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    errors: list[str] = []
    assert process.stderr is not None
    assert process.stdout is not None
    reader = threading.Thread(target=lambda: errors.extend(process.stderr or ()), daemon=True)
    reader.start()
    try:
        line = process.stdout.readline()
        assert line.startswith("listening on http://"), errors
        yield Running(process, line.split()[-1], errors)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join(10)
        process.stdout.close()
        process.stderr.close()


def made_key(environ: Mapping[str, str]) -> str:
    done = subprocess.run(
        command("key", "create", "--role", "operator", "--repo", "acme/shop", "--label", "t", "-o", "table"),
        env=dict(environ),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.split()[0]


def posted(url: str, key: str, **body: Any) -> httpx.Response:
    return httpx.post(
        f"{url}/api/github/prs/1/checks/rerun",
        headers={"authorization": f"Bearer {key}"},
        json={"owner": "acme", "repo": "shop"} | body,
        timeout=60,
    )


@pytest.mark.shows("AP-1", "GE-1")
def test_it_starts_decides_wakes_and_ends_with_0(tmp_path: Path, world: World) -> None:
    with serve(world) as github:
        environ = variables(tmp_path, github.api_url)
        key = made_key(environ)
        with up(environ) as running:
            assert httpx.get(f"{running.url}/healthz").json()["status"] == "ok"
            ready = httpx.get(f"{running.url}/readyz")
            assert ready.status_code == 200, ready.text
            assert {check["name"] for check in ready.json()["checks"]} == {"ledger", "lawbook", "engine"}
            told = posted(running.url, key, requestId="up-1").json()
            assert told["decision"] == "RERUN_TRIGGERED"
            assert any("DEPLOY_ENV is not set" in line for line in running.errors)
            _closed_by_the_engine(running.url, key)
            assert running.ends() == 0
        log = "".join(running.errors)
        assert "http.request" in log
        assert "requestId" in log
        for secret in (TOKEN, key, key.rpartition("_")[2]):
            assert secret not in log
        assert "Traceback" not in log
        assert "stopped" in log
        assert "cut off" not in log


def _closed_by_the_engine(url: str, key: str) -> None:
    """The runner judges the rerun without anybody asking."""
    until = time.monotonic() + 45
    while time.monotonic() < until:
        cases = httpx.get(f"{url}/api/cases", headers={"authorization": f"Bearer {key}"}).json()["items"]
        if cases and cases[0]["state"] in {"closed", "reran", "judging"}:
            return
        time.sleep(0.2)
    raise AssertionError(cases)


def test_what_is_in_flight_ends_first_and_nothing_new_is_taken(tmp_path: Path, world: World) -> None:
    """GitHub holds its answer back until the signal was sent and the port is closed."""
    arrived, go_on = threading.Event(), threading.Event()

    def hold(exchange: Exchange) -> None:
        if exchange.path.endswith("/pulls/1"):
            arrived.set()
            go_on.wait(30)

    with serve(world) as github:
        environ = variables(tmp_path, github.api_url)
        key = made_key(environ)
        world.on_exchange.append(hold)
        with up(environ) as running:
            answers: list[httpx.Response] = []
            asking = threading.Thread(target=lambda: answers.append(posted(running.url, key)))
            asking.start()
            assert arrived.wait(30)
            running.process.send_signal(signal.SIGTERM)
            _closed(running.url)
            go_on.set()
            asking.join(60)
            assert running.process.wait(60) == 0
            assert answers[0].status_code == 200
            assert answers[0].json()["decision"] == "RERUN_TRIGGERED"


def _closed(url: str) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            httpx.get(f"{url}/healthz")
        except httpx.ConnectError:
            return
    raise AssertionError("the port still takes connections")


def refused(environ: Mapping[str, str], *arguments: str) -> list[str]:
    """The lines of a command that does not start."""
    done = subprocess.run(
        command("up", *arguments), env=dict(environ), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert not done.stdout
    return [line for line in done.stderr.splitlines() if not line.startswith("warning")]


@pytest.mark.shows("GE-1")
def test_an_address_for_others_needs_an_environment(tmp_path: Path) -> None:
    environ = variables(tmp_path, "http://127.0.0.1:9")
    lines = refused(environ, "--host", "0.0.0.0", "--port", "0")
    assert len(lines) == 3
    assert "DEPLOY_ENV" in lines[1]
    environ = variables(tmp_path, "http://127.0.0.1:9", CICATRIX_GITHUB_APP_ID="1", CICATRIX_GITHUB_APP_PRIVATE_KEY="x")
    assert "GitHub App" in refused(environ, "--port", "0")[1]


def test_what_makes_it_useless_is_said_in_three_lines(tmp_path: Path) -> None:
    environ = variables(tmp_path, "http://127.0.0.1:9")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        lines = refused(environ, "--port", str(taken.getsockname()[1]))
        assert len(lines) == 3
        assert "port" in lines[1]
    lines = refused(variables(tmp_path, "http://127.0.0.1:9", GITHUB_REPO_ALLOWLIST="{"), "--port", "0")
    assert len(lines) == 3
    assert "GITHUB_REPO_ALLOWLIST" in lines[1]
    lines = refused(variables(tmp_path, "http://127.0.0.1:9", CICATRIX_DATABASE_URL=str(tmp_path)), "--port", "0")
    assert len(lines) == 3
    broken = tmp_path / "broken.yml"
    broken.write_text("version: [")
    assert len(refused(environ, "--port", "0", "--lawbook", str(broken))) == 3


@pytest.mark.shows("GE-1", "AU-1")
def test_what_must_not_start_is_told_before_a_ledger_is_opened(tmp_path: Path) -> None:
    """The ledger could not be opened either: that it is not what is told shows the order."""
    environ = variables(tmp_path, "http://127.0.0.1:9", CICATRIX_DATABASE_URL=str(tmp_path))
    assert "DEPLOY_ENV" in refused(environ, "--host", "0.0.0.0", "--port", "0")[1]
    assert "GITHUB_REPO_ALLOWLIST" in refused({**environ, "GITHUB_REPO_ALLOWLIST": "{"}, "--port", "0")[1]


@pytest.mark.shows("GE-2", "GE-4", "LB-2")
def test_a_service_that_will_refuse_every_write_says_so_and_is_not_ready(tmp_path: Path, world: World) -> None:
    with (
        serve(world) as server,
        up(variables(tmp_path, server.api_url, DEPLOY_ENV="prod", LAWBOOK_HASH="another-9")) as running,
    ):
        ready = httpx.get(f"{running.url}/readyz", timeout=30)
        assert ready.status_code == 503
        assert "another-9" in ready.text
        assert running.ends() == 0
        told = " ".join(running.errors)
    assert "the lawbook stops every write" in told
    assert "no repository has a registry" in told
    assert "the deployment has no lawbook" in told
