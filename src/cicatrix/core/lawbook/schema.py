"""JSON Schema of a lawbook file, generated from the table of keys."""

from __future__ import annotations

from typing import Any

from cicatrix.core.lawbook.keys import DELEGATED, DELEGATED_ABOUT, DELEGATED_KIND, KEYS


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 that accepts exactly the files that `validate` accepts (a test compares them).

    For editors: `# yaml-language-server: $schema=./cicatrix.schema.json` as the first line of the file.
    """
    properties: dict[str, Any] = {}
    for name, key in KEYS.items():
        entry = {**key.kind.schema(), "description": key.about, "default": key.kind.plain(key.default)}
        section, _, rest = name.rpartition(".")
        if section:
            properties.setdefault(section, _object())["properties"][rest] = entry
        else:
            properties[name] = entry
    properties[DELEGATED] = {**DELEGATED_KIND.schema(), "description": DELEGATED_ABOUT, "default": []}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Cicatrix lawbook",
        "description": "The rules of one repository, organisation or deployment: .github/cicatrix.yml",
        **_object(),
        "type": ["object", "null"],
        "properties": properties,
    }


def _object() -> dict[str, Any]:
    return {"type": "object", "properties": {}, "additionalProperties": False}
