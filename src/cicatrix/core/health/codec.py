"""A measurement as JSON and back. Reading is strict: half a report is no report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from cicatrix.core.canonical import instant
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
from cicatrix.core.health.score import follows

SCHEMA_VERSION = "1.0"
_COUNTS = tuple(field.name for field in fields(Counts))


class NotAMeasurement(ValueError):  # noqa: N818 -- names what is the case
    """The tree is no measurement of ours, or its numbers do not follow from its results."""


def measurement_json(measurement: Measurement) -> dict[str, Any]:
    """The measurement as plain JSON, as `MEASUREMENT_SCHEMA` describes it. Texts in it may be foreign."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "sha": measurement.sha,
        "takenAt": instant(measurement.taken_at),
        "setHash": measurement.set_hash,
        "gate": measurement.gate.value,
        "band": measurement.band.value,
        "confidence": measurement.confidence,
        "health": measurement.health,
        "ready": measurement.ready,
        "blockers": list(measurement.blockers),
        "warnings": list(measurement.warnings),
        "components": [_component_json(component) for component in measurement.components],
        "results": [_result_json(result) for result in measurement.results],
        "durationMs": measurement.duration_ms,
        "tools": dict(measurement.tools),
    }


def measurement_from(tree: object) -> Measurement:
    """The measurement that the tree holds. Raises NotAMeasurement for anything else.

    Its health, readiness and gate are computed again from its results and must be the same, so nobody can hand in
    numbers without the results that give them. Who wrote the results is for a signature to prove.
    """
    try:
        measurement = _read(tree)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as wrong:
        raise NotAMeasurement(f"this is no measurement: {type(wrong).__name__} {wrong}"[:300]) from None
    if not follows(measurement):
        raise NotAMeasurement("the measurement's numbers do not follow from its results")
    return measurement


def _component_json(component: ComponentScore) -> dict[str, Any]:
    return {
        "component": component.component.value,
        "state": component.state.value,
        "score": component.score,
        "outside": component.outside,
        "details": component.details,
    }


def _result_json(result: CheckResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "component": result.component.value,
        "state": result.state.value,
        "score": result.score,
        "weight": result.weight,
        "blocking": result.blocking,
        "counts": {camel(name): getattr(result.counts, name) for name in _COUNTS},
        "findings": [_finding_json(finding) for finding in result.findings],
        "why": result.why,
        "outside": result.outside,
        "exitCode": result.exit_code,
        "durationMs": result.duration_ms,
        "tool": result.tool,
        "toolVersion": result.tool_version,
        "outputHash": result.output_hash,
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "message": finding.message,
        "rule": finding.rule,
        "severity": finding.severity,
        "path": finding.path,
        "line": finding.line,
    }


def _read(tree: Any) -> Measurement:
    if tree["schemaVersion"] != SCHEMA_VERSION:
        raise ValueError(f"schemaVersion is not {SCHEMA_VERSION}")
    taken_at = datetime.fromisoformat(_text(tree["takenAt"]))
    instant(taken_at)
    return Measurement(
        sha=_text(tree["sha"]),
        taken_at=taken_at,
        set_hash=_text(tree["setHash"]),
        results=tuple(_result(item) for item in _list(tree["results"])),
        components=tuple(_component(item) for item in _list(tree["components"])),
        confidence=_percent(tree["confidence"]),
        health=_percent(tree["health"]),
        blockers=tuple(map(_text, _list(tree["blockers"]))),
        warnings=tuple(map(_text, _list(tree["warnings"]))),
        ready=None if tree["ready"] is None else _flag(tree["ready"]),
        gate=Gate(tree["gate"]),
        band=Band(tree["band"]),
        duration_ms=_count(tree["durationMs"]),
        tools={_text(name): _text(version) for name, version in _mapping(tree["tools"]).items()},
    )


def _component(tree: Any) -> ComponentScore:
    return ComponentScore(
        component=Component(tree["component"]),
        state=CheckState(tree["state"]),
        score=_percent(tree["score"]),
        outside=_flag(tree["outside"]),
        details=_text(tree["details"]),
    )


def _result(tree: Any) -> CheckResult:
    counts = _mapping(tree["counts"])
    return CheckResult(
        name=_text(tree["name"]),
        component=Component(tree["component"]),
        state=CheckState(tree["state"]),
        score=_percent(tree["score"]),
        weight=_count(tree["weight"], least=1),
        blocking=_flag(tree["blocking"]),
        counts=Counts(**{name: _count(counts[camel(name)]) for name in _COUNTS}),
        findings=tuple(_finding(item) for item in _list(tree["findings"])),
        why=_text(tree["why"]),
        outside=_flag(tree["outside"]),
        exit_code=None if tree["exitCode"] is None else _whole(tree["exitCode"]),
        duration_ms=_count(tree["durationMs"]),
        tool=_text(tree["tool"]),
        tool_version=_text(tree["toolVersion"]),
        output_hash=_text(tree["outputHash"]),
    )


def _finding(tree: Any) -> Finding:
    return Finding(
        message=_text(tree["message"]),
        rule=_text(tree["rule"]),
        severity=_text(tree["severity"]),
        path=_text(tree["path"]),
        line=None if tree["line"] is None else _count(tree["line"], least=1),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text expected")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false expected")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("a whole number expected")
    return value


def _count(value: object, *, least: int = 0) -> int:
    number = _whole(value)
    if number < least:
        raise ValueError(f"{number} is below {least}")
    return number


def _percent(value: object) -> int | None:
    if value is None:
        return None
    if (number := _count(value)) > 100:
        raise ValueError(f"{number} is beyond 100")
    return number


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("a list expected")
    return value


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("an object expected")
    return value


def camel(name: str) -> str:
    """`failed_tests` as JSON writes it: `failedTests`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
