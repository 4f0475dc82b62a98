"""The one line that says what happened, and a hash that is equal for equal excerpts of different runs."""

from __future__ import annotations

import hashlib
import re

SIGNAL_LENGTH = 200
"""Characters of a primary signal at most (the seed's)."""

_SIGNAL = re.compile(r"(?i:error:|failed:|failure:|exception:)|[\u2716\u2717\u2718\u274c\u00d7]|FAIL|ERROR")

_VOLATILE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"(?<!\d)\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?!\d)"), "<time>"),
    (re.compile(r"0x[0-9a-fA-F]{1,32}"), "<address>"),
    (re.compile(r"(?i)\bline \d{1,9}"), "line <n>"),
    (re.compile(r"(?<=[A-Za-z0-9_)\]]):\d{1,9}(?::\d{1,9})?(?![\d.])"), ":<n>"),
    (re.compile(r"(?<=[A-Za-z0-9_])\(\d{1,9}(?:,\d{1,9})?\)"), "(<n>)"),
)


def primary_signal(excerpt: str) -> str:
    """The first line of the excerpt that says error, failed, failure or exception, or bears a cross; "" for none."""
    for line in excerpt.splitlines():
        if _SIGNAL.search(line):
            return cut(line)
    return ""


def cut(line: str) -> str:
    """One line of at most 200 characters."""
    text = " ".join(line.split())
    return text if len(text) <= SIGNAL_LENGTH else text[: SIGNAL_LENGTH - 1] + "\u2026"


def normalised(text: str) -> str:
    """The text without what differs between two runs: times, line numbers, addresses, CRLF, tabs."""
    text = text.replace("\r\n", "\n").replace("\t", " ")
    for pattern, mark in _VOLATILE:
        text = pattern.sub(mark, text)
    return text.strip()


def excerpt_hash(text: str) -> str:
    """First 16 hex digits of the SHA-256 over the normalised text. Hash what is redacted, never the raw log."""
    return hashlib.sha256(normalised(text).encode("utf-8", "replace")).hexdigest()[:16]
