"""Which checks a repository needs, found from its files, so that a first run needs no configuration.

Builds and tests are asked for wherever their files are: without their tool they are unknown. Linters and scanners are
asked for where they are installed; an absent one is left out and named.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cicatrix.checks.ecosystems import FINDERS, Choice, Left
from cicatrix.checks.ecosystems.look import Look
from cicatrix.core.health.model import Check

_MOST_FOLDERS = 5
"""Folders below the root that are looked at when the root itself holds no project."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
"""Folders whose checks the lawbook can hold as well, so that what was found can be declared."""

Available = Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """What was found: the checks, why each was chosen, and what was left out and why."""

    checks: tuple[Check, ...] = ()
    why: Mapping[str, str]
    """Check -> one sentence."""
    left_out: tuple[str, ...] = ()


def detect(folder: Path, *, environ: Mapping[str, str]) -> Detected:
    """The checks for the files in the folder. Runs nothing; reads names, and manifests up to 1 MiB."""
    path = environ.get("PATH", os.defpath)

    def available(program: str) -> bool:
        return shutil.which(program, path=path) is not None

    found = list(_in(folder, available))
    if not any(isinstance(one, Choice) for one in found):
        found = [one for place in _below(folder) for one in _placed(place, available)]
    chosen = [one for one in found if isinstance(one, Choice)]
    return Detected(
        checks=tuple(one.check for one in chosen),
        why={one.check.name: one.why for one in chosen},
        left_out=tuple(f"{one.what}: {one.why}" for one in found if isinstance(one, Left)),
    )


def _in(folder: Path, available: Available) -> Iterator[Choice | Left]:
    look = Look(folder=folder, available=available)
    for find in FINDERS:
        yield from find(look)


def _placed(folder: Path, available: Available) -> Iterator[Choice | Left]:
    """The same below the root: each check runs in its folder and bears its name."""
    for one in _in(folder, available):
        if isinstance(one, Left):
            yield Left(f"{folder.name}/{one.what}", one.why)
            continue
        check = replace(one.check, name=f"{folder.name}-{one.check.name}"[:60], directory=folder.name)
        yield Choice(check, f"{one.why} in {folder.name}")


def _below(folder: Path) -> list[Path]:
    inner = (path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    named = sorted(path for path in inner if _NAME.fullmatch(path.name))
    return [path for path in named if path.name != "node_modules"][:_MOST_FOLDERS]
