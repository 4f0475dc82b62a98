"""A ledger file that is ready: migrated once a process by the product itself, then copied.

Migrating a new file takes some 0.13 s, and most tests are about something else. `tests/ledger/test_migrations.py` and
every test of the command make theirs anew.
"""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

from cicatrix.ledger import Ledger


def _template(pid: int, beside: Path) -> Path:
    """In a folder of pytest's own, which pytest clears; a forked child makes its own."""
    path = beside / f"ready-ledger-{pid}.db"
    path.unlink(missing_ok=True)
    Ledger.open(str(path), now=lambda: datetime(2026, 11, 21, tzinfo=UTC), new_id=lambda: "template").close()
    return path


_made: dict[int, Path] = {}


def ready(path: Path) -> str:
    """The path as text, with a ready ledger there unless a file is there already."""
    if not path.exists():
        pid = os.getpid()
        known = _made.get(pid)
        if known is None or not known.exists():
            known = _made[pid] = _template(pid, path.parent.parent)
        shutil.copyfile(known, path)
    return str(path)
