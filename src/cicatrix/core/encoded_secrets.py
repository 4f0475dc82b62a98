"""Secrets behind an encoding: base64 (RFC 4648) and the percent sign of URLs (RFC 3986, section 2.1).

Text is decoded wherever it looks encoded, all of it is searched at once, and what was found is told in the places of
the encoded text. Time stays linear: every byte is decoded at most once an encoding.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

Span = tuple[int, int]
Finder = Callable[[bytes], Iterable[Span]]

SHORTEST = 20
"""Characters of base64 that are worth decoding: fifteen bytes, a name with a short value."""

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_IN_RUN = bytes(0x61 if byte in _ALPHABET else 0x0A for byte in range(256))
_NEEDLE = b"a" * SHORTEST
_STANDARD = bytes.maketrans(b"-_", b"+/")
_NEXT_LINE = re.compile(
    rb"\n(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z[ \t]+){0,3}(?:#\d{1,4} [\d.]{1,12} )?[ \t>|]{0,16}"
)
"""What may stand between two lines of a block: timestamps, the numbers of a Docker build, indentation."""
_LAST_LINE = re.compile(_NEXT_LINE.pattern + rb"([A-Za-z0-9+/_\-]{2,%d})={0,2}(?=\n|$)" % (SHORTEST - 1))
_WRAPPED = 60
"""A line of base64 this long may be followed by a shorter last one of the same block (usual widths are 64 and 76)."""

_WORD = bytes(0x0A if byte in b" \t\n\"'`<>" else 0x61 for byte in range(256))
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


def encoded_spans(data: bytes, find: Finder) -> Iterator[Span]:
    """Places of encoded secrets. `find` names the places of secrets in plain text; it is asked at most twice."""
    yield from _in_base64(data, find)
    yield from _in_percent(data, find)


def _in_base64(data: bytes, find: Finder) -> Iterator[Span]:
    """Whole runs of base64 whose text holds a secret. Lines of a wrapped block are read as one text."""
    runs: list[Span] = []
    begins: list[int] = []
    plain = bytearray()
    for start, end in _runs(data):
        text = _text_of(data[start:end])
        if text is None:
            continue
        if runs and not _goes_on(data, runs[-1], start):
            plain += b"\n"
        begins.append(len(plain))
        runs.append((start, end))
        plain += text
    if not runs:
        return
    for first, last in find(bytes(plain)):
        for place in range(max(0, bisect_right(begins, first) - 1), bisect_left(begins, last)):
            yield runs[place]


def _runs(data: bytes) -> Iterator[Span]:
    looks = data.translate(_IN_RUN)
    at = looks.find(_NEEDLE)
    while at >= 0:
        end = looks.find(b"\n", at)
        end = len(looks) if end < 0 else end
        yield at, end
        if end - at >= _WRAPPED and (end - at) % 4 == 0 and (last := _LAST_LINE.match(data, end)):
            yield last.span(1)
            end = last.end(1)
        at = looks.find(_NEEDLE, end)


def _text_of(run: bytes) -> bytes | None:
    """The decoded run, or None when it is no text: hashes, names and paths decode to bytes that are none."""
    body = run.translate(_STANDARD)
    body = body[: len(body) - (len(body) % 4 == 1)]
    try:
        text = base64.b64decode(body + b"=" * (-len(body) % 4))
        if not text.isascii():
            text.decode("utf-8")
    except ValueError:  # no base64 after all, or no UTF-8
        return None
    return text


def _goes_on(data: bytes, before: Span, start: int) -> bool:
    """Whether the run at `start` is the next line of the same wrapped block."""
    if (before[1] - before[0]) % 4:
        return False
    between = _NEXT_LINE.match(data, before[1], start)
    return between is not None and between.end() == start


@dataclass(frozen=True, slots=True)
class _Word:
    """One word with percent escapes: where it stands, where its text begins, and where escapes stand in that text."""

    start: int
    begins: int
    escapes: tuple[int, ...]

    def raw(self, place: int) -> int:
        """The offset in the data of a place in the joined text."""
        own = place - self.begins
        return self.start + own + 2 * bisect_left(self.escapes, own)


def _in_percent(data: bytes, find: Finder) -> Iterator[Span]:
    """Exact places of secrets that show when the percent escapes of a word are undone."""
    if b"%" not in data:
        return
    words: list[_Word] = []
    plain = bytearray()
    for start, end in _words_with_escapes(data):
        escapes: list[int] = []
        text, done = bytearray(), start
        for escape in _ESCAPE.finditer(data, start, end):
            text += data[done : escape.start()]
            escapes.append(len(text))
            text.append(int(escape.group(1), 16))
            done = escape.end()
        if escapes:
            text += data[done:end]
            words.append(_Word(start, len(plain), tuple(escapes)))
            plain += text
            plain += b"\n"
    if not words:
        return
    begins = [word.begins for word in words]
    for first, last in find(bytes(plain)):
        head = words[bisect_right(begins, first) - 1]
        tail = words[bisect_right(begins, max(first, last - 1)) - 1]
        yield head.raw(first), tail.raw(last)


def _words_with_escapes(data: bytes) -> Iterator[Span]:
    looks = data.translate(_WORD)
    done, at = 0, data.find(b"%")
    while at >= 0:
        start = max(done, looks.rfind(b"\n", done, at) + 1)
        end = looks.find(b"\n", at)
        done = len(looks) if end < 0 else end
        yield start, done
        at = data.find(b"%", done)
