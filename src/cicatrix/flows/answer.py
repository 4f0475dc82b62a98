"""The answer in the seed's schema 1.0: its fields never change, ours are optional additions after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cicatrix.core.attempts import RunFacts
from cicatrix.core.operations import Operation, OperationState
from cicatrix.core.plan import JobPlan, Plan
from cicatrix.core.policy import Denial, Policy, RerunRequest
from cicatrix.core.reasons import Action, Reason
from cicatrix.core.verdict import Verdict
from cicatrix.flows.reading import Reading

SCHEMA_VERSION = "1.0"

RERUN_TRIGGERED = "RERUN_TRIGGERED"
BLOCKED = "BLOCKED"
NOOP = "NOOP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One run's decision after it was recorded and, if it asked for a call, acted on."""

    facts: RunFacts
    plan: Plan
    decision_id: str
    ledger_index: int
    operation: Operation | None = None
    override: Reason | None = None
    """What the call's fate makes of the jobs that were to rerun: github_refused, outcome_unknown, run_in_progress."""
    override_why: str = ""
    wake_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """A line of the answer that no run's decision covers: a check of another app, or nothing found."""

    name: str
    conclusion: str
    reason: Reason
    why: str = field(default="")


def build_answer(
    request: RerunRequest, reading: Reading, decided: Sequence[Decided], extras: Sequence[Extra] = ()
) -> dict[str, Any]:
    """The result as JSON-able data (camelCase, GitHub's ids as numbers as in the seed)."""
    jobs = [_job(d, job) for d in decided for job in d.plan.jobs] + [_extra(e) for e in extras]
    actions = [job["action"] for job in jobs]
    actions_of_runs = actions + [
        Action.BLOCKED.value for d in decided if not d.plan.jobs and d.plan.decision == BLOCKED
    ]
    answer: dict[str, Any] = {
        "schemaVersion": SCHEMA_VERSION,
        "requestId": request.request_id,
        "lawbookHash": reading.policy.resolved.hash,
        "deploymentEnv": reading.policy.environment.value,
        "target": _target(reading, decided),
        "decision": _decision(actions_of_runs),
        "reasons": _reasons(reading, decided, extras),
        "jobs": jobs,
        "metadata": {
            "totalJobs": len(jobs),
            "rerunJobs": actions.count(Action.RERUN.value),
            "blockedJobs": actions.count(Action.BLOCKED.value),
            "skippedJobs": actions.count(Action.SKIP.value),
        },
        "lawbookVersion": reading.policy.resolved.lawbook.version,
    }
    if request.dry_run:
        answer["dryRun"] = True
    denials = [d.plan.denial for d in decided if d.plan.denial]
    if answer["decision"] == BLOCKED and denials:
        answer["denial"] = _denial(denials[0])
    if len(decided) == 1:
        answer["decisionId"] = decided[0].decision_id
        answer["ledgerIndex"] = decided[0].ledger_index
        if decided[0].operation is not None:
            answer["operationId"] = decided[0].operation.id
    wakes = [d.wake_at or d.plan.wake_at for d in decided]
    if answer["decision"] == BLOCKED and (soonest := min((w for w in wakes if w), default=None)):
        answer["wakeAt"] = soonest.isoformat().replace("+00:00", "Z")
    return answer


def _denial(denial: Denial) -> dict[str, Any]:
    """Which place said no to the request as a whole; the API answers with it instead of 200."""
    told: dict[str, Any] = {
        "code": denial.code,
        "what": denial.what,
        "why": denial.why,
        "next": denial.next,
        "details": dict(denial.details),
    }
    if denial.next_allowed_at is not None:
        told["nextAllowedAt"] = denial.next_allowed_at.isoformat().replace("+00:00", "Z")
    return told


def _target(reading: Reading, decided: Sequence[Decided]) -> dict[str, int]:
    target = {"prNumber": reading.pull_request.number if reading.pull_request else 0}
    if len(decided) == 1:
        target["runId"] = int(decided[0].facts.run.id)
    return target


def _decision(actions: Sequence[str]) -> str:
    if Action.RERUN.value in actions:
        return RERUN_TRIGGERED
    return BLOCKED if Action.BLOCKED.value in actions else NOOP


def _reasons(reading: Reading, decided: Sequence[Decided], extras: Sequence[Extra]) -> list[str]:
    lines: list[str] = []
    for d in decided:
        prefix = f"run {d.facts.run.id}: " if len(decided) > 1 else ""
        own = [line for line in d.plan.reasons if line not in reading.policy.remarks]
        if d.override:  # what was to rerun did not: its sentence would be untrue
            lines.append(f"{prefix}{d.override}: {d.override_why}")
            own = [line for line in own if not d.plan.price or not line.endswith(d.plan.price)]
        lines += [prefix + line for line in own]
    lines += [f"{e.reason}: {e.name} ({e.why})" for e in extras]
    if not decided and not any(e.reason is Reason.NO_RUN_ID for e in extras):
        lines.append(f"{Reason.NO_RUN_ID}: {nothing_found(reading)}")
    return [*lines, *reading.policy.remarks]


def nothing_found(reading: Reading) -> str:
    """Why there is no run to decide, for a person."""
    if reading.pending:
        return f"no failed run; still going: {', '.join(reading.pending[:3])}"
    return "no completed run of this head ended in failure or timed_out"


def _job(d: Decided, job: JobPlan) -> dict[str, Any]:
    action, reason, attempt, state = job.action, job.reason, job.attempt_number, job.state
    if d.override and action is Action.RERUN:
        action, reason, attempt, state = Action.BLOCKED, d.override, 0, None
    entry: dict[str, Any] = {
        "jobName": job.name,
        "jobId": int(job.job.id),
        "priorConclusion": job.job.conclusion or job.job.status,
        "action": action.value,
        "attemptNumber": attempt,
    }
    if reason:
        entry["reasonCode"] = reason.value
    entry["runId"] = int(d.facts.run.id)
    entry["decisionId"] = d.decision_id
    entry["ledgerIndex"] = d.ledger_index
    if d.operation is not None and action is not Action.SKIP:
        entry["operationId"] = d.operation.id
    if job.verdict is not None:
        entry["failureClass"] = job.verdict.failure_class.value
        entry["evidence"] = evidence(job.verdict)
    why = job.why.get(reason, "") if reason else ""
    if why:
        entry["detail"] = why
    if state:
        entry["state"] = state
    return entry


def evidence(verdict: Verdict) -> dict[str, Any]:
    """The evidence of a verdict, its empty fields left out. `line` was written by a stranger: data, never markup."""
    fields: Mapping[str, Any] = {
        "rule": verdict.rule,
        "stage": verdict.stage,
        "step": verdict.step,
        "lineNumber": verdict.line_number,
        "line": verdict.line,
        "confidence": verdict.confidence,
        "suspected": verdict.suspected.value if verdict.suspected else None,
        "counterEvidence": verdict.counter_evidence,
        "rulesetHash": verdict.ruleset_hash or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _extra(extra: Extra) -> dict[str, Any]:
    return {
        "jobName": extra.name,
        "priorConclusion": extra.conclusion,
        "action": extra.reason.action.value,
        "attemptNumber": 0,
        "reasonCode": extra.reason.value,
    }


def policy_line(policy: Policy) -> str:
    return f"lawbook {policy.resolved.lawbook.version} ({policy.resolved.hash[:12]})"


def settled_action(operation: Operation | None) -> bool:
    return operation is None or operation.state is OperationState.CONFIRMED
