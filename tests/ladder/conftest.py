"""Scenes that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ladder.scene import CHEAP, Scene

Staged = Callable[..., Scene]


@pytest.fixture
def staged(tmp_path: Path) -> Iterator[Staged]:
    """Makes scenes, with cheap checks unless other ones are given."""
    made: list[Scene] = []

    def stage(**more: Any) -> Scene:
        folder = tmp_path / f"scene-{len(made)}"
        folder.mkdir()
        scene = Scene(folder, **{"checks": CHEAP, **more})
        made.append(scene)
        return scene

    yield stage
    for scene in made:
        scene.close()
