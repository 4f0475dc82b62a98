"""One desk a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cicatrix.simulator.server import serve
from tests.cli.desk import Desk


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """One folder of compiled rules for the whole session and all its workers."""
    base = tmp_path_factory.getbasetemp()
    return (base if worker_id == "master" else base.parent) / "cli-cache"


@pytest.fixture
def bare(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    """A desk whose GitHub is not reachable: for commands that need none."""
    desk = Desk(folder=tmp_path, cache=cache, environ=monkeypatch, capture=capsys)
    desk.set(GITHUB_API_URL="http://127.0.0.1:9")
    return desk


@pytest.fixture
def desk(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    """A desk with its simulated GitHub behind real HTTP."""
    made = Desk(folder=tmp_path, cache=cache, environ=monkeypatch, capture=capsys)
    with serve(made.world) as server:
        made.server = server
        made.set(GITHUB_API_URL=server.api_url)
        yield made
