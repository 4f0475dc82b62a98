"""The validation of one dispatched commit, in two steps: measure it beside its code, then judge and sign elsewhere.

The key that signs is never where foreign code runs: the first step takes none. Whether a report feeds anything is
decided where the ledger is, by the operation's id; here an unknown case is measured and told like any other (VA-1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cicatrix.checks.detect import detect
from cicatrix.checks.measure import measure
from cicatrix.core.canonical import canonical_hash
from cicatrix.core.dispatching import DispatchPayload, build_payload
from cicatrix.core.health.codec import NotAMeasurement, measurement_from, measurement_json
from cicatrix.core.health.model import Check, CheckState, Component, Measurement
from cicatrix.core.health.score import set_hash
from cicatrix.core.report_signature import nonce_hash, report_key, sign
from cicatrix.core.validation import Verdict, judge
from cicatrix.git import GitError, local_worktree

MEASURED = "cicatrix.measured"
REPORT = "cicatrix.validation"
SCHEMA = 1

AUTOMATIC = "phase3-auto-healing"
"""The trigger whose fixes must be shown to improve something."""


class NotMeasuredError(Exception):
    """The commit was not measured, or the file is not the measurement of this payload. Nothing was judged."""

    def __init__(self, what: str, why: str, next_step: str) -> None:
        super().__init__(f"{what} {why}")
        self.what, self.why, self.next = what, why, next_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Yard:
    """Where measuring happens: a checkout, the declared checks (without any they are detected), the environment."""

    repository: Path
    checks: Sequence[Check] = ()
    environ: Mapping[str, str]
    now: Callable[[], datetime]
    git: str = "git"


def measure_payload(payload: DispatchPayload, yard: Yard) -> dict[str, Any]:
    """Exactly the payload's commit, measured in a clean worktree, and its base by the same checks where it is named.

    Raises NotMeasuredError when the checkout does not hold the commit. A base that is missing is "not measured".
    """
    try:
        after, checks = _measured(payload.commit_sha, yard, yard.checks)
    except GitError as wrong:
        raise NotMeasuredError(
            f"The commit {payload.commit_sha[:12]} cannot be checked out.", f"{wrong}.", "Fetch it: `fetch-depth: 0`."
        ) from None
    before = _base(payload, yard, checks)
    return {
        "kind": MEASURED,
        "schema": SCHEMA,
        "payload_hash": canonical_hash(build_payload(payload)),
        "set_hash": set_hash(checks),
        "after": measurement_json(after),
        "before": None if before is None else measurement_json(before),
    }


def _measured(sha: str, yard: Yard, checks: Sequence[Check]) -> tuple[Measurement, Sequence[Check]]:
    with local_worktree(yard.repository, sha, git=yard.git) as tree:
        if tree.sha != sha:
            raise GitError("another commit", why=f"The checkout gives {tree.sha[:12]} for {sha[:12]}.")
        chosen = checks or detect(tree.path, environ=yard.environ).checks
        return measure(tree.path, chosen, sha=sha, now=yard.now(), environ=yard.environ), chosen


def _base(payload: DispatchPayload, yard: Yard, checks: Sequence[Check]) -> Measurement | None:
    if payload.known is None or payload.known.base_sha == payload.commit_sha or not checks:
        return None
    try:
        return _measured(payload.known.base_sha, yard, checks)[0]
    except GitError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """A judged validation."""

    report: dict[str, Any]
    """JSON; signed when there is anything to sign with."""
    outputs: dict[str, object]
    """The step's outputs by the seed's names (VA-4)."""
    verdict: Verdict


def judge_measured(payload: DispatchPayload, tree: object, *, secret: str | None) -> Validated:
    """The verdict on what the first step measured, as a report that the ledger can believe.

    Signed with the shared secret when there is one, else with the dispatch's nonce; a manual start without a secret
    stays unsigned. Raises NotMeasuredError for a file that is not the measurement of this payload.
    """
    after, before = _read(payload, tree)
    verdict = judge(after, before, automatic_fix=payload.triggered_by == AUTOMATIC)
    known = payload.known
    report: dict[str, Any] = {
        "kind": REPORT,
        "schema": SCHEMA,
        "case": "unknown" if known is None else "known",
        "op_id": "" if known is None else known.op_id,
        "nonce_hash": "" if known is None else nonce_hash(known.nonce),
        "sha": payload.commit_sha,
        "base_sha": None if known is None else known.base_sha,
        "triggered_by": payload.triggered_by,
        "set_hash": after.set_hash,
        "measurement": measurement_json(after),
        "before": None if before is None else measurement_json(before),
        "verdict": verdict_json(verdict),
    }
    if known is not None or secret is not None:
        nonce = "" if known is None else known.nonce
        report = sign(report, report_key(nonce=nonce, secret=secret), shared=secret is not None)
    return Validated(report=report, outputs=outputs_of(after, verdict), verdict=verdict)


def _read(payload: DispatchPayload, tree: object) -> tuple[Measurement, Measurement | None]:
    if not isinstance(tree, dict) or tree.get("kind") != MEASURED or tree.get("schema") != SCHEMA:
        raise _foreign("it is not what `cicatrix validate --measure-only` writes")
    if tree.get("payload_hash") != canonical_hash(build_payload(payload)):
        raise _foreign("it was made for another payload")
    try:
        after = measurement_from(tree.get("after"))
        before = None if tree.get("before") is None else measurement_from(tree["before"])
    except NotAMeasurement as wrong:
        raise _foreign(str(wrong)) from None
    if after.sha != payload.commit_sha or tree.get("set_hash") != after.set_hash:
        raise _foreign("it is about another commit or other checks")
    if before is not None and (payload.known is None or before.sha != payload.known.base_sha):
        raise _foreign("its base is another commit")
    return after, before


def _foreign(why: str) -> NotMeasuredError:
    return NotMeasuredError(
        "The measurement is not used.", f"{why[:1].upper()}{why[1:]}.", "Measure again, with the same payload."
    )


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """The verdict as plain JSON."""
    return {
        "outcome": verdict.outcome.value,
        "effectiveness": verdict.effectiveness,
        "improvement": verdict.improvement,
        "rollback_required": verdict.rollback_required,
        "rollback_reason": verdict.rollback_reason,
        "exit_code": verdict.exit_code,
    }


def outputs_of(after: Measurement, verdict: Verdict) -> dict[str, object]:
    """The seed's outputs. What is not known is None, which the writer tells as `unknown`."""

    def state(component: Component) -> str:
        score = after.component(component)
        return (CheckState.SKIPPED if score is None else score.state).value

    return {
        "confidence_score": after.confidence,
        "ci_ready": after.ready,
        "blocking_issues": len(after.blockers),
        "lint_status": state(Component.LINT),
        "security_status": state(Component.SECURITY),
        "build_status": state(Component.BUILD),
        "effectiveness_score": verdict.effectiveness,
        "overall_status": verdict.overall_status,
        "rollback_required": verdict.rollback_required,
        "rollback_reason": verdict.rollback_reason,
    }
