"""The line around an offset, without what the runner, the client or the terminal put before and into it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cicatrix.core.redact import redact

LINE_CAP = 16 * 1024
"""A line is looked at no further than this to either side of a hit."""
SHOWN = 400
_PIECE = 1024 * 1024
_CSI = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][A-B0-2]|\x1b\][^\x07\x1b\n]{0,200}(?:\x07|\x1b\\)")
_STAMP = rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z"
_GH_CLIENT = re.compile(rb"^(?:\xef\xbb\xbf)?([^\t\n]{1,200})\t([^\t\n]{1,200})\t(?=(?:\xef\xbb\xbf)?\d{4}-\d\d-\d\dT)")
_PREFIX = re.compile(rb"^(?:\xef\xbb\xbf)?(?:" + _STAMP + rb" ?|\[?\d\d:\d\d:\d\d(?:\.\d+)?\]? )?")
_MARK = re.compile(rb"^##\[(\w+)\]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_ECHO = re.compile(rb"^(?:##\[(?:group|endgroup|command|debug|section)\]|\[command\]|\+{1,3} |\$ )")
_WARNING = re.compile(rb"^(?:##\[warning\]|\[?(?i:warn(?:ing)?)\]?[: ])")
_RETRY = re.compile(
    rb"(?i)\b(?:retrying|will (?:be )?retr(?:y|ied)|will try again|retry in|back(?:ing)? off|"
    rb"attempt \d+ (?:of|/) ?\d+|\d+ (?:attempts?|retries|tries) (?:left|remaining))\b|\bRetry\(total="
)


def clean(text: bytes) -> bytes:
    """`text` as UTF-8 without terminal control sequences. Line feeds keep their number."""
    if text[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        text = text.decode("utf-16", "replace").encode()
    if b"\x1b" not in text:
        return text
    # piece by piece: one substitution over a whole log needs five times its size
    clear, start = bytearray(), 0
    while start < len(text):
        cut = text.find(b"\n", start + _PIECE)
        stop = len(text) if cut < 0 else cut + 1
        clear += _CSI.sub(b"", text[start:stop])
        start = stop
    return bytes(clear)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log. `text` is bare; `mark` is the runner's (`error`, ...), `gh_step` the gh client's column."""

    text: bytes
    mark: str | None
    stamp: datetime | None
    gh_step: str | None
    shown: bytes

    @property
    def echo(self) -> bool:
        """A command or script line that is shown, not run."""
        return _ECHO.match(self.text) is not None or self.mark in {"group", "command", "debug", "section", "endgroup"}

    @property
    def warning(self) -> bool:
        return self.mark == "warning" or _WARNING.match(self.text) is not None

    @property
    def retried(self) -> bool:
        """Says that it will be tried again: by itself it proves nothing."""
        return _RETRY.search(self.text) is not None


def line_at(text: bytes, end: int) -> Line:
    """The line that holds the byte before `end`; of a line with bare carriage returns the piece around it."""
    at = max(0, end - 1)
    start = text.rfind(b"\n", max(0, at - LINE_CAP), at) + 1
    if start == 0:
        start = max(0, at - LINE_CAP)
    stop = text.find(b"\n", at, at + LINE_CAP)
    if stop < 0:
        stop = min(len(text), at + LINE_CAP)
    whole = text[start:stop].rstrip(b"\r")
    gh_step, head = None, whole
    client = _GH_CLIENT.match(whole)
    if client:
        gh_step, head = client.group(2).decode("utf-8", "replace"), whole[client.end() :]
    prefix = _PREFIX.match(head)
    stamp, body = None, head
    if prefix:
        stamp, body = parse_stamp(prefix.group(1)), head[prefix.end() :]
    if b"\r" in body:
        body = _piece(body, at - start - (len(whole) - len(body)))
    mark = _MARK.match(body)
    name = mark.group(1).decode() if mark else None
    bare = body[mark.end() :] if mark else body
    return Line(text=bare, mark=name, stamp=stamp, gh_step=gh_step, shown=body)


def _piece(body: bytes, at: int) -> bytes:
    at = min(max(at, 0), len(body))
    start = body.rfind(b"\r", 0, at) + 1
    stop = body.find(b"\r", at)
    return body[start : stop if stop >= 0 else len(body)]


def parse_stamp(raw: bytes | None) -> datetime | None:
    """The runner's timestamp to the second, as GitHub gives the times of steps; None when it is none."""
    if raw is None:
        return None
    try:
        return datetime.strptime(raw.decode("ascii"), "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def line_numbers(text: bytes, ends: Iterable[int]) -> dict[int, int]:
    """For each of `ends` the number of the line that holds the byte before it, counted by line feeds from 1."""
    numbers, number, position = {}, 1, 0
    for end in sorted(ends):
        at = max(position, end - 1)
        number += text.count(b"\n", position, at)
        position = at
        numbers[end] = number
    return numbers


def shown(line: bytes) -> str:
    """A line of a stranger as it may be stored and shown: redacted, one line, no control characters, bounded."""
    # masked before it is cut: half a secret has no shape
    text = _CONTROL.sub("", line[:LINE_CAP].decode("utf-8", "replace")).replace("\t", " ")
    text = redact(text).strip()
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "\u2026"


def signature(text: bytes, end: int, lines: int = 6) -> str | None:
    """SHA-256 (32 hex digits) of the last `lines` lines up to `end` that say something, volatile tokens masked.

    A token with a digit, `/` or `#` is masked, so timestamps, ids, durations and paths do not matter. None for nothing.
    """
    found: list[bytes] = []
    position = end
    low = max(0, end - 64 * 1024)
    while position > low and len(found) < lines:
        line = line_at(text, position)
        position = text.rfind(b"\n", low, max(low, position - 1))
        words = line.text.split()
        if words and not line.echo and not line.text.startswith(b"Process completed with exit code"):
            found.append(b" ".join(_MASK if _VOLATILE.search(word) else word for word in words)[:400])
        if position < 0:
            break
    if not found:
        return None
    return hashlib.sha256(b"\n".join(reversed(found))).hexdigest()[:32]


_VOLATILE = re.compile(rb"[0-9/#]")
_MASK = b"*"
