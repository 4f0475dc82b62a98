"""A remote over HTTP with one repository, and a mirror of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cicatrix.git import Mirror, Remote
from tests.git.http_remote import TOKEN, HttpRemote, http_remote
from tests.git.repositories import Maker


@pytest.fixture
def served(tmp_path: Path) -> Iterator[HttpRemote]:
    (tmp_path / "served").mkdir()
    with http_remote(tmp_path / "served") as server:
        yield server


@pytest.fixture
def there(served: HttpRemote) -> Maker:
    """The remote's repository, as its people see it."""
    return Maker(served.root / "house.git")


@pytest.fixture
def mirror(tmp_path: Path, served: HttpRemote, there: Maker) -> Mirror:
    return Mirror.open(tmp_path / "mirror", Remote(served.url("house.git"), lambda: TOKEN), timeout=60)
