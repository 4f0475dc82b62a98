"""JSON Schema of a health report: the contract that every reader may rely on (RP-1). Written first, tested on each."""

from __future__ import annotations

from typing import Any

from cicatrix.core.health.model import Band, CheckState, Component, Gate
from cicatrix.core.operations import OperationState
from cicatrix.core.rollback.plan import RollbackStatus

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_INT: Schema = {"type": "integer"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_SCORE: Schema = {"type": ["integer", "null"], "minimum": 0, "maximum": 100}
_CHANGE: Schema = {"type": ["integer", "null"], "minimum": -100, "maximum": 100}
_TIME: Schema = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$"}
_SHA: Schema = {"type": "string", "pattern": "^[0-9a-f]{40,64}$"}
_INDEX: Schema = {"type": ["integer", "null"], "minimum": 0}

PHASE_3 = ("ACTIVATED", "NOT REQUIRED", "NOT RUN")
PHASE_4 = ("ROLLBACK EXECUTED", "ROLLBACK REQUIRED", "ROLLBACK PROPOSED", "STANDBY")
DISPATCH = ("STARTED", "ACCEPTED", "WAITING", "UNKNOWN", "BLOCKED")


def report_schema() -> Schema:
    """JSON Schema 2020-12 of what `build_report` gives."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Cicatrix health report",
        "description": "The health of one commit, what was done about it, and what a person has to do.",
        **_object(
            schemaVersion={"const": "1.0"},
            kind={"const": "health-report"},
            requestId=_TEXT,
            lawbookHash=_TEXT,
            deploymentEnv={"enum": ["staging", "prod"]},
            caseId=_or_null(_TEXT),
            header=_header(),
            phases=_object(phase3={"enum": list(PHASE_3)}, phase4={"enum": list(PHASE_4)}),
            remediation=_remediation(),
            rollback=_rollback(),
            redispatch=_or_null(_redispatch()),
            overview=_list(_object(component=_words(Component), state=_words(CheckState), score=_SCORE, details=_TEXT)),
            autoFixes=_list(_object(remedy=_TEXT, about=_TEXT, files=_COUNT, lines=_COUNT)),
            blockers=_list(_TEXT),
            warnings=_list(_TEXT),
            manualActions=_list(_TEXT),
            decision=_object(gate=_gates(), reasoning=_list(_TEXT), recommended=_list(_TEXT)),
            findings=_object(**{part.value: _findings() for part in Component}),
            details=_object(**{name: _or_null({"type": "object"}) for name in ("lint", "security", "build")}),
            metrics=_object(
                **dict.fromkeys(("durationMs", "checks", "blockers", "warnings"), _COUNT),
                states=_object(**dict.fromkeys([state.value for state in CheckState], _COUNT)),
            ),
            configuration={"type": "object", "additionalProperties": _TEXT},
            ledger=_list(_object(claim=_TEXT, index=_COUNT)),
            exitCode=_COUNT,
        ),
    }


def _header() -> Schema:
    return _object(
        generated=_TIME,
        repository=_TEXT,
        ref=_TEXT,
        sha=_SHA,
        status=_gates(),
        readiness={"enum": ["READY", "BLOCKED", "UNKNOWN"]},
        confidence=_SCORE,
        health=_SCORE,
        band=_words(Band),
    )


def _remediation() -> Schema:
    taken = _object(sha=_SHA, takenAt=_TIME, confidence=_SCORE, health=_SCORE, setHash=_TEXT)
    return _object(
        applied={"type": "boolean"},
        commit=_or_null(_SHA),
        before=_or_null(taken),
        after=taken,
        improvement=_CHANGE,
        whyNoImprovement=_TEXT,
        components=_list(_object(component=_words(Component), before=_SCORE, after=_SCORE, change=_CHANGE)),
        refusals=_list(_object(remedy=_TEXT, reason=_TEXT, why=_TEXT)),
        writes=_list(_write()),
    )


def _rollback() -> Schema:
    return _object(
        status=_words(RollbackStatus),
        trigger=_or_null(_TEXT),
        score=_SCORE,
        threshold=_COUNT,
        action=_TEXT,
        safety=_list(_TEXT),
        target=_or_null(_SHA),
        write=_or_null(_write()),
    )


def _redispatch() -> Schema:
    attempt = _object(
        credential=_TEXT,
        state=_words(OperationState),
        httpStatus={"type": ["integer", "null"]},
        reason=_or_null(_TEXT),
        answer=_TEXT,
        operation=_or_null(_TEXT),
        ledgerIndex=_INDEX,
    )
    return _object(
        via={"enum": ["repository_dispatch", "workflow_dispatch"]},
        status={"enum": list(DISPATCH)},
        credential=_or_null(_TEXT),
        httpStatus={"type": ["integer", "null"]},
        runId=_or_null(_TEXT),
        delaySeconds={"type": ["integer", "null"], "minimum": 0},
        outcome=_or_null(_TEXT),
        attempts=_list(attempt),
        notTried=_list(_object(credential=_TEXT, reason=_TEXT)),
    )


def _findings() -> Schema:
    shown = _object(message=_TEXT, rule=_TEXT, severity=_TEXT, path=_TEXT, line={"type": ["integer", "null"]})
    kinds = ("errors", "warnings", "critical", "high", "moderate", "low", "failedTests", "totalTests", "fixed")
    return _object(shown=_list(shown), leftOut=_COUNT, counts=_object(**dict.fromkeys(kinds, _COUNT)))


def _write() -> Schema:
    return _object(
        operation=_TEXT,
        verb=_TEXT,
        state=_words(OperationState),
        ledgerIndex=_INDEX,
        answer=_TEXT,
        pullRequest={"type": ["integer", "null"]},
    )


def _gates() -> Schema:
    return {"enum": [gate.value.upper() for gate in Gate]}


def _words(values: Any) -> Schema:
    return {"enum": [one.value for one in values]}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
