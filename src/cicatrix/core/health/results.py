"""Results of one check, made one way: measured, unknown, or unable to run because of what failed before it."""

from __future__ import annotations

from dataclasses import replace

from cicatrix.core.health.model import Check, CheckResult, CheckState, Counts, Finding
from cicatrix.core.health.score import points, rounded, state_of

MOST_FINDINGS = 50
"""Findings that a result keeps; its counts hold all of them."""


def measured(
    check: Check, counts: Counts, *, findings: tuple[Finding, ...] = (), failed: bool = False, why: str = ""
) -> CheckResult:
    """A check whose report was read. `failed` is for a check whose failure no count tells, such as an exit code."""
    state = CheckState.FAIL if failed else state_of(check.component, counts)
    return CheckResult(
        name=check.name,
        component=check.component,
        state=state,
        score=rounded(points(check.component, state, counts)),
        weight=check.weight,
        blocking=check.blocking,
        counts=counts,
        findings=findings[:MOST_FINDINGS],
        why=why,
    )


def unknown(check: Check, why: str, *, outside: bool = False) -> CheckResult:
    """A check that was asked for and not measured. `outside`: for a reason outside the repository (GK-0)."""
    return CheckResult(
        name=check.name,
        component=check.component,
        state=CheckState.UNKNOWN,
        score=None,
        weight=check.weight,
        blocking=check.blocking,
        why=why,
        outside=outside,
    )


def broken(result: CheckResult, cause: str) -> CheckResult:
    """The same check counted as failed whole, because `cause`, a measured check, failed before it (GK-0)."""
    return replace(
        result,
        state=CheckState.FAIL,
        score=0,
        counts=Counts(),
        outside=False,
        why=f"could not run: {cause} failed before it",
    )
