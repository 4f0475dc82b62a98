"""Reports of linters as JSON: ruff and eslint."""

from __future__ import annotations

from typing import Any

from cicatrix.checks.parsers.parsed import Parsed, Unreadable, json_of, objects, part, whole
from cicatrix.core.health.model import Finding


def ruff(report: bytes) -> Parsed:
    """`ruff check --output-format json`: every entry is an error, a file that cannot be parsed too.

    https://docs.astral.sh/ruff/settings/#output-format
    """
    return Parsed(findings=tuple(_of_ruff(tree) for tree in objects(json_of(report))))


def eslint(report: bytes) -> Parsed:
    """`eslint --format json`. A report on no file at all tells nothing.

    https://eslint.org/docs/latest/use/formatters/#json
    """
    files = objects(json_of(report))
    if not files:
        raise Unreadable("no file was linted")
    return Parsed(findings=tuple(finding for file in files for finding in _of_file(file)))


def _of_ruff(tree: dict[str, Any]) -> Finding:
    return Finding(
        message=str(part(tree, "message", str)),
        rule=str(tree.get("code") or ""),
        severity="error",
        path=str(part(tree, "filename", str)),
        line=whole(part(part(tree, "location", dict), "row", int)),
    )


def _of_file(tree: dict[str, Any]) -> list[Finding]:
    path = str(part(tree, "filePath", str))
    found = [_of_message(path, message) for message in objects(part(tree, "messages", list))]
    errors = sum(1 for finding in found if finding.severity == "error")
    if (part(tree, "errorCount", int), part(tree, "warningCount", int)) != (errors, len(found) - errors):
        raise Unreadable("the report's totals differ from what it lists")
    return found


def _of_message(path: str, tree: dict[str, Any]) -> Finding:
    severity = {1: "warning", 2: "error"}.get(part(tree, "severity", int))
    if severity is None:
        raise Unreadable("the report has a severity that nobody knows")
    return Finding(
        message=str(part(tree, "message", str)),
        rule=str(tree.get("ruleId") or ""),
        severity=severity,
        path=path,
        line=whole(tree.get("line")),
    )
