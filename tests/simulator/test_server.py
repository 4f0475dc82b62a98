"""The HTTP face: the same world behind real sockets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from cicatrix.simulator import JobSpec, Outcome, World
from cicatrix.simulator.server import Server, serve
from tests.simulator.support import NOON, REPO, failed_run, world


@pytest.fixture
def made() -> World:
    return world()


@pytest.fixture
def server(made: World) -> Iterator[Server]:
    with serve(made) as running:
        yield running


def real(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.api_url, headers={"authorization": "Bearer t"}, trust_env=False, timeout=5)


def test_a_run_is_read_and_rerun_over_one_connection(made: World, server: Server) -> None:
    _, run = failed_run(made)
    with real(server) as http:
        assert http.get(f"{REPO}/actions/runs/{run.id}").json()["conclusion"] == "failure"
        assert http.post(f"{REPO}/actions/runs/{run.id}/rerun-failed-jobs", json={}).status_code == 201
        assert http.get(f"{REPO}/actions/runs/{run.id}").json()["url"].startswith(server.api_url)
    assert len(made.history.effects) == 1


def test_logs_come_from_another_origin(made: World, server: Server) -> None:
    _, run = failed_run(made, [JobSpec(id="test", outcomes=[Outcome.failure(log_size=1_000_000)])])
    with real(server) as http:
        link = http.get(f"{REPO}/actions/jobs/{run.job('test').id}/logs").headers["location"]
    assert link.startswith(server.log_url)
    assert server.log_url != server.api_url
    with httpx.Client(trust_env=False) as stranger:
        assert len(stranger.get(link).content) == 1_000_000
        assert stranger.get(link, headers={"authorization": "Bearer t"}).status_code == 400


@pytest.mark.parametrize(("fault", "effects"), [("reset_after_effect", 1), ("reset_before", 0), ("unreachable", 0)])
@pytest.mark.shows("F2", "F3")
def test_a_reset_is_a_real_one(made: World, server: Server, fault: str, effects: int) -> None:
    _, run = failed_run(made)
    made.faults.add(fault, "POST *")
    with real(server) as http:
        with pytest.raises(httpx.TransportError, match=r"reset|disconnected"):
            http.post(f"{REPO}/actions/runs/{run.id}/rerun-failed-jobs")
        assert http.get(REPO).status_code == 200
    assert len(made.history.effects) == effects


def test_slow_is_slow(made: World, server: Server) -> None:
    _, run = failed_run(made)
    made.faults.slow(0.3, "POST *", count=1)
    with real(server) as http, pytest.raises(httpx.ReadTimeout):
        http.post(f"{REPO}/actions/runs/{run.id}/rerun-failed-jobs", timeout=0.05)
    assert len(made.history.effects) == 1


def test_an_unchanged_answer_has_no_body(made: World, server: Server) -> None:
    failed_run(made)
    with real(server) as http:
        etag = http.get(REPO).headers["etag"]
        for _ in range(2):
            assert http.get(REPO, headers={"if-none-match": etag}).status_code == 304


@pytest.mark.shows("F6")
def test_of_many_at_once_one_is_accepted(made: World, server: Server) -> None:
    _, run = failed_run(made)
    seen: list[int] = []

    def ask() -> None:
        with real(server) as http:
            seen.append(http.post(f"{REPO}/actions/runs/{run.id}/rerun-failed-jobs").status_code)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [201] + [403] * 11
    assert len(made.history.effects) == 1


def test_time_can_follow_a_clock() -> None:
    made = world()
    ticks = [NOON]
    made.follow_clock(lambda: ticks[0], speed=60)
    ticks[0] += timedelta(seconds=2)
    assert made.now == NOON + timedelta(minutes=2)
    made.advance(10)
    assert made.now == NOON + timedelta(minutes=2, seconds=10)
    made.now = NOON
    ticks[0] += timedelta(seconds=1)
    assert made.now == NOON + timedelta(minutes=1)


def test_closing_ends_open_connections(made: World) -> None:
    server = serve(made)
    with real(server) as http:
        assert http.get("/user").status_code == 200
        server.close()
        with pytest.raises(httpx.TransportError):
            http.get("/user")
