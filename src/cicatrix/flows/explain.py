"""Why and why not, per job, and the story of a run's case: read from GitHub and the ledger, written nowhere.

The results are JSON-able and serve the shell's table as well as its JSON. Job names, log lines and notes in them were
written by strangers: data, never markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from cicatrix.core.attempts import RunFacts
from cicatrix.core.cases import Case
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.operations import Operation
from cicatrix.core.plan import JobPlan, Plan
from cicatrix.core.policy import RerunRequest
from cicatrix.core.reasons import Action, Reason
from cicatrix.flows.answer import SCHEMA_VERSION, evidence, nothing_found
from cicatrix.flows.context import Context
from cicatrix.flows.ladder.story import sentence as ladder_sentence
from cicatrix.flows.reading import Reading, Target, read_target
from cicatrix.flows.record import stamp
from cicatrix.flows.rerun import preview_run
from cicatrix.ledger import EntryRow, View

Told = dict[str, Any]

MOST_EARLIER = 5
"""Cases of other runs of the pull request that are told; `explain run:ID` tells any."""

_USED = re.compile(r"\bused (\d+)\b")
_USE = re.compile(r" · used \d+ · left \d+")
"""What a bound tells of one job; nothing is used of a bound that is told without one."""


def explain(ctx: Context, target: Target) -> Told:
    """What a request for the target would be answered now, and what has become of earlier ones.

    Asks GitHub as a rerun would, and writes nothing, not to the ledger either. Raises GitHubError, LedgerError.
    """
    reading = read_target(ctx, target)
    request = RerunRequest(request_id="explain", principal="explain")
    runs = [_run(ctx, reading, facts, preview_run(ctx, request, reading, facts), request) for facts in reading.runs]
    policy = reading.policy
    return {
        "schemaVersion": SCHEMA_VERSION,
        "target": str(target),
        "deploymentEnv": policy.environment.value,
        "lawbookHash": policy.resolved.hash,
        "lawbookVersion": policy.resolved.lawbook.version,
        "policy": {
            "bound": _USE.sub("", str(policy.limits(request, 0))),
            "stops": [{"code": reason.value, "why": why} for reason, why in policy.stops],
            "remarks": list(policy.remarks),
            "registry": policy.evaluation.as_json() if policy.evaluation else None,
            "automation": None
            if policy.automation is None
            else {
                "allow": policy.automation.allow,
                "reason": policy.automation.reason,
                "policyName": policy.automation.policy_name,
            },
        },
        "runs": runs,
        "nothing": None if runs else nothing_found(reading),
        "otherChecks": [
            {"name": check.name, "app": check.app_slug, "conclusion": check.conclusion}
            for check in reading.other_checks
        ],
        "pending": list(reading.pending),
        "earlier": _earlier(ctx, reading),
    }


def _earlier(ctx: Context, reading: Reading) -> list[Told]:
    """The cases of the pull request's other runs, newest last: those that are green by now, or still going."""
    home, pull = reading.repository, reading.pull_request
    if home is None or pull is None:
        return []
    shown = {facts.run.id for facts in reading.runs}
    with ctx.ledger.read() as view:
        runs = dict.fromkeys(
            op.run_id
            for op in view.all_operations()
            if (op.host, op.repository_id, op.pull_request) == (home.host, home.id, pull.number)
            and op.run_id not in shown
        )
        return [
            {
                "runId": run_id,
                "url": run_url(ctx, home.full_name, run_id),
                **story_of_run(view, home.host, home.id, run_id),
            }
            for run_id in list(runs)[-MOST_EARLIER:]
        ]


def _run(ctx: Context, reading: Reading, facts: RunFacts, plan: Plan, request: RerunRequest) -> Told:
    run = facts.run
    failed = [j for j in plan.jobs if j.reason is not Reason.NOT_FAILED]
    tightest = min(failed or plan.jobs, key=lambda j: j.limits.left, default=None)
    with ctx.ledger.read() as view:
        story = story_of_run(view, facts.repository.host, facts.repository.id, run.id)
    return {
        "runId": run.id,
        "url": run_url(ctx, facts.repository.full_name, run.id),
        "workflow": run.name,
        "path": run.path,
        "event": run.event,
        "runAttempt": run.run_attempt,
        "headSha": run.head_sha,
        "headBranch": run.head_branch,
        "pullRequest": facts.pull_request_number,
        "preview": True,
        "decision": plan.decision,
        "reasons": [line for line in plan.reasons if line not in reading.policy.remarks],
        "price": plan.price,
        "wakeAt": stamp(plan.wake_at),
        "bound": str(tightest.limits if tightest else reading.policy.limits(request, 0)),
        "ledgerIndex": None,
        "jobs": [_job(job) for job in plan.jobs],
        "along": [ref.name for ref in plan.call.dependants] if plan.call else [],
        **story,
    }


def _job(job: JobPlan) -> Told:
    maximum = job.limits.left + job.limits.used
    told: Told = {
        "jobName": job.name,
        "jobId": job.job.id,
        "priorConclusion": job.job.conclusion or job.job.status,
        "action": job.action.value,
        "state": job.state,
        "reasonCode": job.reason.value if job.reason else None,
        "reasons": [_reason(reason, job.why.get(reason, "")) for reason in job.reasons],
        "failureClass": job.verdict.failure_class.value if job.verdict else None,
        "evidence": evidence(job.verdict) if job.verdict else None,
        "attempt": {"number": job.attempt_number or job.limits.used, "of": maximum},
        "limits": str(job.limits),
    }
    told["wouldChange"] = would_change(told["action"], told["reasonCode"])
    return told


def _reason(reason: Reason, why: str) -> Told:
    return {"code": reason.value, "why": why, "means": reason.page.means, "wouldChange": reason.page.would_change}


def would_change(action: str, code: str | None) -> str | None:
    """What would turn a refusal into a rerun; None for a job that reruns or did not fail."""
    if code is None or action == Action.RERUN.value or code == Reason.NOT_FAILED.value:
        return None
    return Reason(code).page.would_change


def run_url(ctx: Context, full_name: str, run_id: str) -> str:
    """The run's page on the web. Of the host's own address, so that every command prints the same link."""
    return f"{ctx.github.host.web_url}/{full_name}/actions/runs/{run_id}"


# --- what was answered ---------------------------------------------------------------------------------------------


def tell_answer(ctx: Context, target: Target, answer: Mapping[str, Any]) -> list[Told]:
    """The runs of an answer of `rerun_failed_jobs`, in the form that `explain` gives, completed from the ledger."""
    by_run: dict[str, list[Mapping[str, Any]]] = {}
    for job in answer.get("jobs", []):
        by_run.setdefault(str(job.get("runId", "")), []).append(job)
    told = []
    with ctx.ledger.read() as view:
        for run_id, jobs in by_run.items():
            if run_id:
                url = run_url(ctx, f"{target.owner}/{target.repository}", run_id)
                told.append(_answered(view, url, answer, run_id, jobs))
    return told


def _answered(view: View, url: str, answer: Mapping[str, Any], run_id: str, jobs: Sequence[Mapping[str, Any]]) -> Told:
    decided = view.decision(str(jobs[0].get("decisionId", ""))) or {}
    recorded = {(j.get("jobId"), j.get("name")): j for j in decided.get("jobs", [])}
    rows = [_answered_job(job, recorded.get((str(job.get("jobId")), job["jobName"]), {})) for job in jobs]
    failed = [row for row in rows if row["reasonCode"] != Reason.NOT_FAILED.value and row["limits"]]
    actions = {row["action"] for row in rows}
    prefix = f"run {run_id}: "
    return {
        "runId": run_id,
        "url": url,
        "workflow": decided.get("workflow", ""),
        "path": decided.get("workflowPath", ""),
        "event": None,
        "runAttempt": decided.get("runAttempt"),
        "headSha": decided.get("headSha", ""),
        "headBranch": None,
        "pullRequest": decided.get("pullRequest", answer.get("target", {}).get("prNumber", 0)),
        "preview": bool(answer.get("dryRun")),
        "decision": next((d for d, a in _BY_WEIGHT if a in actions), "NOOP"),
        "reasons": [
            line.removeprefix(prefix)
            for line in answer.get("reasons", [])
            if line.startswith(prefix) or not line.startswith("run ")
        ],
        "price": decided.get("price", ""),
        "wakeAt": answer.get("wakeAt"),
        "bound": failed[0]["limits"] if failed else "",
        "ledgerIndex": jobs[0].get("ledgerIndex"),
        "jobs": rows,
        "along": [],
    }


_BY_WEIGHT = (("RERUN_TRIGGERED", Action.RERUN.value), ("BLOCKED", Action.BLOCKED.value))


def _answered_job(job: Mapping[str, Any], recorded: Mapping[str, Any]) -> Told:
    code = job.get("reasonCode")
    limits = str(recorded.get("limits", ""))
    used = _USED.search(limits)
    others = [str(other) for other in recorded.get("reasons", []) if other != code]
    return {
        "jobName": job["jobName"],
        "jobId": job.get("jobId"),
        "priorConclusion": job["priorConclusion"],
        "action": job["action"],
        "state": job.get("state"),
        "reasonCode": code,
        "reasons": ([_reason(Reason(code), str(job.get("detail", "")))] if code else [])
        + [_reason(Reason(other), "") for other in others],
        "failureClass": job.get("failureClass"),
        "evidence": job.get("evidence"),
        "attempt": {
            "number": job["attemptNumber"] or (int(used[1]) if used else 0),
            "of": recorded.get("maximum"),
        },
        "limits": limits,
        "wouldChange": would_change(job["action"], code),
    }


# --- the story of a case -------------------------------------------------------------------------------------------


def story_of_run(view: View, host: str, repository_id: str, run_id: str) -> Told:
    """The run's case and everything that the ledger tells of it, oldest first."""
    case = view.case_of_run(host, repository_id, run_id)
    entries = view.entries_of(run=(host, repository_id, run_id))
    return {"case": _case(view, case), "story": [_entry(view, entry) for entry in entries]}


def explain_operation(view: View, operation_id: str) -> Told | None:
    """One operation with its entries, and the case of its run; None when there is none of that id."""
    operation = view.operation(operation_id)
    if operation is None:
        return None
    case = view.case_of_run(operation.host, operation.repository_id, operation.run_id)
    return {
        "operation": tell_operation(operation),
        "case": _case(view, case),
        "story": [_entry(view, entry) for entry in view.entries_of(operation_id=operation_id)],
    }


def explain_case(view: View, case_id: str) -> Told | None:
    """One case and everything that the ledger tells of it, oldest first; None when there is none of that id."""
    case = view.case(case_id)
    if case is None:
        return None
    entries = {entry.index: entry for entry in view.entries_of_case(case_id)}
    if case.run_id:
        entries |= {e.index: e for e in view.entries_of(run=(case.host, case.repository_id, case.run_id))}
    return {
        "case": _case(view, case),
        "repository": f"{case.owner}/{case.repository}",
        "runId": case.run_id,
        "ref": case.ref,
        "headSha": case.head_sha,
        "story": [_entry(view, entries[index]) for index in sorted(entries)],
    }


def explain_reason(reason: Reason | HealReason) -> Told:
    """The page of a reason code."""
    page = reason.page
    return {
        "code": reason.value,
        "action": page.action.value,
        "means": page.means,
        "lookAt": page.look_at,
        "wouldChange": page.would_change,
    }


def tell_operation(operation: Operation) -> Told:
    """An operation as JSON, with what a person may do about it."""
    return {
        "operationId": operation.id,
        "state": operation.state.value,
        "verb": operation.verb.value,
        "host": operation.host,
        "repository": f"{operation.owner}/{operation.repository}",
        "kind": operation.kind,
        "runId": operation.run_id,
        "target": operation.target,
        "caseId": operation.case_id,
        "pullRequest": operation.pull_request,
        "headSha": operation.head_sha,
        "baseAttempt": operation.base_attempt,
        "named": [ref.name for ref in operation.named],
        "dependants": [ref.name for ref in operation.dependants],
        "requestId": operation.request_id,
        "principal": operation.principal,
        "identity": operation.identity,
        "identityShared": operation.identity_shared,
        "sends": operation.sends,
        "answer": operation.answer,
        "createdAt": stamp(operation.created_at),
        "sentAt": stamp(operation.sent_at),
        "notBefore": stamp(operation.not_before),
        "settledAt": stamp(operation.settled_at),
        "decisionId": operation.decision_id,
        "ledgerIndexes": [
            index
            for index in (operation.decided_index, operation.intended_index, operation.settled_index)
            if index is not None
        ],
    }


def awaits(view: View, case: Case) -> str:
    """What the case waits for, with the number of the attempt that its operation makes."""
    operation = view.operation(case.operation_id) if case.operation_id else None
    return case.awaits if operation is None else case.awaits.replace("N+1", str(operation.base_attempt + 1))


def _case(view: View, case: Case | None) -> Told | None:
    if case is None:
        return None
    return {
        "caseId": case.id,
        "state": case.state.value,
        "awaits": awaits(view, case),
        "wakeAt": stamp(case.wake_at),
        "note": case.note,
        "openedAt": stamp(case.opened_at),
        "updatedAt": stamp(case.updated_at),
        "operationId": case.operation_id,
    }


def _entry(view: View, entry: EntryRow) -> Told:
    data = view.resolved(entry.data)
    return {
        "index": entry.index,
        "at": _at(entry.created_at),
        "kind": entry.kind,
        "text": sentence(entry.kind, data),
        "operationId": data.get("operationId"),
    }


def _at(moment: datetime) -> str | None:
    return stamp(moment)


def sentence(kind: str, data: Mapping[str, Any]) -> str:
    """One entry of the ledger in plain words. `data` has its texts resolved."""
    told = ladder_sentence(kind, data)
    if told is not None:
        return told
    event = kind.rpartition(".")[2]
    if event == "decided":
        return _decided(data)
    if event == "intended":
        along = f", with {_names(data.get('dependants', []))} running along" if data.get("dependants") else ""
        return f"{data.get('verb')} for {_names(data.get('named', []))}{along}: slots taken, {data.get('state')}"
    if event == "outcome":
        return "; ".join(
            f"{job.get('name')}: {str(job.get('outcome', '')).replace('_', ' ')}, {job.get('minutes')} min"
            for job in data.get("jobs", [])
        )
    answer = str(data.get("answer") or data.get("why") or data.get("how") or "")
    attempt = f"attempt {data['runAttempt']}" if data.get("runAttempt") else ""
    return ", ".join(part for part in (answer, attempt, str(data.get("as", ""))) if part) or event.replace("_", " ")


def _decided(data: Mapping[str, Any]) -> str:
    how = "dry run, " if data.get("dryRun") else ""
    would = any(str(job.get("state", "")).startswith("would_") for job in data.get("jobs", []))
    decision = "would rerun" if would else data.get("decision")
    return f"{how}{decision} for {data.get('principal')} on attempt {data.get('runAttempt')}: {_deciding(data)}"


def _deciding(data: Mapping[str, Any]) -> str:
    """The sentence of what decided. Entries of earlier versions may tell what was skipped before what blocked."""
    lines = str(data.get("reasons", "")).split("\n")
    told = [(reason, line) for line in lines if (reason := _reason_of(line))]
    if data.get("decision") == "BLOCKED":
        return next((line for reason, line in told if reason.action is Action.BLOCKED), lines[0])
    if _reason_of(lines[0]) is Reason.DEPENDANT_FAILURE:  # it follows from another job's failure, which says more
        return next((line for _, line in told[1:]), lines[0])
    return lines[0]


def _reason_of(line: str) -> Reason | None:
    code = line.partition(":")[0]
    return Reason(code) if code in set(Reason) else None


def _names(jobs: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(str(job.get("name")) for job in jobs)
