"""Break a law in a copy of the product and let the simulation look for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.mutants.guards import Mutant

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 200


def broken_copy(mutant: Mutant, folder: Path, *, source: Path = ROOT / "src") -> Path:
    """A folder with the package `cicatrix`, its guard removed. Raises when the guard is not where the mutant says."""
    package = folder / "cicatrix"
    shutil.copytree(source / "cicatrix", package)
    for change in mutant.changes:
        path = package / change.file
        text = path.read_text(encoding="utf-8")
        found = text.count(change.old)
        if found != 1:
            raise AssertionError(
                f"mutant {mutant.name!r} is stale: {change.file} holds its text {found} times; "
                f"look for what does that work now and change tests/mutants/guards.py:\n{change.old}"
            )
        path.write_text(text.replace(change.old, change.new), encoding="utf-8")
    return folder


def search(mutant: Mutant, folder: Path, *, seeds: int = SEEDS) -> tuple[str | None, str]:
    """The sentence that names the broken law, or None; and everything that the simulation printed."""
    where = broken_copy(mutant, folder)
    law = f"law {mutant.law}"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.simulation", "--seeds", str(seeds), "--until", law),
            *("--hint", str(mutant.hint), "--replays", "25"),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(where), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if f"judging {where}" not in done.stderr:
        raise AssertionError(f"the simulation did not play the broken copy:\n{done.stderr}")
    found = re.search(rf"^  ({law}: .*)$", done.stdout, re.MULTILINE)
    return (found[1] if found else None), done.stdout + done.stderr
