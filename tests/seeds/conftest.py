from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cicatrix.simulator import JobSpec, SimRun
from cicatrix.simulator.server import serve
from tests.cli.desk import CI, Desk
from tests.stage import Stage, lawbook


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Staging without waiting times, so that a story is about the bound and not about the cooldown."""
    rules = "version: seed.1\nstopRules: {cooldownMinutes: 0, noSignalChangeThreshold: 5}\n"
    return Stage(tmp_path).deploy(base=lawbook(rules))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled rules, once for all of these tests."""
    return tmp_path_factory.mktemp("rules")


@pytest.fixture
def desk(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    """The real command in staging, without waiting times, beside a simulated GitHub on loopback."""
    made = Desk(folder=tmp_path, cache=cache, environ=monkeypatch, capture=capsys)
    made.calm()
    with serve(made.world) as server:
        made.server = server
        made.set(GITHUB_API_URL=server.api_url)
        yield made


def red(desk: Desk, jobs: Sequence[JobSpec]) -> SimRun:
    """Pull request 1 of acme/shop, whose workflow just ended."""
    repo = desk.world.repository("acme/shop")
    repo.workflow(CI, jobs)
    run = repo.run(CI, pull_request=repo.pull_request(1), finished=True)
    desk.world.advance(1)
    return run
