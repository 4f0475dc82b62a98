"""What a build log says: errors and warnings by kind, and what a person may try (behaviour 13).

Reads a bounded number of bounded lines with patterns of our own; nothing in a log is ever code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cicatrix.core.redact import redact_lines
from cicatrix.core.remedy.build_patterns import ERRORS, QUICK_FIXES, WARNINGS, Pattern, QuickFix

LONGEST_LINE = 2_000
"""Characters of a line that are looked at."""
MOST_LINES = 200_000
"""Lines that are looked at: the last ones, where a build says what it died of."""
MOST_FOUND = 100
ENDS, CRITICAL = 5, 10
"""Excerpts: so many first and last lines, so many lines with a critical or high error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildError:
    """One error or warning. All of its text is a stranger's, redacted."""

    type: str
    severity: str
    message: str
    code: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None
    suggestion: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildDiagnostics:
    """The seed's fields."""

    succeeded: bool | None
    took_ms: int | None
    errors: tuple[BuildError, ...] = ()
    warnings: tuple[BuildError, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    quick_fixes: tuple[QuickFix, ...] = ()
    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    critical: tuple[str, ...] = ()

    @property
    def categories(self) -> dict[str, int]:
        """Kind of error -> how many."""
        return dict(sorted(Counter(error.type for error in self.errors).items()))

    @property
    def recommendations(self) -> tuple[str, ...]:
        """What the errors suggest, each once, in the order of the log."""
        return tuple(dict.fromkeys(e.suggestion for e in (*self.errors, *self.warnings) if e.suggestion))

    def as_json(self) -> dict[str, Any]:
        return {
            "buildSucceeded": self.succeeded,
            "buildTime": self.took_ms,
            "errors": [_told(error) for error in self.errors],
            "warnings": [_told(warning) for warning in self.warnings],
            "environment": dict(self.environment),
            "categories": self.categories,
            "recommendations": list(self.recommendations),
            "quickFixes": [
                {"issue": fix.issue, "command": fix.command, "description": fix.about, "risk": fix.risk.value}
                for fix in self.quick_fixes
            ],
            "excerpts": {"first": list(self.first), "last": list(self.last), "critical": list(self.critical)},
        }


def diagnose_build(
    log: str,
    *,
    succeeded: bool | None,
    took_ms: int | None = None,
    environment: Mapping[str, str] | None = None,
    redact: Callable[[str], str] = redact_lines,
) -> BuildDiagnostics:
    """What the log holds. It is redacted as a whole before anything is taken out of it (RM-5)."""
    lines = [line[:LONGEST_LINE] for line in redact(log).splitlines()[-MOST_LINES:]]
    written = [line for line in lines if line.strip()]
    errors = tuple(_found(lines, ERRORS))
    return BuildDiagnostics(
        succeeded=succeeded,
        took_ms=took_ms,
        errors=errors,
        warnings=tuple(_found(lines, WARNINGS)),
        environment=dict(environment or {}),
        quick_fixes=_quick_fixes(errors),
        first=tuple(written[:ENDS]),
        last=tuple(written[ENDS:][-ENDS:]),
        critical=tuple(e.message for e in errors if e.severity in {"critical", "high"})[:CRITICAL],
    )


def _found(lines: Sequence[str], patterns: Sequence[Pattern]) -> Iterator[BuildError]:
    """The first pattern that knows a line names it; equal ones are told once."""
    seen: set[BuildError] = set()
    for line in lines:
        error = next((made for pattern in patterns if (made := _read(pattern, line))), None)
        if error is None or error in seen:
            continue
        seen.add(error)
        yield error
        if len(seen) == MOST_FOUND:
            return


def _read(pattern: Pattern, line: str) -> BuildError | None:
    if pattern.word not in line:  # a plain search, so that a regular expression sees few lines
        return None
    found = pattern.expression.search(line)
    if found is None:
        return None
    parts = found.groupdict()
    return BuildError(
        type=pattern.type,
        severity=pattern.severity,
        message=line.strip(),
        code=parts.get("code") or "",
        file=(parts.get("file") or "").strip(),
        line=_whole(parts.get("line")),
        column=_whole(parts.get("column")),
        suggestion=pattern.suggestion,
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text else None


def _quick_fixes(errors: Sequence[BuildError]) -> tuple[QuickFix, ...]:
    types = {error.type for error in errors}
    return tuple(fix for fix in QUICK_FIXES if fix.type in types)


def _told(error: BuildError) -> dict[str, Any]:
    told: dict[str, Any] = {"type": error.type, "severity": error.severity, "message": error.message}
    optional = (
        ("file", error.file),
        ("line", error.line),
        ("column", error.column),
        ("code", error.code),
        ("suggestion", error.suggestion),
    )
    return told | {name: value for name, value in optional if value}
