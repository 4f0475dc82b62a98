"""From a failed job and its log to a verdict: facts first, then one scan, then the pure judgement of the core."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cicatrix.core.facts import Job, JobLog
from cicatrix.core.redact import redact as redact_shapes
from cicatrix.core.triage import Excerpt
from cicatrix.core.verdict import RETRYABLE, Hit, Signals, Strength, Verdict, judge
from cicatrix.diagnosis.excerpt import Redact, excerpt
from cicatrix.diagnosis.facts import lost_step, settle
from cicatrix.diagnosis.files import read_tail
from cicatrix.diagnosis.frame import REACH, Frame, Offsets, Region, frame, step_window
from cicatrix.diagnosis.lines import Line, clean, line_at, line_numbers, shown, signature
from cicatrix.diagnosis.marks import MARKS, Mark
from cicatrix.diagnosis.rule import Rule, ruleset_hash
from cicatrix.diagnosis.rules import BUILTIN
from cicatrix.diagnosis.scanner import Pattern, Scan, Scanner, build_scanner
from cicatrix.diagnosis.transfers import transfer_around


@dataclass(frozen=True, slots=True)
class Reading:
    """One pattern of a rule, ready to be asked about a line."""

    rule: Rule
    match: re.Pattern[bytes]
    unless: tuple[re.Pattern[bytes], ...]

    @staticmethod
    def of(rules: tuple[Rule, ...]) -> tuple[Reading, ...]:
        return tuple(
            Reading(rule, re.compile(text.encode()), tuple(re.compile(u.encode()) for u in rule.unless))
            for rule in rules
            for text in rule.match
        )

    def accepts(self, line: Line) -> bool:
        """True when the rule speaks on `line` and nothing about the line takes its words back."""
        if self.match.search(line.text) is None or line.echo or line.retried:
            return False
        if line.warning and not self.rule.warnings:
            return False
        if self.rule.error_line and line.mark != "error":
            return False
        return not any(pattern.search(line.shown) for pattern in self.unless)


_RULES = Reading.of(BUILTIN)
_RULESET_HASH = ruleset_hash(BUILTIN)
PATTERNS = (*(pattern for _, pattern in MARKS), *(Pattern(c.match.pattern.decode()) for c in _RULES))


class Diagnoser:
    """Reads failed jobs. Thread-safe; after the first one in a process, making another costs nothing.

    `cache` is a folder for the reading rule set (saves about 0.2 s a process); None keeps it in memory.
    `scanner` replaces the engine, for machines without hyperscan and for tests of that fallback.
    """

    ruleset_hash: str
    """SHA-256 in hex of the rule set; part of every verdict."""

    def __init__(self, *, cache: Path | None = None, scanner: Scanner | None = None) -> None:
        self.ruleset_hash = _RULESET_HASH
        self._scanner = scanner or build_scanner(PATTERNS, cache)

    def from_facts(self, job: Job, run_conclusion: str | None = None) -> Verdict | None:
        """The verdict when the job object settles it without a log, else None."""
        fact = settle(job, run_conclusion)
        if fact is None:
            return None
        step = lost_step(job)
        # what failed is part of the signature; where a lost runner happened to be is not
        failed = job.failed_step.name if job.failed_step else ""
        mark = hashlib.sha256(f"fact\n{fact.rule}\n{failed}".encode()).hexdigest()[:32]
        return judge(
            Signals(fact=fact, step=None if step is None else step.name, signature=mark, ruleset_hash=self.ruleset_hash)
        )

    def diagnose(self, job: Job, log: JobLog, run_conclusion: str | None = None) -> Verdict:
        """The verdict on `job`: by facts, else by the part of `log` that its failed step printed."""
        settled = self.from_facts(job, run_conclusion)
        if settled is not None:
            return settled
        step = lost_step(job)
        if log.missing is not None:
            signals = Signals(
                missing=log.missing, step=None if step is None else step.name, ruleset_hash=self.ruleset_hash
            )
            return judge(signals)
        return judge(self._read(log.text, job, truncated=log.truncated))

    def diagnose_text(self, text: bytes, *, truncated: bool = False, skipped_lines: int = 0) -> Verdict:
        """The verdict on a local log without a job. `skipped_lines`: line feeds before `text` that were left out."""
        return judge(self._read(text, None, truncated=truncated, skipped_lines=skipped_lines))

    def diagnose_file(self, path: Path) -> Verdict:
        """The verdict on a local log of any size: its last 32 MB are read, line numbers count from its beginning.

        Raises OSError when `path` cannot be read.
        """
        tail = read_tail(path)
        return self.diagnose_text(tail.text, truncated=tail.skipped_lines > 0, skipped_lines=tail.skipped_lines)

    def with_excerpts(self, max_bytes: int, redact: Redact = redact_shapes) -> ExcerptingDiagnoser:
        """The same diagnoser, which also keeps an excerpt of each log that it reads, of `max_bytes` at most.

        `redact` masks what is known to be secret here, before anything is cut.
        """
        return ExcerptingDiagnoser(self._scanner, max_bytes, redact)

    def _read(self, raw: bytes, job: Job | None, *, truncated: bool, skipped_lines: int = 0) -> Signals:
        return self._signals(self._look(clean(raw), job), job, truncated=truncated, skipped_lines=skipped_lines)

    def _look(self, text: bytes, job: Job | None) -> _Look:
        window = step_window(text, job)
        start, stop = window or (0, len(text))
        # nothing outside the failed step is scanned: what other steps print cannot push its last words out
        scan = self._scanner.scan(text[start:stop] if window else text).shifted(start)
        marks = _marks(scan)
        return _Look(text, scan, marks, frame(text, marks, job, window, scan.covered_from))

    def _signals(self, look: _Look, job: Job | None, *, truncated: bool, skipped_lines: int = 0) -> Signals:
        text, scan, where = look.text, look.scan, look.where
        found = [
            hit
            for ends, reading in zip(scan.ends[len(MARKS) :], _RULES, strict=True)
            if ends and reading.rule.in_step(where.step) and (hit := _last_hit(text, reading, ends, where)) is not None
        ]
        return Signals(
            hits=_hits(text, found, skipped_lines),
            step=where.step,
            step_kind=where.kind,
            missing=None if text.strip() else "empty",
            succeeded=job is None and _succeeded(look.marks),
            signature=signature(text, where.anchor or len(text)),
            truncated=truncated or scan.partial,
            ruleset_hash=self.ruleset_hash,
        )


class ExcerptingDiagnoser(Diagnoser):
    """Gives the verdicts of `Diagnoser` and keeps, per job id, the lines round what each log died of. Thread-safe.

    Made by `Diagnoser.with_excerpts`, for one walk: it holds the excerpts of every job that it was asked about.
    """

    def __init__(self, scanner: Scanner, max_bytes: int, redact: Redact) -> None:
        super().__init__(scanner=scanner)
        self._max_bytes, self._redact = max_bytes, redact
        self._kept: dict[str, Excerpt] = {}

    def excerpt(self, job_id: str) -> Excerpt | None:
        """The lines kept for a job; None when its log was not read: facts settled it, or there was none."""
        return self._kept.get(job_id)

    def diagnose(self, job: Job, log: JobLog, run_conclusion: str | None = None) -> Verdict:
        settled = self.from_facts(job, run_conclusion)
        if settled is not None or log.missing is not None:
            return settled or super().diagnose(job, log, run_conclusion)
        look = self._look(clean(log.text), job)
        verdict = judge(self._signals(look, job, truncated=log.truncated))
        found = excerpt(look.text, look.where, verdict.line_number, self._max_bytes, self._redact)
        if found is not None:
            self._kept[job.id] = replace(found, truncated=found.truncated or log.truncated)
        return verdict


@dataclass(frozen=True, slots=True)
class _Look:
    """A log, what was found in it, and the part of it that the failed step printed."""

    text: bytes
    scan: Scan
    marks: Offsets
    where: Frame


def _marks(scan: Scan) -> Offsets:
    found: Offsets = {mark: [] for mark in Mark}
    for (mark, _), ends in zip(MARKS, scan.ends, strict=False):
        found[mark].extend(ends)
    return {mark: sorted(ends) for mark, ends in found.items()}


def _succeeded(marks: Offsets) -> bool:
    good = max(marks[Mark.SUCCEEDED], default=-1)
    return good > max([*marks[Mark.FAILED], *marks[Mark.ERROR]], default=-1)


@dataclass(frozen=True, slots=True)
class _Found:
    """A rule's last hit in the failed step that is not noise."""

    rule: Rule
    end: int
    line: Line
    region: Region


def _last_hit(text: bytes, reading: Reading, ends: Sequence[int], where: Frame) -> _Found | None:
    for end in reversed(ends):
        region = where.region(end)
        if region is None or _echoed(text, end):
            continue
        line = line_at(text, end)
        if where.holds(line) and reading.accepts(line):
            return _Found(reading.rule, end, line, region)
    return None


def _hits(text: bytes, found: list[_Found], skipped_lines: int) -> tuple[Hit, ...]:
    """`found` in the order of the log, with line numbers: of the whole file, also when its beginning was left out."""
    numbers = line_numbers(text, {*(one.end for one in found), *(one.region.anchor for one in found)})
    hits = []
    for one in sorted(found, key=lambda one: (one.end, one.rule.id)):
        rule, number = one.rule, numbers[one.end]
        distance = max(0, numbers[one.region.anchor] - number)
        acts = rule.strength is Strength.STRONG and rule.failure_class in RETRYABLE
        hits.append(
            Hit(
                rule=rule.id,
                failure_class=rule.failure_class,
                strength=rule.strength,
                suspected=rule.suspected,
                line_number=number + skipped_lines,
                line=shown(one.line.shown),
                near_end=distance <= rule.near_end,
                distance=distance,
                rank=rule.rank,
                supported=acts and transfer_around(text, one.end),
            )
        )
    return tuple(hits)


def _echoed(text: bytes, end: int) -> bool:
    """True inside a step's announcement, where the runner shows the script and its environment."""
    low = max(0, end - REACH)
    opened = text.rfind(b"##[group]Run ", low, end)
    return opened >= 0 and text.rfind(b"##[endgroup]", opened, end) < 0
