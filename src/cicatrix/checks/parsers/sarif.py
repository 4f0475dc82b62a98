"""SARIF 2.1.0, the format of code scanners.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; `security-severity` is GitHub's:
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

from typing import Any

from cicatrix.checks.parsers.parsed import Parsed, Unreadable, json_of, objects, part, whole
from cicatrix.core.health.model import Finding

_LEVELS = {"error": "error", "warning": "warning", "note": "low", "none": None}
_NO_PROBLEM = frozenset({"pass", "notApplicable", "informational"})
_PROBLEM = frozenset({"fail", "open", "review"})
_SCORES = ((9.0, "critical"), (7.0, "high"), (4.0, "moderate"), (0.0, "low"))


def sarif(report: bytes) -> Parsed:
    """Every result that is a problem, is not suppressed and is not gone since the baseline."""
    tree = json_of(report)
    if part(tree, "version", str) != "2.1.0":
        raise Unreadable("the report is not SARIF 2.1.0")
    runs = objects(part(tree, "runs", list))
    if not runs:
        raise Unreadable("the report holds no run of any tool")
    drivers = [part(part(run, "tool", dict), "driver", dict) for run in runs]
    findings = [finding for run, driver in zip(runs, drivers, strict=True) for finding in _of_run(run, driver)]
    first = drivers[0]
    return Parsed(
        findings=tuple(findings),
        tool=str(part(first, "name", str)),
        tool_version=str(first.get("semanticVersion") or first.get("version") or ""),
    )


def _of_run(run: dict[str, Any], driver: dict[str, Any]) -> list[Finding]:
    for invocation in objects(run.get("invocations", [])):
        if invocation.get("executionSuccessful") is not True:
            raise Unreadable("the tool says that it did not come to its end")
    # a run without `results` is one whose scan did not happen (section 3.14.23)
    results = objects(part(run, "results", list))
    rules = [*objects(driver.get("rules") or [])]
    for extension in objects(part(run, "tool", dict).get("extensions") or []):
        rules += objects(extension.get("rules") or [])
    by_id = {str(rule.get("id")): rule for rule in rules}
    found = (_of_result(result, by_id) for result in results if not _settled(result))
    return [finding for finding in found if finding is not None]


def _settled(result: dict[str, Any]) -> bool:
    suppressions = objects(result.get("suppressions") or [])
    accepted = any(one.get("status", "accepted") == "accepted" for one in suppressions)
    return accepted or result.get("baselineState") == "absent"


def _of_result(result: dict[str, Any], rules: dict[str, dict[str, Any]]) -> Finding | None:
    kind = result.get("kind", "fail")
    if kind in _NO_PROBLEM:
        return None
    if kind not in _PROBLEM:
        raise Unreadable("the report has a kind of result that nobody knows")
    name = str(result.get("ruleId") or _dict(result.get("rule")).get("id") or "")
    severity = _severity(result, rules.get(name, {}))
    if severity is None:
        return None
    path, line = _place(result)
    message = str(part(result, "message", dict).get("text") or name)
    return Finding(message=message, rule=name, severity=severity, path=path, line=line)


def _severity(result: dict[str, Any], rule: dict[str, Any]) -> str | None:
    scored = _dict(rule.get("properties")).get("security-severity")
    if scored is not None:
        return _of_score(scored)
    level = result.get("level") or _dict(rule.get("defaultConfiguration")).get("level") or "warning"
    if not isinstance(level, str) or level not in _LEVELS:
        raise Unreadable("the report has a level that nobody knows")
    return _LEVELS[level]


def _of_score(scored: Any) -> str:
    try:
        number = float(scored)
    except (TypeError, ValueError):
        raise Unreadable("the report has a security-severity that is no number") from None
    if not 0 <= number <= 10:
        raise Unreadable("the report has a security-severity beyond 0..10")
    return next(name for least, name in _SCORES if number >= least)


def _place(result: dict[str, Any]) -> tuple[str, int | None]:
    places = result.get("locations")
    physical = _dict(_dict(places[0]).get("physicalLocation")) if isinstance(places, list) and places else {}
    path = _dict(physical.get("artifactLocation")).get("uri")
    return str(path or ""), whole(_dict(physical.get("region")).get("startLine"))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
