"""Seed 002: its ten integration checks and six success criteria, each with the seed's words as docstring.

What needs the whole loop (rollback, end to end, CI) is shown by the stories of `tests/seeds` beside this one.
"""

from __future__ import annotations

import re
import time

import pytest

from cicatrix.core.dispatching import EVENT_TYPE, NEXT, Credential
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.operations import OperationState
from cicatrix.core.reasons import Reason
from cicatrix.core.report.build import build_report
from cicatrix.core.report.inputs import Attempt, Redispatch, RollbackTold
from cicatrix.core.report.render import TITLES, render_markdown
from cicatrix.core.rollback.plan import RollbackStatus
from cicatrix.settings import reference
from tests.report.reports import full, given, write
from tests.shipped.workflows import ROOT, actionlint, loaded, severe, step, zizmor

WORKFLOWS = ROOT / ".github" / "workflows"
HEALING, CHECK = WORKFLOWS / "phase3-auto-healing.yml", WORKFLOWS / "post-remediation-check.yml"
TOKENS = (ROOT / "docs" / "tokens.md").read_text(encoding="utf-8")


def rows_below(heading: str) -> list[list[str]]:
    """The table cells of one section of the guide."""
    section = re.split(rf"^#+ {re.escape(heading)}$", TOKENS, flags=re.MULTILINE)[1]
    section = re.split(r"^## ", section, flags=re.MULTILINE)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows if not row[0].strip().startswith(("---", "status", "code"))]


# --- the ten integration checks (tests/seeds/test_loop_002.py holds those that need the whole loop)


@pytest.mark.shows("IT-1", "RD-1", "RD-5", "C17")
def test_phase_3_workflow_configuration() -> None:
    """Phase 3 workflow configuration validation"""
    found = loaded(HEALING)
    assert list(found["jobs"]) == ["gate", "heal", "trigger-recheck"]
    healed, recheck = found["jobs"]["heal"], found["jobs"]["trigger-recheck"]
    # the original's condition could never hold when a person started it (C17)
    assert healed["if"] == "${{ needs.gate.outputs.exit_code == '1' || inputs.trigger_deep_remediation }}"
    assert recheck["if"] == "${{ needs.heal.outputs.remediation_applied == 'true' }}"
    assert recheck["permissions"]["contents"] == "write"
    told = set(step(found, "Have the repair validated")["env"])
    assert {credential.value for credential in Credential} - {"app", "GH_TOKEN"} < told
    assert "continue-on-error" not in str(recheck)
    assert severe(zizmor(HEALING)) == []
    assert actionlint(HEALING) == []


@pytest.mark.shows("IT-1", "VA-1", "VA-4")
def test_post_remediation_workflow_components() -> None:
    """Post-remediation workflow component verification"""
    found = loaded(CHECK)
    assert found["on"]["repository_dispatch"]["types"] == [EVENT_TYPE]
    assert "workflow_dispatch" in found["on"]
    assert list(found["jobs"]) == ["measure", "report"]
    assert "--measure-only" in step(found, "Measure exactly the commit")["with"]["arguments"]
    assert step(found, "Judge and sign")["env"]["CICATRIX_REPORT_KEY"] == "${{ secrets.CICATRIX_REPORT_KEY }}"
    action = loaded(ROOT / "action.yml")["outputs"]
    assert {
        *("confidence_score", "ci_ready", "blocking_issues", "lint_status", "security_status", "build_status"),
        *("effectiveness_score", "overall_status", "rollback_required", "rollback_reason"),
    } <= set(action)
    assert severe(zizmor(CHECK)) == []
    assert actionlint(CHECK) == []


@pytest.mark.shows("IT-1", "TK-1", "TK-2", "C21", "D7")
def test_secure_token_documentation() -> None:
    """Secure token setup documentation validation"""
    order = re.findall(r"^### \d\. (.+)$", TOKENS, flags=re.MULTILINE)
    assert [name.split()[0] for name in order] == ["GitHub", "GITHUB_TOKEN", "Fine-grained", "Classic"]
    assert "recommended" in order[0]
    assert "discouraged" in order[3]
    known = {name for row in reference() for name in row.variables}
    assert set(re.findall(r"`((?:CI|CICATRIX)_[A-Z_]+)`", TOKENS)) <= known
    granted = re.findall(r"`([a-z_]+): (?:read|write)`", TOKENS)
    assert {"actions", "contents", "workflows", "pull_requests", "checks"} <= set(granted)
    assert "**204**" in TOKENS


@pytest.mark.shows("IT-1", "TK-5", "RD-6")
def test_secure_token_documentation_with_troubleshooting() -> None:
    """Troubleshooting guide: every status and every code in it is one that exists, and none is missing"""
    first = rows_below("Troubleshooting")
    statuses = {int(status) for row in first for status in re.findall(r"\b[1-5]\d\d\b", row[0])}
    assert set(NEXT) <= statuses
    codes = {code for row in first for code in re.findall(r"^`([a-z_]+)`$", row[0])}
    assert codes <= {reason.value for reason in (*HealReason, *Reason)}
    refusals = {following.reason.value for following in NEXT.values() if following.reason}
    assert refusals | {HealReason.CREDENTIAL_MISSING.value} <= codes


@pytest.mark.shows("IT-1", "TK-4")
def test_secure_token_documentation_with_best_practices() -> None:
    """Security best practices: rotation every 90 days, storage, access review, a plan for revoking"""
    headings = re.findall(r"^## (.+)$", TOKENS, flags=re.MULTILINE)
    assert {"Store it", "Watch it", "Rotation every 90 days", "Monthly checklist", "Best practices"} <= set(headings)
    rotation = TOKENS.split("## Rotation every 90 days")[1].split("\n## ")[0]
    for word in ("CI_REDISPATCH_TOKEN_PREVIOUS_UNTIL", "credential.rotated", "Revoke the old one"):
        assert word in rotation
    assert "99 %" in TOKENS
    assert TOKENS.count("- [ ] ") == 5


@pytest.mark.shows("IT-1", "RP-1")
def test_report_enhancement() -> None:
    """Report enhancement verification"""
    begun = time.perf_counter()
    report = build_report(full())
    pages = {name: render_markdown(report, name) for name in TITLES}
    took = time.perf_counter() - begun
    print(f"report: {took:.3f} s; the seed names about 9.8 s")
    assert took < 9.8
    assert len(pages) == 6
    assert all(page.startswith("# ") for page in pages.values())


@pytest.mark.shows("IT-1", "RP-3", "RB-0")
def test_report_enhancement_with_phase_4_section() -> None:
    """Report enhancement with the Phase 4 section: rollback status, threshold, action, safety"""
    executed = RollbackTold(status=RollbackStatus.EXECUTED, safety=("the tree equals the parent's",), write=write())
    text = render_markdown(build_report(given(rollback=executed)))
    section = text.split("## Rollback Safety Status")[1].split("## ")[0]
    assert "ROLLBACK EXECUTED" in section
    assert "**Threshold:** below 30" in section
    assert "**Safety:**" in section
    assert "ledger entry 41" in section
    assert "**Phase 4 (rollback):** \U0001f6a8 ROLLBACK EXECUTED" in text


# --- success criteria


@pytest.mark.shows("IT-1", "RP-3")
def test_enhanced_reporting() -> None:
    """Enhanced Reporting: rollback status integrated in health reports"""
    for told, shown in (
        (RollbackTold(status=RollbackStatus.HEALTHY), "HEALTHY"),
        (RollbackTold(status=RollbackStatus.MONITORING), "MONITORING"),
        (RollbackTold(status=RollbackStatus.PROPOSED, write=write()), "ROLLBACK PROPOSED"),
        (RollbackTold(status=RollbackStatus.EXECUTED, write=write()), "ROLLBACK EXECUTED"),
        (RollbackTold(status=RollbackStatus.EXECUTED, write=write(OperationState.INDETERMINATE)), "ROLLBACK REQUIRED"),
    ):
        text = render_markdown(build_report(given(rollback=told)))
        assert re.search(rf"^- \*\*Status:\*\* \S+ {shown}$", text, flags=re.MULTILINE), shown


@pytest.mark.shows("IT-1", "TK-5")
def test_documentation_complete() -> None:
    """Documentation Complete: setup guide and troubleshooting available, and reached from where it is needed"""
    one = Attempt(credential="GITHUB_TOKEN", state=OperationState.REFUSED, status=403, reason="permission_missing")
    report = build_report(given(redispatch=Redispatch(via="repository_dispatch", attempts=(one,))))
    assert report["redispatch"]["status"] == "BLOCKED"
    page = next(found for line in report["manualActions"] if (found := re.search(r"docs/[a-z]+\.md", line)))
    assert (ROOT / page[0]).is_file()
    assert "## Troubleshooting" in TOKENS
