"""Everything that happened in a story, line by line, and the hash by which two tellings of it are compared."""

from __future__ import annotations

import hashlib
from datetime import datetime


class Trace:
    """Collects lines. Equal seeds give equal lines, in every process, whatever its hash seed."""

    def __init__(self, begin: datetime) -> None:
        self._begin = begin
        self.lines: list[str] = []

    def add(self, at: datetime, who: str, what: str) -> None:
        """One step: when in the story (seconds since its beginning), who, what."""
        self.lines.append(f"{(at - self._begin).total_seconds():.3f} {who} {what}")

    def raw(self, line: str) -> None:
        """One line as it is: an entry, an answer."""
        self.lines.append(line)

    def digest(self) -> str:
        """SHA-256 of all lines, in hex."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()
