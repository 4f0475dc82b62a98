"""Reports of dependency audits: pip-audit and npm 7 or later, both as JSON.

What an advisory server did not answer is unknown and comes from outside; it is never zero vulnerabilities.
"""

from __future__ import annotations

from typing import Any

from cicatrix.checks.parsers.parsed import Parsed, Unreadable, blames_the_network, json_of, objects, part
from cicatrix.core.health.model import Finding

_OWN_PROJECT = "distribution marked as editable"
"""The reason for which pip-audit leaves out what it was told to leave out: the project itself."""
_NPM_SEVERITIES = ("info", "low", "moderate", "high", "critical")
_OUR_FAULT = ("ENOLOCK", "EAUDITNOPJSON", "EAUDITNOLOCK", "EJSONPARSE", "ENOENT")


def pip_audit(report: bytes) -> Parsed:
    """`pip-audit --format json`. It tells no severity, so each vulnerability counts as high."""
    findings: list[Finding] = []
    for dependency in objects(part(json_of(report), "dependencies", list)):
        name = str(part(dependency, "name", str))
        if "skip_reason" in dependency:
            if dependency["skip_reason"] != _OWN_PROJECT:
                raise Unreadable(f"{name} could not be audited", outside=True)
            continue
        version = str(part(dependency, "version", str))
        findings += [_of_pip(name, version, one) for one in objects(part(dependency, "vulns", list))]
    return Parsed(findings=tuple(findings))


def npm_audit(report: bytes) -> Parsed:
    """`npm audit --json` of npm 7 or later (auditReportVersion 2)."""
    tree = json_of(report)
    if isinstance(tree, dict) and ("error" in tree or "message" in tree):
        raise _refused(tree, report)
    if part(tree, "auditReportVersion", int) != 2:
        raise Unreadable("the report is not of npm 7 or later")
    named = part(tree, "vulnerabilities", dict)
    findings = tuple(_of_npm(package, one) for package, one in named.items())
    totals = part(part(tree, "metadata", dict), "vulnerabilities", dict)
    for severity in _NPM_SEVERITIES:
        if part(totals, severity, int) != sum(1 for found in findings if found.severity == severity):
            raise Unreadable("the report's totals differ from what it lists")
    return Parsed(findings=findings)


def _of_pip(name: str, version: str, tree: dict[str, Any]) -> Finding:
    fixes = ", ".join(map(str, part(tree, "fix_versions", list)))
    return Finding(
        message=f"{name} {version} is vulnerable" + (f", fixed in {fixes}" if fixes else ""),
        rule=str(part(tree, "id", str)),
        severity="high",
    )


def _of_npm(package: str, tree: Any) -> Finding:
    severity = part(tree, "severity", str)
    if severity not in _NPM_SEVERITIES:
        raise Unreadable("the report has a severity that nobody knows")
    via = [one for one in part(tree, "via", list) if isinstance(one, dict)]
    title = f": {via[0].get('title', '')}" if via else ""
    return Finding(message=f"{package} is vulnerable{title}", severity=severity, rule=str(tree.get("range", "")))


def _refused(tree: dict[str, Any], report: bytes) -> Unreadable:
    """The error object of npm. What names no fault of the repository, and the network, comes from outside."""
    error = tree.get("error")
    code = str(error.get("code") or "") if isinstance(error, dict) else ""
    outside = code not in _OUR_FAULT and (blames_the_network(report) or "statusCode" in tree or "uri" in tree)
    return Unreadable(f"npm audit was refused{f' with {code}' if code else ''}", outside=outside)
