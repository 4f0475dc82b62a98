"""A log file of any size, read with bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FILE_CAP = 32 * 1024 * 1024
"""Bytes of a file that are read: its end, where a job says what it died of."""
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Tail:
    text: bytes
    skipped_lines: int
    """Line feeds before `text`."""


def read_tail(path: Path, cap: int = FILE_CAP) -> Tail:
    """The last `cap` bytes of `path`, from a line's beginning on. Raises OSError when it cannot be read."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        skipped, left = 0, max(0, size - cap)
        while left and (chunk := file.read(min(_CHUNK, left))):
            skipped += chunk.count(b"\n")
            left -= len(chunk)
        text = file.read(cap)
    if size > cap and (cut := text.find(b"\n")) >= 0:
        return Tail(text[cut + 1 :], skipped + 1)
    return Tail(text, skipped)
