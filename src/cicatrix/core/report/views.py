"""The seed's further reports: sections over the same JSON. What was not run says so instead of showing zeros."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cicatrix.core.report.text import code, listed, number, numbered, rows_of, sentence, signed, table, word

Report = Mapping[str, Any]
Sections = tuple[tuple[str, Callable[[Report], str]], ...]
NOT_RUN = "Not run for this report."
SEVERITIES = ("critical", "high", "moderate", "low")


def _part(report: Report, name: str) -> Mapping[str, Any]:
    found = report["details"].get(name)
    return found if isinstance(found, dict) else {}


def _change(component: str) -> Callable[[Report], str]:
    def section(report: Report) -> str:
        told = _of(report["remediation"]["components"], component)
        state = _of(report["overview"], component)
        return listed(
            [
                f"**Status:** {word(state.get('state'))}",
                f"**Score before:** {number(told.get('before'))}",
                f"**Score after:** {number(told.get('after'))}",
                f"**Change:** {signed(told.get('change'))}",
            ]
        )

    return section


def _of(rows: list[dict[str, Any]], component: str) -> dict[str, Any]:
    """The component's row; {} when the report, which may come out of a file, has none."""
    return next((one for one in rows if one["component"] == component), {})


def _findings(component: str) -> Callable[[Report], str]:
    def section(report: Report) -> str:
        told = report["findings"][component]
        rows = [
            [code(one["severity"], "-"), code(one["rule"], "-"), _place(one), sentence(one["message"])]
            for one in told["shown"]
        ]
        more = f"\n\n{number(told['leftOut'])} more are not shown." if told["leftOut"] else ""
        return table(["Severity", "Rule", "Place", "Message"], rows) + more

    return section


def _place(one: Mapping[str, Any]) -> str:
    path = one.get("path") or one.get("file")
    line = one.get("line")
    return code(f"{path}:{line}" if path and line is not None else path, "-")


def _lint_counts(report: Report) -> str:
    counts = report["findings"]["lint"]["counts"]
    return listed(
        f"**{title}:** {number(counts[name])}" for title, name in (("Errors", "errors"), ("Warnings", "warnings"))
    )


def _fixes(report: Report) -> str:
    return listed(f"{code(fix['remedy'])}: {sentence(fix['about'])}" for fix in report["autoFixes"])


def _tallies(report: Report) -> str:
    part, now = _part(report, "security"), report["findings"]["security"]["counts"]
    before = part.get("before") if isinstance(part.get("before"), dict) else {}
    after = part.get("after") if isinstance(part.get("after"), dict) else now
    rows = [[word(name), number((before or {}).get(name)), number((after or {}).get(name))] for name in SEVERITIES]
    return table(["Severity", "Before", "After"], rows)


def _posture(report: Report) -> str:
    counts = report["findings"]["security"]["counts"]
    if _of(report["overview"], "security").get("state") in {None, "unknown", "skipped"}:
        return "Unknown: the security checks were not measured."
    worst = next((name for name in SEVERITIES if counts[name]), None)
    return f"Worst open severity: {worst}." if worst else "No known vulnerability is open."


def _effectiveness(report: Report) -> str:
    part = _part(report, "security")
    if not part:
        return NOT_RUN
    told = part.get("summary")
    summary = told if isinstance(told, dict) else {}
    score = summary.get("effectiveness", part.get("effectiveness"))
    rest = [f"**{_title(name)}:** {number(value)}" for name, value in summary.items() if name != "effectiveness"]
    return listed(
        [f"**Effectiveness:** {number(score)}/100" if score is not None else "**Effectiveness:** unknown", *rest]
    )


def _upgrades(report: Report) -> str:
    rows = [
        [
            code(one.get("packageName"), "-"),
            code(one.get("currentVersion"), "-"),
            code(one.get("targetVersion"), "-"),
            code(one.get("upgradeType"), "-"),
            _yes(one.get("safe")),
            _yes(one.get("applied")),
            sentence(one["error"]) if one.get("error") else "-",
        ]
        for one in rows_of(_part(report, "security").get("upgradeAttempts"))
    ]
    return table(["Package", "From", "To", "Kind", "Safe", "Applied", "Error"], rows)


def _manual(report: Report) -> str:
    rows = [
        [code(one.get("packageName"), "-"), code(one.get("severity"), "-"), *_reason(one)]
        for one in rows_of(_part(report, "security").get("manualReviewRequired"))
    ]
    return table(["Package", "Severity", "Reason", "Recommendation"], rows)


def _reason(one: Mapping[str, Any]) -> list[str]:
    return [sentence(one[name]) if one.get(name) else "-" for name in ("reason", "recommendation")]


def _steps(*lines: str) -> Callable[[Report], str]:
    text = numbered(lines)
    return lambda _report: text


def _checklist(*lines: str) -> Callable[[Report], str]:
    text = listed(f"[ ] {line}" for line in lines)
    return lambda _report: text


def _build(report: Report) -> str:
    part = _part(report, "build")
    if not part:
        return NOT_RUN
    categories = part.get("categories")
    counted = categories.items() if isinstance(categories, dict) else ()
    return listed(
        [
            f"**Build succeeded:** {_yes(part.get('buildSucceeded'))}",
            f"**Build time:** {number(part.get('buildTime'), unit=' ms')}",
            *(f"{code(name)}: {number(count)}" for name, count in counted),
        ]
    )


def _environment(report: Report) -> str:
    told = _part(report, "build").get("environment")
    return listed(f"{code(name)}: {code(value)}" for name, value in told.items()) if isinstance(told, dict) else NOT_RUN


def _errors(report: Report) -> str:
    rows = [
        [code(one.get("type"), "-"), code(one.get("severity"), "-"), _place(one), sentence(one.get("message"))]
        for one in rows_of(_part(report, "build").get("errors"))
    ]
    return table(["Type", "Severity", "Place", "Message"], rows)


def _texts(name: str) -> Callable[[Report], str]:
    def section(report: Report) -> str:
        told = _part(report, "build").get(name)
        found = told if isinstance(told, list) else []
        return listed(sentence(one.get("message", "") if isinstance(one, dict) else one) for one in found)

    return section


def _quick_fixes(report: Report) -> str:
    rows = [
        [
            sentence(one.get("issue")),
            code(one.get("command"), "-"),
            sentence(one.get("description")),
            code(one.get("risk")),
        ]
        for one in rows_of(_part(report, "build").get("quickFixes"))
    ]
    return table(["Issue", "Command", "What it does", "Risk"], rows)


def _yes(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, "unknown") if isinstance(value, bool) else "unknown"


def _title(name: object) -> str:
    return word("".join(f" {c.lower()}" if c.isupper() else c for c in str(name)).strip().capitalize())


VIEWS: Mapping[str, Sections] = {
    "lint-auto-fix": (
        ("Summary", _change("lint")),
        ("Counts", _lint_counts),
        ("Fixes Applied", _fixes),
        ("Remaining Findings", _findings("lint")),
        ("Next Steps", _steps("Repair what is left by hand.", "Have the gate measure again.")),
    ),
    "security-audit": (
        ("Summary", _change("security")),
        ("Vulnerabilities", _tallies),
        ("Findings", _findings("security")),
        ("Posture", _posture),
    ),
    "security-deep-fix": (
        ("Summary", _tallies),
        ("Effectiveness", _effectiveness),
        ("Upgrade Attempts", _upgrades),
        ("Manual Review Required", _manual),
        ("Next Steps", _steps("Review the draft pull request.", "Work through the manual review.", "Measure again.")),
        ("Posture", _posture),
    ),
    "security-manual-review": (
        ("Issues", _manual),
        (
            "Steps",
            _steps(
                "Read the advisory and find out whether the code reaches the affected part.",
                "Choose: upgrade, replace, or accept with a reason and a date.",
                "Test the change on a branch of its own.",
            ),
        ),
        ("Checklist", _checklist("Advisory read", "Change tested", "Decision written down", "Audit is green")),
        (
            "Timeline",
            _steps(
                "Critical: at once.", "High: within a week.", "Moderate: within a month.", "Low: with the next update."
            ),
        ),
    ),
    "build-diagnostics": (
        ("Summary", _build),
        ("Environment", _environment),
        ("Errors", _errors),
        ("Warnings", _texts("warnings")),
        ("Recommendations", _texts("recommendations")),
        ("Quick Fixes", _quick_fixes),
        ("Next Steps", _steps("Begin with the first error; later ones often follow from it.", "Build again.")),
        ("Checklist", _checklist("First error repaired", "Build is green", "Tests are green")),
    ),
}
"""The sections of each of the seed's further reports, by its file name without `.md`."""
