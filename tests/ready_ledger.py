"""A ledger file that is ready: migrated once a process by the product itself, then copied.

Migrating a new file takes some 0.13 s, and most tests are about something else. `tests/ledger/test_migrations.py` and
every test of the command make theirs anew.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cicatrix.ledger import Ledger


@cache
def _template() -> Path:
    folder = tempfile.mkdtemp(prefix="cicatrix-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "ledger.db"
    Ledger.open(str(path), now=lambda: datetime(2026, 11, 21, tzinfo=UTC), new_id=lambda: "template").close()
    return path


def ready(path: Path) -> str:
    """The path as text, with a ready ledger there unless a file is there already."""
    if not path.exists():
        shutil.copyfile(_template(), path)
    return str(path)
