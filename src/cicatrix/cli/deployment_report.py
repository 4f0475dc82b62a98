"""What a verification asks for, and what it found: one line a check, glyph and word."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from . import state
from .errors import Code
from .screen import Format

GLYPHS = {"passed": "✓", "failed": "✗", "not shown": "○"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line says."""

    base_url: str
    owner: str
    repo: str
    pr_number: int
    run_id: int | None
    mode: str
    max_attempts: int
    token: str | None
    token_file: Path | None
    timeout: float
    interval: float
    as_json: bool
    output: Format | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    scenario: str
    name: str
    outcome: str
    """passed, failed or not shown."""
    detail: str = ""


@dataclass(slots=True)
class Report:
    """Every check as it falls; on a terminal each is a line at once."""

    quiet: bool
    checks: list[Check] = field(default_factory=list)
    refused: bool = False
    """The deployment does not accept who we are."""

    def add(self, scenario: str, name: str, outcome: str, detail: str = "") -> None:
        self.checks.append(Check(scenario=scenario, name=name, outcome=outcome, detail=detail))
        if not self.quiet:
            screen = state.screen
            line = f"{GLYPHS[outcome]} {outcome:<9} {scenario}: {name}{f' ({detail})' if detail else ''}"
            screen.line(screen.safe_spaced(line))

    def expect(self, scenario: str, name: str, fault: str | None, detail: str = "") -> bool:
        """One check: passed without a fault. Whether it passed."""
        self.add(scenario, name, "failed" if fault else "passed", fault or detail)
        return fault is None

    def count(self, outcome: str) -> int:
        return sum(1 for check in self.checks if check.outcome == outcome)

    @property
    def code(self) -> Code:
        if self.refused:
            return Code.AUTHENTICATION
        if self.count("failed"):
            return Code.ERROR
        return Code.PENDING if self.count("not shown") else Code.DONE


def as_json(asked: Asked, url: str, report: Report) -> dict[str, object]:
    """The report as one JSON object."""
    return {
        "ok": report.code is Code.DONE,
        "exitCode": int(report.code),
        "baseUrl": url,
        "target": f"{asked.owner}/{asked.repo}#{asked.pr_number}",
        "passed": report.count("passed"),
        "failed": report.count("failed"),
        "notShown": report.count("not shown"),
        "checks": [
            {"scenario": c.scenario, "name": c.name, "outcome": c.outcome, "detail": c.detail} for c in report.checks
        ],
    }


def end(report: Report) -> Code:
    """The last sentence on standard error, and the exit code."""
    screen = state.screen
    passed = f"{report.count('passed')} of {len(report.checks)} checks passed"
    failed = [check for check in report.checks if check.outcome == "failed"]
    if failed:
        following = "docs/verify-deployment.md says what each check looks at; `cicatrix doctor` checks the set-up."
        if report.refused:
            following = "Give a credential with role operator for this repository, and check the allowlist."
        first = f"{failed[0].scenario}: {failed[0].name}: {failed[0].detail}."
        screen.fail(f"The deployment is not verified: {passed}.", first, following)
    elif report.code is Code.PENDING:
        screen.say(f"{passed}, none failed; the bound was not shown")
    else:
        screen.say(f"verified: {passed}")
    return report.code
