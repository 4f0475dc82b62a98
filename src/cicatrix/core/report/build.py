"""The health report as one JSON value; every rendering is made from it (RP-1). `schema.py` says its shape."""

from __future__ import annotations

from typing import Any

from cicatrix.core.canonical import instant
from cicatrix.core.health.model import CheckState, Component, Gate, Measurement
from cicatrix.core.redact import REDACTED, redact
from cicatrix.core.report.actions import manual_actions, recommended
from cicatrix.core.report.inputs import Fix, Remediation, ReportInputs
from cicatrix.core.report.writes import ledger_part, redispatch_part, rollback_part, shown_status, write_part
from cicatrix.core.rollback.plan import RollbackStatus
from cicatrix.core.validation import improvement

SCHEMA_VERSION = "1.0"
KIND = "health-report"
MOST_FINDINGS = 50
"""Findings of a component that a report carries; the rest is counted."""

_READINESS = {True: "READY", False: "BLOCKED", None: "UNKNOWN"}


def build_report(given: ReportInputs) -> dict[str, Any]:
    """The report as JSON. Secrets in foreign text are masked; the same inputs give the same report."""
    status = shown_status(given.rollback)
    report: dict[str, Any] = {
        "schemaVersion": SCHEMA_VERSION,
        "kind": KIND,
        "requestId": given.request_id,
        "lawbookHash": given.lawbook_hash,
        "deploymentEnv": given.environment,
        "caseId": given.case_id or None,
        "header": _header(given),
        "phases": {"phase3": _phase_3(given), "phase4": _phase_4(status)},
        "remediation": _remediation(given),
        "rollback": rollback_part(given, status),
        "redispatch": redispatch_part(given.redispatch),
        "overview": [_component(given.measurement, part) for part in Component],
        "autoFixes": [_fix(fix) for fix in given.remediation.fixes] if given.remediation else [],
        "blockers": list(given.measurement.blockers),
        "warnings": list(given.measurement.warnings),
        "findings": {part.value: _findings(given.measurement, part) for part in Component},
        "details": _details(given.remediation),
        "metrics": _metrics(given.measurement),
        "configuration": _configuration(given),
        "ledger": ledger_part(given),
        "exitCode": given.exit_code,
    }
    report["manualActions"] = [*manual_actions(report), *given.manual]
    report["decision"] = {
        "gate": given.measurement.gate.value.upper(),
        "reasoning": _reasoning(given),
        "recommended": list(recommended(report)),
    }
    masked: dict[str, Any] = _masked(report)
    return masked


def _header(given: ReportInputs) -> dict[str, Any]:
    found = given.measurement
    return {
        "generated": instant(given.generated),
        "repository": given.repository,
        "ref": given.ref,
        "sha": found.sha,
        "status": found.gate.value.upper(),
        "readiness": _READINESS[found.ready],
        "confidence": found.confidence,
        "health": found.health,
        "band": found.band.value,
    }


def _phase_3(given: ReportInputs) -> str:
    if given.remediation is not None:
        return "ACTIVATED"
    # saying that nothing was required of a gate that is not green would be a claim that nothing supports
    return "NOT REQUIRED" if given.measurement.gate in {Gate.PASS, Gate.WARNING} else "NOT RUN"


def _phase_4(status: RollbackStatus) -> str:
    return status.value if status.value.startswith("ROLLBACK") else "STANDBY"


def _remediation(given: ReportInputs) -> dict[str, Any]:
    told = given.remediation
    before, after = given.before, given.measurement
    return {
        "applied": told is not None and told.commit is not None,
        "commit": told.commit if told else None,
        "before": None if before is None else _taken(before),
        "after": _taken(after),
        "improvement": improvement(after, before),
        "whyNoImprovement": _why_not(before, after),
        "components": [_change(before, after, part) for part in Component],
        "refusals": [
            {"remedy": no.remedy, "reason": no.reason, "why": no.why} for no in (told.refusals if told else ())
        ],
        "writes": [write_part(write) for write in (told.writes if told else ())],
    }


def _why_not(before: Measurement | None, after: Measurement) -> str:
    if improvement(after, before) is not None:
        return ""
    if before is None:
        return "the state before was not measured"
    if before.health is None or after.health is None:
        return "one of the two measurements holds something unknown"
    if before.set_hash != after.set_hash:
        return "the two measurements had different checks"
    return "the two measurements had different versions of the tools"


def _taken(found: Measurement) -> dict[str, Any]:
    return {
        "sha": found.sha,
        "takenAt": instant(found.taken_at),
        "confidence": found.confidence,
        "health": found.health,
        "setHash": found.set_hash,
    }


def _change(before: Measurement | None, after: Measurement, part: Component) -> dict[str, Any]:
    old, new = _score(before, part), _score(after, part)
    comparable = before is not None and before.set_hash == after.set_hash
    change = new - old if comparable and old is not None and new is not None else None
    return {"component": part.value, "before": old, "after": new, "change": change}


def _score(found: Measurement | None, part: Component) -> int | None:
    score = found.component(part) if found else None
    return score.score if score else None


def _component(found: Measurement, part: Component) -> dict[str, Any]:
    score = found.component(part)
    if score is None:
        return {"component": part.value, "state": CheckState.SKIPPED.value, "score": None, "details": "not declared"}
    return {
        "component": part.value,
        "state": score.state.value,
        "score": score.score,
        "details": score.details,
    }


def _fix(fix: Fix) -> dict[str, Any]:
    return {"remedy": fix.remedy, "about": fix.about, "files": fix.files, "lines": fix.lines}


def _findings(found: Measurement, part: Component) -> dict[str, Any]:
    every = [finding for result in found.results if result.component is part for finding in result.findings]
    return {
        "shown": [
            {
                "message": one.message,
                "rule": one.rule,
                "severity": one.severity,
                "path": one.path,
                "line": one.line,
            }
            for one in every[:MOST_FINDINGS]
        ],
        "leftOut": max(0, len(every) - MOST_FINDINGS),
        "counts": _counts(found, part),
    }


def _counts(found: Measurement, part: Component) -> dict[str, int]:
    counts = [result.counts for result in found.results if result.component is part]
    return {
        "errors": sum(c.errors for c in counts),
        "warnings": sum(c.warnings for c in counts),
        "critical": sum(c.critical for c in counts),
        "high": sum(c.high for c in counts),
        "moderate": sum(c.moderate for c in counts),
        "low": sum(c.low for c in counts),
        "failedTests": sum(c.failed_tests for c in counts),
        "totalTests": sum(c.total_tests for c in counts),
        "fixed": sum(c.fixed for c in counts),
    }


def _details(told: Remediation | None) -> dict[str, Any]:
    """The parts that the sub-reports show; None where nothing ran."""
    return {
        "lint": told.lint if told else None,
        "security": told.security if told else None,
        "build": told.build if told else None,
    }


def _metrics(found: Measurement) -> dict[str, Any]:
    states = [result.state for result in found.results]
    return {
        "durationMs": found.duration_ms,
        "checks": len(found.results),
        "states": {state.value: states.count(state) for state in CheckState},
        "blockers": len(found.blockers),
        "warnings": len(found.warnings),
    }


def _configuration(given: ReportInputs) -> dict[str, str]:
    return {
        "mode": "report only" if given.report_only else "act",
        "deployment environment": given.environment,
        "lawbook": given.lawbook_hash,
        "set of checks": given.measurement.set_hash,
        **{f"tool {name}": version for name, version in given.measurement.tools.items()},
        **given.configuration,
    }


def _reasoning(given: ReportInputs) -> list[str]:
    found = given.measurement
    told = [f"{_some(len(found.blockers), 'blocker')} and {_some(len(found.warnings), 'warning')}."]
    if found.health is None:
        told.append("Something is unknown, so there is no health score and nothing is decided on it.")
    else:
        side = "below" if found.health < given.threshold else "not below"
        told.append(f"Health {found.health} is {side} {given.threshold}, where a rollback is looked at.")
    if given.report_only:
        told.append("Report only: nothing was changed anywhere.")
    return told


def _some(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _masked(value: Any) -> Any:
    """The same JSON with every secret in it masked; text without any stays as it is."""
    if isinstance(value, str):
        shown = redact(value)
        return shown if REDACTED in shown else value
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    if hasattr(value, "items"):
        return {_masked(str(name)): _masked(item) for name, item in value.items()}
    return value
