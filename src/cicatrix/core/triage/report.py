"""The report in the seed's shape 1.0; what we add stands beside it and never changes a field of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cicatrix.core.triage.signal import cut, excerpt_hash, primary_signal
from cicatrix.core.triage.types import check_type
from cicatrix.core.verdict import UNKNOWN, FailureClass, Verdict

SCHEMA_VERSION = "1.0"
EXTERNAL = "external"
"""Type of a check that no job of GitHub Actions made: there is no run to rerun."""


class NextAction(StrEnum):
    RERUN = "RERUN"
    HOLD = "HOLD"
    """Nothing to change in the code, and a rerun would end the same way: somebody has to look at the platform."""
    PROMPT = "PROMPT"
    """Somebody, or an agent, has to change something."""
    NONE = "NONE"


_BY_CLASS = {
    FailureClass.INFRA_TRANSIENT: NextAction.RERUN,
    FailureClass.FLAKY_PROBABLE: NextAction.RERUN,
    FailureClass.INFRA_PERSISTENT: NextAction.HOLD,
    FailureClass.DETERMINISTIC: NextAction.PROMPT,
    FailureClass.UNKNOWN: NextAction.PROMPT,
    FailureClass.CANCELLED: NextAction.NONE,
}
_WHY = {
    FailureClass.INFRA_TRANSIENT: "the platform or the network failed, not the code",
    FailureClass.FLAKY_PROBABLE: "the same code may pass when it runs again",
    FailureClass.INFRA_PERSISTENT: "the platform fails, and would fail again until somebody repairs it",
    FailureClass.DETERMINISTIC: "the code, its tests or its configuration fail, and would fail again",
    FailureClass.UNKNOWN: "no evidence says that a rerun would help",
    FailureClass.CANCELLED: "it was cancelled, and nothing says that it failed",
}


def next_action(failure_class: FailureClass) -> NextAction:
    """What the class asks for. The same class decides about reruns, so both surfaces agree (GE-3)."""
    return _BY_CLASS[failure_class]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLine:
    number: int
    name: str
    conclusion: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """Lines of a log round the last error of the failed step: redacted, without control characters."""

    text: str
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check that ended in anything but success, skipped or neutral. Texts are redacted already."""

    name: str
    conclusion: str
    url: str = ""
    run_id: int | None = None
    job_id: int | None = None
    step: str | None = None
    steps: tuple[StepLine, ...] = ()
    excerpt: Excerpt | None = None
    summary: str = ""
    """What the check says about itself, where there is no log: its output's summary, else its title."""
    verdict: Verdict = UNKNOWN
    external: bool = False
    dependant: bool = False
    """A gate that failed because what it needs failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was triaged, and under which rules."""

    request_id: str
    environment: str
    lawbook_hash: str
    repository: str
    number: int
    """0 for a run or a commit without a pull request."""
    head_sha: str
    head_ref: str = ""
    base_ref: str = ""


def triage_report(
    subject: Subject,
    findings: Sequence[Finding],
    *,
    pending: int,
    total: int | None = None,
    incomplete: str | None = None,
    truncated: bool = False,
) -> dict[str, Any]:
    """The report as JSON-able data, failures sorted by name, run and job.

    `summary.overall`: RED when a failure asks for PROMPT or HOLD, YELLOW when failures ask for no more than a rerun,
    PENDING when nothing failed and something is still going or could not be read to the end, else GREEN.
    """
    ordered = sorted(findings, key=lambda f: (f.name, f.run_id or 0, f.job_id or 0))
    failures = [_failure(finding) for finding in ordered]
    summary: dict[str, Any] = {
        "overall": _overall([f["recommendation"]["nextAction"] for f in failures], pending, incomplete),
        "failingChecks": len(failures),
        "failingRuns": len({f.run_id for f in ordered if f.run_id is not None}),
        "pendingChecks": pending,
    }
    if total is not None:
        summary["totalChecks"] = total
    if incomplete:
        summary["incomplete"] = incomplete
    pull: dict[str, Any] = {"number": subject.number, "headSha": subject.head_sha}
    pull |= {k: v for k, v in (("headRef", subject.head_ref), ("baseRef", subject.base_ref)) if v}
    return {
        "schemaVersion": SCHEMA_VERSION,
        "requestId": subject.request_id,
        "deploymentEnv": subject.environment,
        "lawbookHash": subject.lawbook_hash,
        "repo": subject.repository,
        "pr": pull,
        "summary": summary,
        "failures": failures,
        "truncated": truncated
        or bool(incomplete)
        or any(f.excerpt is not None and f.excerpt.truncated for f in ordered),
    }


def _overall(actions: Sequence[str], pending: int, incomplete: str | None) -> str:
    if any(action in {NextAction.PROMPT, NextAction.HOLD} for action in actions):
        return "RED"
    if actions:
        return "YELLOW"
    return "PENDING" if pending or incomplete else "GREEN"


@dataclass(frozen=True, slots=True)
class _Advice:
    action: NextAction
    rationale: str = field(default="")


def _failure(finding: Finding) -> dict[str, Any]:
    verdict = finding.verdict
    text = finding.excerpt.text if finding.excerpt is not None and finding.excerpt.text else ""
    excerpt = text or finding.summary or _generic(finding)
    advice = _advice(finding)
    entry: dict[str, Any] = {
        "checkName": finding.name,
        "type": EXTERNAL if finding.external else check_type(finding.name),
        "conclusion": finding.conclusion,
        "class": verdict.failure_class.value,
    }
    entry |= {"runId": finding.run_id} if finding.run_id is not None else {}
    entry |= {"jobId": finding.job_id} if finding.job_id is not None else {}
    entry |= {"stepName": finding.step} if finding.step else {}
    entry["evidence"] = {"url": finding.url, "excerpt": excerpt, "excerptHash": excerpt_hash(excerpt)}
    if verdict.line_number is not None:
        entry["evidence"]["lineNumber"] = verdict.line_number
    entry["primarySignal"] = cut(verdict.line or "") or primary_signal(excerpt) or cut(excerpt.split("\n", 1)[0])
    entry["recommendation"] = {"nextAction": advice.action.value, "rationale": advice.rationale}
    entry["confidence"] = verdict.confidence
    entry |= {"rule": verdict.rule} if verdict.rule else {}
    entry |= {"signature": verdict.signature} if verdict.signature else {}
    entry |= {"dependantFailure": True} if finding.dependant else {}
    if finding.steps:
        entry["steps"] = [{"number": s.number, "name": s.name, "conclusion": s.conclusion} for s in finding.steps]
    return entry


def _advice(finding: Finding) -> _Advice:
    verdict = finding.verdict
    if finding.dependant:
        return _Advice(NextAction.NONE, "a gate: it failed because what it needs failed, and ends well when that does")
    if finding.conclusion == "action_required":
        return _Advice(NextAction.HOLD, "it waits for a person: somebody with the right has to approve or act")
    why = _WHY[verdict.failure_class]
    if verdict.rule:
        why += f" (rule {verdict.rule}, confidence {verdict.confidence} %)"
    if verdict.suspected is not None and verdict.failure_class is FailureClass.UNKNOWN:
        why += f"; suspected {verdict.suspected}"
    if finding.external:
        why = "a check of another app: nothing of it can be rerun here; " + why
    return _Advice(next_action(verdict.failure_class), why)


def _generic(finding: Finding) -> str:
    """The line for a check that left no text, as of a runner that went away."""
    where = f" in step {finding.step}" if finding.step else ""
    cause = f": {finding.verdict.counter_evidence}" if finding.verdict.counter_evidence else ""
    known = f" (settled by {finding.verdict.rule})" if finding.verdict.rule else ""
    return f"{finding.name} ended in {finding.conclusion}{where} and left no log to show{known}{cause}."
