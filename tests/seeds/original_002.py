"""Seed 002's own ways (behaviour 12 to 19), written from their description with their faults, to compare with.

Git is really run; nothing of the product is used and nothing of this is used by the product.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.core import health_original
from tests.git.repositories import git

ROLLBACK_BELOW = 30

# --- rollback


def wants_rollback(health: float, *, can_proceed: bool) -> bool:
    """No cause is asked for: two numbers decide."""
    return health < ROLLBACK_BELOW and not can_proceed


def emergency_rollback(checkout: Path) -> int:
    """Saves what is not committed, then undoes the newest commit; the exit code of the undoing."""
    if git(checkout, "status", "--porcelain").stdout:
        git(checkout, "add", "--all")
        git(checkout, "commit", "--quiet", "-m", "Save the work before the rollback")
    return git(checkout, "revert", "--no-edit", "HEAD", ok=False).returncode


def push(checkout: Path) -> int:
    """As in CI: with a lease that names no expected commit, so that the last fetch is what it expects."""
    return git(checkout, "push", "--quiet", "--force-with-lease", "origin", "HEAD", ok=False).returncode


# --- the gatekeeper


def lint_errors(report: str) -> int:
    """Counts what it finds; a report that cannot be read holds nothing, so it is a clean one."""
    return len(re.findall(r'"code"', report))


def lint_in_report_mode(errors: int, warnings: int) -> float:
    """Other constants than where it mends, so that one commit has two scores."""
    return 100 if errors == 0 else max(0, 100 - 10 * errors - 0.5 * warnings)


@dataclass(slots=True)
class Gatekeeper:
    """Blockers are added and never taken away again."""

    blockers: list[str] = field(default_factory=list)

    def build(self, *, ok: bool, after_diagnostics: bool) -> float:
        if ok:
            return health_original.build(ok=True)
        self.blockers.append("build failed")
        return 85 if after_diagnostics else 0

    @property
    def can_proceed(self) -> bool:
        return not self.blockers


# --- remediation and dispatch


def packages_to_raise(audit: Mapping[str, Any]) -> list[str]:
    """Reads the name from a field of npm 6; where there is none, JavaScript puts the word undefined into the text."""
    return [f"{one.get('module_name', 'undefined')}@0.1.0" for one in audit["vulnerabilities"].values()]


def expanded(script: str, payload: Mapping[str, str]) -> str:
    """What GitHub makes of expressions in a script: their values stand in its text before a shell reads it."""
    wanted = re.compile(r"\$\{\{ github\.event\.client_payload\.(\w+) \}\}")
    return wanted.sub(lambda found: payload[found[1]], script)


# --- validation


def effectiveness(confidence: int, *, lint: bool, security: bool, build: bool, ready: bool) -> int:
    """The seed's sum as its text has it: without an upper end."""
    return confidence + 5 * lint + 10 * security + 15 * build + 20 * ready


def number_in(page: str, name: str) -> str:
    """Each number behind that word, one a line, as a search through the lines of a page prints them."""
    return "\n".join(re.findall(rf"{name}\W*(\d+)", page))


def is_ready(page: str) -> bool:
    """Looks for plain words, which the page has in bold."""
    return "CI Ready: YES" in page


def output(name: str, value: str) -> str:
    """One line of the step's output file, whatever the value holds."""
    return f"{name}={value}\n"


# --- its integration test


def check_passes(text: str, words: Sequence[str]) -> bool:
    """A file is right that holds certain words."""
    return all(word in text for word in words)
