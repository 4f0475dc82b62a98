"""The lines of a log that a person wants to see: round the last error of the step that failed, redacted."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from cicatrix.core.redact import redact as redact_shapes
from cicatrix.core.redact import redact_lines
from cicatrix.core.triage import Excerpt
from cicatrix.diagnosis.frame import Frame
from cicatrix.diagnosis.lines import line_at

Redact = Callable[[str], str]

BEFORE, AFTER = 100, 20
"""Lines shown before and after the last error: rules count a hit as last words within 80 lines."""
BESIDE = 2
"""Lines shown before and after an evidence line that stands farther away."""
LINE = 1_000
"""Characters of one line at most."""
GAP = "[...]"

_MARGIN = 96 * 1024
"""Bytes before a stretch that are redacted with it: a private key may begin before the first line that is shown."""
_REACH = 256 * 1024
"""Bytes looked at to either side of the error at most."""


def excerpt(
    text: bytes, where: Frame, evidence_line: int | None, max_bytes: int, redact: Redact = redact_shapes
) -> Excerpt | None:
    """The lines round the last error of the failed step, and round the evidence line when it stands before them.

    At most `max_bytes` of UTF-8; the error's own line is the last to go. Secrets are masked before anything is cut.
    None for a log without a word in it. `evidence_line` counts line feeds from 1. `redact` masks what is known to be
    secret here, line by line.
    """
    if not text.strip():
        return None
    anchor, low, high = _place(text, where)
    first = _back(text, anchor, BEFORE, max(low, anchor - _REACH))
    last = _forth(text, anchor, AFTER, min(high, anchor + _REACH))
    before = _shown(text, first, anchor, redact)
    after = _shown(text, anchor, last, redact)[1:] if last > anchor else []
    while before and not before[-1]:
        before.pop()
    lead = _lead(text, evidence_line, low, first, redact)
    return _fitted(lead, before, after, max_bytes)


def _place(text: bytes, where: Frame) -> tuple[int, int, int]:
    """The end of the last error's line, and the bounds of the step that it belongs to."""
    if where.regions:
        region = where.regions[-1]
        return min(region.anchor, len(text)), region.start, max(region.stop, region.anchor)
    return len(text.rstrip()), 0, len(text)


def _back(text: bytes, end: int, lines: int, low: int) -> int:
    """Where the line begins that stands `lines` lines before the one that ends at `end`."""
    at = end
    for _ in range(lines + 1):
        found = text.rfind(b"\n", low, at)
        if found < 0:
            return low
        at = found
    return at + 1


def _forth(text: bytes, at: int, lines: int, high: int) -> int:
    end = at
    for _ in range(lines):
        found = text.find(b"\n", end + 1, high)
        if found < 0:
            return high
        end = found
    return end


def _shown(text: bytes, start: int, stop: int, redact: Redact) -> list[str]:
    """The lines of a stretch: redacted together with what stands before them, without the runner's timestamps."""
    margin = max(0, start - _MARGIN)
    lines = redact_lines(text[margin:stop].decode("utf-8", "replace")).split("\n")
    return [_bare(redact(line)) for line in lines[text.count(b"\n", margin, start) :]]


def _bare(line: str) -> str:
    raw = line.encode("utf-8", "replace")
    # redaction took the carriage returns with it, so this only drops the timestamp and the gh client's columns
    shown = line_at(raw[: 16 * LINE], min(len(raw), 16 * LINE)).shown.decode("utf-8", "replace").rstrip()
    return shown if len(shown) <= LINE else shown[: LINE - 1] + "\u2026"


def _lead(text: bytes, evidence_line: int | None, low: int, first: int, redact: Redact) -> list[str]:
    """The evidence line with its neighbours, when the stretch round the error does not hold it."""
    if evidence_line is None:
        return []
    starts = _line_starts(text, first)
    at = evidence_line - 1
    if not 0 <= at < len(starts) or not low <= starts[at] < first:
        return []
    begin = max(at - BESIDE, bisect_left(starts, low))
    end = at + BESIDE + 1
    stop = starts[end] - 1 if end < len(starts) else first - 1
    lines = _shown(text, starts[begin], max(starts[at], stop), redact)
    return [*lines, GAP] if end < len(starts) else lines


def _line_starts(text: bytes, stop: int) -> list[int]:
    starts, at = [0], text.find(b"\n", 0, stop)
    while at >= 0:
        starts.append(at + 1)
        at = text.find(b"\n", at + 1, stop)
    return starts if starts[-1] < stop or stop == 0 else starts[:-1]


def _fitted(lead: list[str], before: list[str], after: list[str], max_bytes: int) -> Excerpt:
    """As many lines as fit: the error's line first, then those round the evidence, then alternately outwards."""
    middle = before[-1] if before else ""
    room = max_bytes - _size(middle)
    if room < 0:
        return Excerpt(text=middle.encode()[:max_bytes].decode("utf-8", "ignore"), truncated=True)
    wanted = sum(_size(line) + 1 for line in lead)
    kept_lead = lead if wanted <= room // 2 else []
    room -= sum(_size(line) + 1 for line in kept_lead)
    above, room = _taken(list(reversed(before[:-1])), room - min(room // 4, sum(_size(x) + 1 for x in after)), room)
    below, room = _taken(after, room, room)
    lines = [*kept_lead, *reversed(above), middle, *below]
    left_out = len(above) < len(before) - 1 or len(below) < len(after) or len(kept_lead) < len(lead)
    return Excerpt(text="\n".join(lines).strip("\n"), truncated=left_out)


def _taken(lines: list[str], budget: int, room: int) -> tuple[list[str], int]:
    taken: list[str] = []
    for line in lines:
        cost = _size(line) + 1
        if cost > budget:
            break
        taken.append(line)
        budget, room = budget - cost, room - cost
    return taken, room


def _size(line: str) -> int:
    return len(line.encode("utf-8", "replace"))
