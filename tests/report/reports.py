"""Reports for the tests: a measurement, what was done about it, and every foreign text in a place of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cicatrix.core.health.model import (
    Band,
    CheckResult,
    CheckState,
    Component,
    ComponentScore,
    Counts,
    Finding,
    Gate,
    Measurement,
)
from cicatrix.core.operations import OperationState
from cicatrix.core.report.inputs import (
    Attempt,
    Fix,
    Redispatch,
    Refusal,
    Remediation,
    ReportInputs,
    RollbackTold,
    Write,
)
from cicatrix.core.rollback.plan import RollbackStatus

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SHA, FIXED = "a" * 40, "b" * 40


def measured(
    sha: str = SHA,
    *,
    scores: dict[Component, int] | None = None,
    health: int | None = 95,
    text: str = "",
    **fields: Any,
) -> Measurement:
    found = scores or dict.fromkeys(Component, 95)
    finding = Finding(message=text or "x is unused", rule=text or "F401", severity=text or "warning", path=text, line=3)
    results = tuple(
        CheckResult(
            name=f"{part.value} check",
            component=part,
            state=CheckState.PASS,
            score=score,
            counts=Counts(warnings=1, high=2),
            findings=(finding,),
        )
        for part, score in found.items()
    )
    made: dict[str, Any] = {
        "sha": sha,
        "taken_at": NOW,
        "set_hash": "c" * 64,
        "results": results,
        "components": tuple(
            ComponentScore(component=part, state=CheckState.PASS, score=score, details=text)
            for part, score in found.items()
        ),
        "confidence": health,
        "health": health,
        "blockers": (text,) if text else (),
        "warnings": (text,) if text else (),
        "ready": True if health is not None else None,
        "gate": Gate.PASS if health is not None else Gate.HOLD,
        "band": Band.HEALTHY if health is not None else Band.UNKNOWN,
        "duration_ms": 1234,
        "tools": {"ruff": text or "0.17"},
    }
    return Measurement(**{**made, **fields})


def given(**fields: Any) -> ReportInputs:
    made: dict[str, Any] = {
        "generated": NOW,
        "repository": "acme/shop",
        "ref": "refs/heads/main",
        "request_id": "r-1",
        "lawbook_hash": "d" * 64,
        "environment": "staging",
        "measurement": measured(),
        "rollback": RollbackTold(status=RollbackStatus.HEALTHY),
        "exit_code": 0,
    }
    return ReportInputs(**{**made, **fields})


def write(state: OperationState = OperationState.CONFIRMED, **fields: Any) -> Write:
    return Write(
        **{"operation": "op-1", "verb": "create-pull", "state": state, "index": 41, "pull_request": 7, **fields}
    )


def full(text: str = "", **fields: Any) -> ReportInputs:
    """Everything filled in; `text` stands wherever strangers may have written something."""
    fix = Fix(remedy="python.ruff-fix", about=text or "ruff check --fix", files=2, lines=9)
    attempts = (
        Attempt(
            credential="GITHUB_TOKEN",
            state=OperationState.REFUSED,
            status=403,
            reason="permission_missing",
            answer=text or "Resource not accessible by integration",
            operation="op-2",
            index=42,
        ),
        Attempt(
            credential="CI_REDISPATCH_TOKEN", state=OperationState.CONFIRMED, status=204, operation="op-3", index=43
        ),
    )
    foreign = text or "left-pad"
    made: dict[str, Any] = {
        "case_id": "case-1",
        "ref": text or "refs/heads/main",
        "measurement": measured(FIXED, text=text),
        "before": measured(SHA, scores=dict.fromkeys(Component, 60), health=60, text=text),
        "rollback": RollbackTold(
            status=RollbackStatus.PROPOSED,
            trigger=text or "health 20 below 30",
            action=text,
            safety=(text or "the tree equals the parent's",),
            target=SHA,
            write=write(answer=text),
        ),
        "remediation": Remediation(
            fixes=(fix,),
            refusals=(Refusal(remedy="node.audit-fix", reason="high_risk", why=text or "major upgrade"),),
            commit=FIXED,
            writes=(write(verb="push-branch", index=40),),
            security={
                "before": {"critical": 1, "high": 2, "moderate": 0, "low": 0},
                "after": {"critical": 0, "high": 0, "moderate": 0, "low": 0},
                "upgradeAttempts": [
                    {
                        "packageName": foreign,
                        "currentVersion": foreign,
                        "targetVersion": "1.3.0",
                        "upgradeType": "minor",
                        "safe": True,
                        "applied": True,
                        "error": text,
                        "vulnerabilitiesFixed": 1,
                    }
                ],
                "manualReviewRequired": [
                    {"packageName": foreign, "severity": foreign, "reason": foreign, "recommendation": foreign}
                ],
                "summary": {
                    "fixed": 3,
                    "upgraded": 1,
                    "remainingCritical": 0,
                    "remainingHigh": 0,
                    "effectiveness": 100,
                },
            },
            build={
                "buildSucceeded": False,
                "buildTime": 900,
                "errors": [{"type": "syntax", "severity": "high", "message": foreign, "file": foreign, "line": 3}],
                "warnings": [{"message": foreign}],
                "environment": {foreign: foreign},
                "categories": {foreign: 1},
                "recommendations": [foreign],
                "quickFixes": [{"issue": foreign, "command": foreign, "description": foreign, "risk": "low"}],
            },
        ),
        "redispatch": Redispatch(
            via="repository_dispatch",
            attempts=attempts,
            skipped=(("app", "credential_missing"),),
            run_id="77",
            delay=timedelta(seconds=12),
            outcome="success",
        ),
        "manual": (text or "Ask the owner.",),
        "configuration": {foreign: foreign},
        "ledger": ((text or "health measured", 39),),
    }
    return given(**{**made, **fields})
