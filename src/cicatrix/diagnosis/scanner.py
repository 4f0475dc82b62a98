"""One pass over a whole log for all rules at once: hyperscan in block mode, or stdlib `re` on the tail without it.

Only end offsets are reported, so every later question is asked of the line around an offset. The database is compiled
once a process (or loaded from a cache folder); each thread has its own scratch memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import platform
import re
import tempfile
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


def _engine() -> Any:
    """The hyperscan module, or None where it has no wheel: then the built-in rules run on the tail of the log."""
    try:
        return importlib.import_module("hyperscan")
    except ImportError:
        return None


hyperscan: Any = _engine()

KEEP = 16
"""Hits kept a pattern: the last ones, where a job says what it died of."""
EVENT_CAP = 2_000_000
"""More events than this are an error storm: then only the tail is scanned, and the result says so."""
TAIL = 128 * 1024
_LINE_START = r"(?:^|\r|Z |\t|\]|\xbf|\d )"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One expression to look for; `keep` of its last matches are reported."""

    text: str
    keep: int = KEEP

    @property
    def scanned(self) -> bytes:
        """The form for the scan: a superset of `text` that tolerates timestamps and prefixes before a line."""
        flag, body = ("(?i)", self.text[4:]) if self.text.startswith("(?i)") else ("", self.text)
        if body.startswith("^"):
            body = _LINE_START + body[1:]
        if body.endswith("$") and not body.endswith(r"\$"):
            body = body[:-1]
        # non-ASCII characters travel as bytes; \xbf (end of a byte order mark) is an escape of the engine
        return f"{flag}{body}".encode()


@dataclass(frozen=True, slots=True)
class Scan:
    """End offsets by pattern index, ascending; `covered_from` is where the scanned part begins."""

    ends: tuple[Sequence[int], ...]
    covered_from: int = 0
    partial: bool = False

    def shifted(self, by: int) -> Scan:
        """The same hits counted in a text that has `by` more bytes before it."""
        return self if by == 0 else Scan(_shift(self.ends, by), self.covered_from + by, self.partial)


class Scanner(Protocol):
    def scan(self, text: bytes) -> Scan:
        """All hits in `text`. Safe to call from several threads."""
        ...


class HyperscanScanner:
    """The compiled rule set. `cache`: a folder for the database, or None. More than `cap` events end a scan."""

    def __init__(self, patterns: Sequence[Pattern], cache: Path | None = None, *, cap: int = EVENT_CAP) -> None:
        self._cap = cap
        self._keep = [p.keep for p in patterns]
        self._database = _database(tuple(p.scanned for p in patterns), cache)
        self._local = threading.local()

    def scan(self, text: bytes) -> Scan:
        try:
            return Scan(self._pass(text))
        except hyperscan.ScanTerminated:
            start = max(0, len(text) - TAIL)
            with contextlib.suppress(hyperscan.ScanTerminated):
                return Scan(_shift(self._pass(text[start:]), start), start, partial=True)
            return Scan(tuple(() for _ in self._keep), len(text), partial=True)

    def _pass(self, text: bytes) -> tuple[Sequence[int], ...]:
        kept: dict[int, deque[int]] = {}
        left = self._cap

        def on_match(index: int, _start: int, end: int, _flags: int, _context: object) -> bool | None:
            nonlocal left
            if index in kept:
                kept[index].append(end)
            else:
                kept[index] = deque((end,), self._keep[index])
            left -= 1
            return True if left < 0 else None

        self._database.scan(text, match_event_handler=on_match, scratch=self._scratch())
        return tuple(kept.get(index, ()) for index in range(len(self._keep)))

    def _scratch(self) -> Any:
        scratch = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = hyperscan.Scratch(self._database)
        return scratch


class TailScanner:
    """The fallback: stdlib `re`, one pass a pattern over the last 128 KB. Built-in rules only."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._patterns = [(re.compile(p.scanned, re.MULTILINE), p.keep) for p in patterns]

    def scan(self, text: bytes) -> Scan:
        start = max(0, len(text) - TAIL)
        tail = text[start:] if start else text
        found = tuple(deque((m.end() for m in regex.finditer(tail)), maxlen=keep) for regex, keep in self._patterns)
        return Scan(_shift(found, start), start, partial=start > 0)


def build_scanner(patterns: Sequence[Pattern], cache: Path | None = None) -> Scanner:
    """The fastest scanner that this machine can run."""
    return TailScanner(patterns) if hyperscan is None else HyperscanScanner(patterns, cache)


def _shift(found: tuple[Sequence[int], ...], by: int) -> tuple[Sequence[int], ...]:
    return tuple([end + by for end in ends] for ends in found)


_DATABASES: dict[str, Any] = {}
_LOCK = threading.Lock()


def _database(expressions: tuple[bytes, ...], cache: Path | None) -> Any:
    key = hashlib.sha256(b"\0".join(expressions)).hexdigest()
    with _LOCK:
        if key not in _DATABASES:
            _DATABASES[key] = _load_or_compile(expressions, key, cache)
        return _DATABASES[key]


def _load_or_compile(expressions: tuple[bytes, ...], key: str, cache: Path | None) -> Any:
    path = None if cache is None else cache / f"rules-{key[:32]}-{_machine()}.hsdb"
    if path is not None:
        # a file of another machine or version, or a broken one, is refused by the engine: then compile again
        with contextlib.suppress(OSError, hyperscan.error):
            return hyperscan.loadb(path.read_bytes(), hyperscan.HS_MODE_BLOCK)
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=list(expressions),
        ids=list(range(len(expressions))),
        elements=len(expressions),
        flags=[hyperscan.HS_FLAG_MULTILINE] * len(expressions),
    )
    if path is not None:
        _store(path, hyperscan.dumpb(database))
    return database


def _store(path: Path, blob: bytes) -> None:
    """A cache that cannot be written (read-only or full disk) costs time, never a verdict."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(blob)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)


def _machine() -> str:
    about = f"{hyperscan.__version__} {platform.system()} {platform.machine()}"
    with contextlib.suppress(OSError):
        flags = next((x for x in Path("/proc/cpuinfo").read_text().splitlines() if x.startswith("flags")), "")
        about += flags
    return hashlib.sha256(about.encode()).hexdigest()[:12]
