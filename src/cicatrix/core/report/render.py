"""A report as Markdown: the seed's sections in the seed's order, and its further reports as views of the same JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cicatrix.core.report.text import code, listed, number, sentence, signed, table, word
from cicatrix.core.report.views import VIEWS as SUB_REPORTS

Report = Mapping[str, Any]
MAIN = "ci-health-gate"
"""The seed's name of the report, without `.md`."""

TITLES = {
    MAIN: "CI Health Gate Report",
    "lint-auto-fix": "Lint Auto-Fix Report",
    "security-audit": "Security Audit Report",
    "security-deep-fix": "Security Deep Fix Report",
    "security-manual-review": "Security Manual Review",
    "build-diagnostics": "Build Diagnostics Report",
}
"""Every view, by the seed's file name without `.md`."""


def render_markdown(report: Report, view: str = MAIN) -> str:
    """The view of the report as Markdown. Nothing in the report, whoever wrote it, becomes anything but text.

    Raises KeyError for a view that is not in `TITLES`.
    """
    sections = SECTIONS if view == MAIN else SUB_REPORTS[view]
    body = "\n\n".join(f"## {title}\n\n{section(report)}" for title, section in sections)
    return f"# {TITLES[view]}\n\n{header(report)}\n\n{body}\n\n---\n\n{footer(report)}\n"


def header(report: Report) -> str:
    """When, of what, and how it stands."""
    head = report["header"]
    place = f"{code(head['repository'], 'unknown')} at {code(head['sha'])}"
    lines = [
        f"**Generated:** {code(head['generated'])}",
        f"**Repository:** {place}, ref {code(head['ref'], 'unknown')}",
        f"**Overall Status:** {word(head['status'])}",
        f"**CI Readiness:** {word(head['readiness'])}",
        f"**Confidence:** {number(head['confidence'], 'unknown')}/100",
        f"**Health:** {number(head['health'], 'unknown')}/100 ({word(head['band'])})",
    ]
    return listed(lines)


def footer(report: Report) -> str:
    """The exit code, and what the report was decided by."""
    lines = [
        f"**Exit Code:** {number(report['exitCode'])}",
        f"**Request:** {code(report['requestId'])}, case {code(report['caseId'])}",
        f"**Lawbook:** {code(report['lawbookHash'])}",
    ]
    return listed(lines)


def _summary(report: Report) -> str:
    phases = report["phases"]
    return listed(
        [
            f"**Phase 3 (auto-healing):** {word(phases['phase3'])}",
            f"**Phase 4 (rollback):** {word(phases['phase4'])}",
        ]
    )


def _remediation(report: Report) -> str:
    told = report["remediation"]
    lines = [
        f"**Applied:** {'yes, commit ' + code(told['commit']) if told['applied'] else 'no commit was made'}",
        f"**Before:** {_taken(told['before'])}",
        f"**After:** {_taken(told['after'])}",
        f"**Improvement:** {_improvement(told)}",
    ]
    rows = [
        [word(one["component"]), number(one["before"]), number(one["after"]), signed(one["change"])]
        for one in told["components"]
    ]
    refusals = [f"{code(no['remedy'])}: {code(no['reason'])}, {sentence(no['why'])}" for no in told["refusals"]]
    parts = [listed(lines), table(["Component", "Before", "After", "Change"], rows)]
    parts += ["Not applied:\n\n" + listed(refusals)] if refusals else []
    parts += [listed(_write(write) for write in told["writes"])] if told["writes"] else []
    return "\n\n".join(parts)


def _taken(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return "not measured"
    return f"health {number(one['health'], 'unknown')}, {code(one['sha'])}, measured {code(one['takenAt'])}"


def _improvement(told: Mapping[str, Any]) -> str:
    if told["improvement"] is None:
        return f"not measured: {sentence(told['whyNoImprovement'])}"
    return signed(told["improvement"])


def _rollback(report: Report) -> str:
    told = report["rollback"]
    lines = [f"**Status:** {word(told['status'])}"]
    lines += [f"**Trigger:** {sentence(told['trigger'])}"] if told["trigger"] else []
    lines += [
        f"**Health Score:** {number(told['score'], 'unknown')}/100",
        f"**Threshold:** below {number(told['threshold'])}",
        f"**Action:** {sentence(told['action'])}",
    ]
    lines += [f"**Reverted commit:** {code(told['target'])}"] if told["target"] else []
    lines += [f"**Safety:** {sentence(text)}" for text in told["safety"]]
    lines += [_write(told["write"])] if told["write"] else []
    return listed(lines)


def _redispatch(report: Report) -> str:
    told = report["redispatch"]
    if told is None:
        return "Not needed: nothing was remediated that has to be validated."
    lines = [
        f"**Status:** {word(told['status'])}",
        f"**Credential:** {code(told['credential'])}, by {code(told['via'])}",
        f"**HTTP status:** {number(told['httpStatus'], 'none')}",
        f"**Run:** {code(told['runId'], 'not found')}",
        f"**Delay to start:** {number(told['delaySeconds'], 'not measured', ' s')}",
        f"**Outcome:** {word(told['outcome']) if told['outcome'] else 'none yet'}",
    ]
    tried = [_attempt(place, one) for place, one in enumerate(told["attempts"], 1)]
    tried += [["-", code(no["credential"]), "not tried", "none", code(no["reason"]), "none"] for no in told["notTried"]]
    head = ["Attempt", "Credential", "State", "HTTP status", "Why the next was taken", "Ledger entry"]
    return "\n\n".join([listed(lines), table(head, tried)])


def _attempt(place: int, one: Mapping[str, Any]) -> list[str]:
    answer = f" {sentence(one['answer'])}" if one["answer"] else ""
    return [
        str(place),
        code(one["credential"]),
        word(one["state"]),
        number(one["httpStatus"], "none"),
        f"{code(one['reason'], 'it counted')}{answer}",
        number(one["ledgerIndex"], "none"),
    ]


def _overview(report: Report) -> str:
    rows = [
        [word(one["component"]), word(one["state"]), number(one["score"]), sentence(one["details"]) or "-"]
        for one in report["overview"]
    ]
    return table(["Component", "Status", "Score", "Details"], rows)


def _fixes(report: Report) -> str:
    return listed(
        f"{code(fix['remedy'])}: {sentence(fix['about'])} ({number(fix['files'])} files, {number(fix['lines'])} lines)"
        for fix in report["autoFixes"]
    )


def _sentences(name: str) -> Callable[[Report], str]:
    return lambda report: listed(sentence(text) for text in report[name])


def _decision(report: Report) -> str:
    told = report["decision"]
    reasoning = listed(sentence(text) for text in told["reasoning"])
    actions = listed(sentence(text) for text in told["recommended"])
    return f"**Gate:** {word(told['gate'])}\n\n**Reasoning:**\n\n{reasoning}\n\n**Recommended actions:**\n\n{actions}"


def _metrics(report: Report) -> str:
    told = report["metrics"]
    rows = [
        ["Confidence", number(report["header"]["confidence"], "unknown")],
        ["Health", number(report["header"]["health"], "unknown")],
        ["Checks", number(told["checks"])],
        *([f"Checks in state {word(name)}", number(count)] for name, count in told["states"].items()),
        ["Blocking issues", number(told["blockers"])],
        ["Warnings", number(told["warnings"])],
        ["Duration", number(told["durationMs"], unit=" ms")],
    ]
    return table(["Metric", "Value"], rows)


def _configuration(report: Report) -> str:
    return listed(f"{code(name)}: {code(value)}" for name, value in report["configuration"].items())


def _ledger(report: Report) -> str:
    rows = [[sentence(one["claim"]), number(one["index"])] for one in report["ledger"]]
    return table(["Claim", "Entry"], rows, "No entry: this report was made without a ledger.")


def _write(told: Mapping[str, Any]) -> str:
    pull = f", pull request {number(told['pullRequest'])}" if told["pullRequest"] else ""
    entry = f", ledger entry {number(told['ledgerIndex'])}" if told["ledgerIndex"] is not None else ""
    return f"**Operation:** {code(told['operation'])} ({code(told['verb'])}): {word(told['state'])}{pull}{entry}"


SECTIONS: tuple[tuple[str, Callable[[Report], str]], ...] = (
    ("Auto-Healing Summary", _summary),
    ("Remediation Actions Taken", _remediation),
    ("Rollback Safety Status", _rollback),
    ("Secure Re-Dispatch", _redispatch),
    ("System Health Overview", _overview),
    ("Auto-Fixes Applied", _fixes),
    ("Blocking Issues", _sentences("blockers")),
    ("Warnings", _sentences("warnings")),
    ("Manual Actions Required", _sentences("manualActions")),
    ("CI Decision Matrix", _decision),
    ("Health Metrics", _metrics),
    ("System Configuration", _configuration),
    ("Ledger References", _ledger),
)
"""The seed's sections in its order; Secure Re-Dispatch and Ledger References are ours."""
