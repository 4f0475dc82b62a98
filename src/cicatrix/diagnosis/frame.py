"""Which part of a log belongs to the step that failed, and where in it the step died."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from cicatrix.core.facts import Job
from cicatrix.core.verdict import StepKind
from cicatrix.diagnosis.facts import lost_step
from cicatrix.diagnosis.lines import Line, line_at
from cicatrix.diagnosis.marks import Mark
from cicatrix.diagnosis.steps import step_kind

REACH = 64 * 1024
"""Bytes before the end of a step within which distances are counted; farther is far."""
_PROBE = 64 * 1024

Offsets = dict[Mark, list[int]]


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of the log in which the failed step speaks; `anchor` is the offset of its last words."""

    start: int
    stop: int
    anchor: int


@dataclass(frozen=True, slots=True)
class Frame:
    regions: tuple[Region, ...]
    step: str | None = None
    kind: StepKind | None = None
    gh_step: str | None = None
    """The step's name as the gh client prints it in its second column, when the job names it."""

    def region(self, end: int) -> Region | None:
        after = bisect_left(self.regions, end, key=lambda region: region.start)
        last = self.regions[after - 1] if after else None
        return last if last is not None and end <= last.stop else None

    @property
    def anchor(self) -> int:
        return self.regions[-1].anchor if self.regions else 0

    def holds(self, line: Line) -> bool:
        """False when the gh client says that the line belongs to another step."""
        return self.gh_step is None or line.gh_step in {None, self.gh_step, "UNKNOWN STEP"}


def frame(text: bytes, marks: Offsets, job: Job | None, window: tuple[int, int] | None, begins: int = 0) -> Frame:
    """The failed step's part of `text`: its `window` by the clock, else what the log's own marks say.

    `begins` is the offset from which `marks` are known.
    """
    step = None if job is None else lost_step(job)
    limit = _post(marks, len(text))
    if step is None:
        return _by_marks(text, marks, begins, limit)
    kind = step_kind(step.name)
    if window is None:
        own = _by_marks(text, marks, begins, limit)
        return Frame(own.regions, step.name, kind, step.name)
    start, stop = _own_start(text, window[0], marks), window[1]
    anchor = max((e for e in marks[Mark.ERROR] if start < e <= stop), default=stop)
    return Frame((Region(start, stop, _line_end(text, anchor)),), step.name, kind, step.name)


def _post(marks: Offsets, size: int) -> int:
    """Where cleaning up begins: post steps are ignored, unless nothing but them reported an error."""
    first = min(marks[Mark.POST], default=size)
    return first if not marks[Mark.ERROR] or min(marks[Mark.ERROR]) <= first else size


def _by_marks(text: bytes, marks: Offsets, begins: int, limit: int) -> Frame:
    errors = [e for e in marks[Mark.ERROR] if e <= limit]
    if errors:
        return _by_groups(text, marks, errors, begins, limit)
    if marks[Mark.STEP]:
        return Frame(())  # GitHub's form, and the runner reported no error
    ends = [e for e in marks[Mark.FAILED] if e <= limit]
    anchor = _line_end(text, max(ends)) if ends else _last_words(text)
    line = line_at(text, anchor)
    gh_step = line.gh_step
    return Frame((Region(begins, len(text), anchor),), gh_step, step_kind(gh_step))


def _by_groups(text: bytes, marks: Offsets, errors: Sequence[int], begins: int, limit: int) -> Frame:
    borders = sorted({begins, *(s for s in marks[Mark.STEP] if s <= limit), limit})
    regions: list[Region] = []
    for start, stop in pairwise(borders):
        last = bisect_left(errors, stop + 1)
        if last and errors[last - 1] > start:
            regions.append(Region(start, stop, _line_end(text, errors[last - 1])))
    if not regions:
        return Frame(())
    first = regions[0].start
    if first in marks[Mark.STEP]:
        line = line_at(text, first)
        name = line.gh_step or line.text.decode("utf-8", "replace")[:200]
        return Frame(tuple(regions), name, step_kind(name))
    own = line_at(text, regions[0].anchor).gh_step
    if own is None and marks[Mark.SETUP] and min(marks[Mark.SETUP]) < 4096:
        return Frame(tuple(regions), "Set up job", StepKind.SETUP)
    return Frame(tuple(regions), own, step_kind(own))


def _line_end(text: bytes, end: int) -> int:
    stop = text.find(b"\n", end, end + REACH)
    return stop if stop >= 0 else min(len(text), end + REACH)


def _last_words(text: bytes) -> int:
    return len(text.rstrip()) if len(text) < REACH else len(text) - REACH + len(text[-REACH:].rstrip())


def _own_start(text: bytes, start: int, marks: Offsets) -> int:
    """Past the lines that the step before printed in the same second: GitHub gives no finer times."""
    error, second = min(marks[Mark.ERROR], default=len(text)), line_at(text, start + 1).stamp
    own = max((s for s in marks[Mark.STEP] if s < error and line_at(text, s).stamp == second), default=start)
    return text.rfind(b"\n", start, own) + 1 or start


def step_window(text: bytes, job: Job | None) -> tuple[int, int] | None:
    """Byte range of the lines printed while the failed step of `job` ran, by binary search over the timestamps.

    None when the job names no such step, GitHub gave no times, or the lines bear none.
    """
    step = None if job is None else lost_step(job)
    if step is None or step.started_at is None or _stamp_after(text, 0) is None:
        return None
    start = _first_at(text, step.started_at.replace(microsecond=0))
    stop = len(text)
    if step.completed_at is not None:
        # GitHub gives times of steps in whole seconds: lines of the last second still belong to the step
        stop = _first_at(text, step.completed_at.replace(microsecond=0) + timedelta(seconds=1))
    return (start, stop) if start < stop else None


def _first_at(text: bytes, moment: datetime) -> int:
    """The first line start whose timestamp is not before `moment`."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high) // 2
        found = _stamp_after(text, middle)
        if found is None or found[1] >= moment:
            high = middle
        else:
            low = max(found[0] + 1, middle + 1)
    found = _stamp_after(text, low)
    return len(text) if found is None else found[0]


def _stamp_after(text: bytes, offset: int) -> tuple[int, datetime] | None:
    """The first timestamped line that begins at or after `offset`: its start and its time."""
    position = offset if offset == 0 else text.find(b"\n", max(0, offset - 1), offset + _PROBE) + 1
    for _ in range(64):
        if position <= 0 < offset or position >= len(text):
            return None
        line = line_at(text, position + 1)
        if line.stamp is not None:
            return position, line.stamp
        position = text.find(b"\n", position, position + _PROBE) + 1
        if position == 0:
            return None
    return None
