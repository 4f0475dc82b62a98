"""JSON Schema of a measurement: what `cicatrix gate --json` prints and a validation hands in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any

from cicatrix.core.health.codec import SCHEMA_VERSION, camel
from cicatrix.core.health.model import Band, CheckState, Component, Counts, Gate

_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_COUNT = {"type": "integer", "minimum": 0}
_PERCENT = {"type": ["integer", "null"], "minimum": 0, "maximum": 100}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    """An object with all of these members and no other."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _one_of(kind: type[StrEnum]) -> dict[str, Any]:
    return {"enum": [member.value for member in kind]}


_FINDING = _object(
    {"message": _TEXT, "rule": _TEXT, "severity": _TEXT, "path": _TEXT, "line": {"type": ["integer", "null"]}}
)
_RESULT = _object(
    {
        "name": _TEXT,
        "component": _one_of(Component),
        "state": _one_of(CheckState),
        "score": _PERCENT,
        "weight": {"type": "integer", "minimum": 1},
        "blocking": _FLAG,
        "counts": _object({camel(field.name): _COUNT for field in fields(Counts)}),
        "findings": _list(_FINDING),
        "why": _TEXT,
        "outside": _FLAG,
        "exitCode": {"type": ["integer", "null"]},
        "durationMs": _COUNT,
        "tool": _TEXT,
        "toolVersion": _TEXT,
        "outputHash": _TEXT,
    }
)
_COMPONENT = _object(
    {
        "component": _one_of(Component),
        "state": _one_of(CheckState),
        "score": _PERCENT,
        "outside": _FLAG,
        "details": _TEXT,
    }
)

MEASUREMENT_SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Cicatrix measurement",
    **_object(
        {
            "schemaVersion": {"const": SCHEMA_VERSION},
            "sha": {"type": "string", "pattern": "^[0-9a-f]{40,64}$"},
            "takenAt": {"type": "string", "format": "date-time"},
            "setHash": _TEXT,
            "gate": _one_of(Gate),
            "band": _one_of(Band),
            "confidence": _PERCENT,
            "health": _PERCENT,
            "ready": {"type": ["boolean", "null"]},
            "blockers": _list(_TEXT),
            "warnings": _list(_TEXT),
            "components": _list(_COMPONENT),
            "results": _list(_RESULT),
            "durationMs": _COUNT,
            "tools": {"type": "object", "additionalProperties": _TEXT},
        }
    ),
}
