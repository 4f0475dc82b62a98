from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cicatrix.ledger import Ledger
from tests.ledger.helpers import Clock, open_ledger


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path, clock: Clock) -> Iterator[Ledger]:
    opened = open_ledger(path, clock)
    yield opened
    opened.close()
