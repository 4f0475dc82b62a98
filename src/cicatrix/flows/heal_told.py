"""A remediation as JSON, and as what a report is made from."""

from __future__ import annotations

from typing import Any

from cicatrix.core.health.codec import measurement_json
from cicatrix.core.report.inputs import Fix, Refusal, Remediation
from cicatrix.flows.heal import Healing

SCHEMA_VERSION = "1.0"


def healing_json(healing: Healing, *, dry_run: bool) -> dict[str, Any]:
    """Every number of it. Of a dry run no commit is left, so none is named. Texts in it may be foreign."""
    commit = None if dry_run else healing.commit
    return {
        "schemaVersion": SCHEMA_VERSION,
        "dryRun": dry_run,
        "caseId": healing.case,
        "baseSha": healing.base_sha,
        "proposes": healing.commit is not None,
        "commit": commit,
        "branch": healing.branch if commit else None,
        "remediationApplied": commit is not None,
        "securityScoreImprovement": healing.security.improvement,
        "buildDiagnosticAvailable": healing.diagnostics is not None,
        "reasonCode": healing.reason.value if healing.reason else None,
        "why": healing.why,
        "improvement": healing.improvement,
        "before": measurement_json(healing.before),
        "after": None if healing.after is None else measurement_json(healing.after),
        "applied": [{"id": f.id, "about": f.about, "files": f.files, "lines": f.lines} for f in healing.applied],
        "declined": [{"id": d.id, "reasonCode": d.reason.value, "why": d.why} for d in healing.declined],
        "changes": [
            {"path": c.path, "status": c.status, "added": c.added, "removed": c.removed} for c in healing.changes
        ],
        "security": healing.security.as_json(),
        "buildDiagnostics": None if healing.diagnostics is None else healing.diagnostics.as_json(),
    }


def remediation_of(healing: Healing) -> Remediation:
    """What the health report tells of it. Fixes of a commit that is not proposed are not told as applied (RM-5)."""
    kept = healing.applied if healing.remediation_applied else ()
    refusals = [Refusal(remedy=d.id, reason=d.reason.value, why=d.why) for d in healing.declined]
    if healing.reason and not healing.remediation_applied:
        refusals += [Refusal(remedy=f.id, reason=healing.reason.value, why=healing.why) for f in healing.applied]
    return Remediation(
        fixes=tuple(Fix(remedy=f.id, about=f.about, files=f.files, lines=f.lines) for f in kept),
        refusals=tuple(refusals),
        commit=healing.commit,
        security=healing.security.as_json(),
        build=None if healing.diagnostics is None else healing.diagnostics.as_json(),
    )
