"""What a finder may look at, and what it gives."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from cicatrix.core.health.model import Check, Component

_LARGEST_MANIFEST = 1024 * 1024
PATIENT = timedelta(minutes=15)
"""For builds and tests of unknown size."""


class Choice(NamedTuple):
    """A check and why it was chosen."""

    check: Check
    why: str


class Left(NamedTuple):
    """What was left out and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A project's folder, read only."""

    folder: Path
    available: Callable[[str], bool]
    """Whether a program is installed."""

    def has(self, *names: str) -> str:
        """The first of the files that is there; empty when none is."""
        return next((name for name in names if (self.folder / name).is_file()), "")

    def any(self, *patterns: str) -> bool:
        """Whether a file matches one of the patterns."""
        return any(next(self.folder.glob(pattern), None) is not None for pattern in patterns)

    def text(self, name: str) -> str:
        """The file's text; empty when there is none, or it is larger than 1 MiB."""
        path = self.folder / name
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST_MANIFEST:
            return ""
        return path.read_bytes().decode("utf-8", "replace")

    def toml(self, name: str) -> dict[str, Any]:
        """The file's tables; empty for what is no TOML: the build will say so."""
        try:
            return tomllib.loads(self.text(name))
        except (ValueError, RecursionError):
            return {}

    def json(self, name: str) -> dict[str, Any]:
        """The file's object; empty for anything else."""
        try:
            tree = json.loads(self.text(name) or "{}")
        except (ValueError, RecursionError):
            return {}
        return tree if isinstance(tree, dict) else {}


def table(tree: dict[str, Any], *names: str) -> dict[str, Any]:
    """A table inside tables; empty when it is none."""
    for name in names:
        inner = tree.get(name)
        tree = inner if isinstance(inner, dict) else {}
    return tree


def check(name: str, component: Component, *command: str, **more: Any) -> Check:
    """A check with a builder's patience; the rest as `Check` has it."""
    return Check(name=name, component=component, command=command, **{"parser": "exit-code", "timeout": PATIENT, **more})
