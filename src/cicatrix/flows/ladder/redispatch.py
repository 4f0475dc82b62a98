"""Rung 3: ask an independent workflow to measure a commit, and wait for its signed report (RD-1 to RD-6, VA-1).

What is remembered in the case before anything leaves: the operation's id, which travels in the payload, and a nonce
that nobody could guess. A dispatch that GitHub accepted proves nothing: the run that bears the id does, and its report.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from cicatrix.core.actions import ActionType
from cicatrix.core.dispatching import (
    EVENT_TYPE,
    SETUP_PAGE,
    DispatchPayload,
    Known,
    Step,
    build_payload,
    dispatch_stops,
    next_step,
)
from cicatrix.core.facts import Receipt, WorkflowRun
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.health.codec import measurement_from
from cicatrix.core.health.model import Measurement
from cicatrix.core.operations import Kind, OperationState, Verb
from cicatrix.core.reasons import Reason
from cicatrix.core.report_signature import report_key, verify
from cicatrix.flows.context import Dispatcher
from cicatrix.flows.ladder import records
from cicatrix.flows.ladder.effects import ensure
from cicatrix.flows.ladder.rung import Effect, EffectState, Rung, Wish
from cicatrix.github import GitHub, GitHubError
from cicatrix.github.archives import BadArchive, read_member
from cicatrix.ledger import Tx

ARTIFACT = "cicatrix-validation"
MEMBER = "validation.json"
MOST_BYTES = 1_000_000
LEASE = timedelta(minutes=30)
"""How long a dispatch keeps its ref to itself, unless its case ends before."""

Stop = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is to be validated, and why."""

    sha: str
    base_sha: str
    """The commit that the change started from."""
    changed_at: datetime
    security_improvement: int | None = None
    build_diagnostics: bool | None = None
    triggered_by: str = "phase3-auto-healing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """Where a validation stands. Exactly one of `report`, `wake_at` and `reason` is there."""

    rung: Rung
    report: Measurement | None = None
    before: Measurement | None = None
    """The base commit, measured beside it by the same tools; part of what was signed."""
    wake_at: datetime | None = None
    reason: str = ""
    why: str = ""


def awaited(rung: Rung, subject: Subject) -> Awaited:
    """One step towards the report on `subject`: dispatch, find the run, read and check what it reports."""
    asked = rung.data("validation")
    if asked.get("sha") != subject.sha:
        asked = {"sha": subject.sha, "base": subject.base_sha, "tried": []}
    outcome = _dispatched(rung, subject, asked)
    if isinstance(outcome, Awaited):
        return outcome
    rung, effect = outcome
    return _report(rung, effect)


# --- the dispatch, credential by credential ---


def _dispatched(rung: Rung, subject: Subject, asked: Mapping[str, Any]) -> Awaited | tuple[Rung, Effect]:
    tried: list[dict[str, Any]] = list(asked.get("tried", []))
    while True:
        dispatcher = _next(rung, tried)
        if dispatcher is None:
            return _none_left(rung, asked, tried)
        asked = {**asked, "tried": tried}
        if asked.get("credential") != dispatcher.name:
            fresh = {"opId": rung.ctx.new_id(), "nonce": _nonce(rung), "askedAt": rung.ctx.now().isoformat()}
            asked = {**asked, **fresh, "credential": dispatcher.name}
        if rung.data("validation") != asked:
            rung = rung.save(rung.case.state, wake_at=rung.ctx.now(), validation=asked)
        try:
            acting = _acting(rung, dispatcher)
        except GitHubError as trouble:
            status = trouble.status or 0
            if next_step(status or None).step is not Step.NEXT_CREDENTIAL:
                raise
            tried = [*tried, _attempt(dispatcher, HealReason.CREDENTIAL_INVALID.value, str(trouble), status)]
            continue
        effect = ensure(acting, _wish(rung, subject, asked), _guard(rung, subject, str(asked["opId"])))
        _note(rung, dispatcher)
        if effect.state is not EffectState.REFUSED:
            return rung, effect
        if next_step(effect.status or 422).step is not Step.NEXT_CREDENTIAL:
            return Awaited(rung=rung, reason=effect.reason, why=effect.why)
        tried = [*tried, _attempt(dispatcher, effect.reason, effect.why, effect.status)]


def _next(rung: Rung, tried: list[dict[str, Any]]) -> Dispatcher | None:
    used = {str(one.get("credential")) for one in tried}
    return next((d for d in rung.ctx.dispatchers if d.name not in used), None)


def _attempt(dispatcher: Dispatcher, reason: str, why: str, status: int) -> dict[str, Any]:
    return {"credential": dispatcher.name, "reason": reason, "why": why[:300], "status": status}


def _acting(rung: Rung, dispatcher: Dispatcher) -> Rung:
    identity = dispatcher.github.identity(rung.home.owner, rung.home.name)
    return replace(rung, github=dispatcher.github, identity=identity, credential=dispatcher.name)


def _none_left(rung: Rung, asked: Mapping[str, Any], tried: list[dict[str, Any]]) -> Awaited:
    rung = rung.save(rung.case.state, wake_at=rung.ctx.now(), validation={**asked, "tried": tried})
    if not tried:
        why = f"no credential may start a validation: {SETUP_PAGE} tells how to set one up"
        return Awaited(rung=rung, reason=HealReason.CREDENTIAL_MISSING.value, why=why)
    told = "; ".join(f"{one['credential']} {one['status']} {one['reason']}" for one in tried)
    why = f"every credential was refused ({told}): {SETUP_PAGE} tells how to set one up"
    return Awaited(rung=rung, reason=str(tried[-1]["reason"]), why=why)


def _nonce(rung: Rung) -> str:
    """Text of 256 bits that nobody can guess; ids of the ledger are made to be that."""
    return (rung.ctx.new_id() + rung.ctx.new_id()).replace("-", "")


def _note(rung: Rung, dispatcher: Dispatcher) -> None:
    """Which token was used: a changed one is a rotation, and an entry (TK-4)."""
    if dispatcher.fingerprint:
        with rung.ctx.ledger.write("credential") as tx:
            tx.note_credential(dispatcher.name, dispatcher.fingerprint, expires_at=dispatcher.github.token_expiry())


def _guard(rung: Rung, subject: Subject, op_id: str) -> Any:
    """Limits per commit and per case, and the lease of the ref (RD-4), counted under the write lock."""
    rules, home = rung.resolved.lawbook.dispatch, rung.home
    ref = f"refs/heads/{rung.branch}" if rung.branch else ""

    def guard(tx: Tx) -> Stop | None:
        every = tx.operations_since(home.host, home.id, tx.now - timedelta(days=30), (Kind.DISPATCH.value,))
        others = [op for op in every if op.state is not OperationState.REFUSED and op.id != op_id]
        leased = ref and not tx.take_lease(home.host, home.id, ref, rung.case.id, tx.now + LEASE)
        holder = tx.lease(home.host, home.id, ref) if leased else None
        stops = dispatch_stops(
            rules,
            of_commit=sum(op.head_sha == subject.sha for op in others),
            of_case=sum(op.case_id == rung.case.id for op in others),
            leased_by=(holder.case_id if holder else "another") if leased else None,
        )
        return (stops[0][0].value, stops[0][1]) if stops else None

    return guard


def _wish(rung: Rung, subject: Subject, asked: Mapping[str, Any]) -> Wish:
    rules = rung.resolved.lawbook.dispatch
    direct = rules.via == "workflow_dispatch"
    deadline = datetime.fromisoformat(str(asked["askedAt"])) + rules.deadline
    payload = build_payload(
        DispatchPayload(
            commit_sha=subject.sha,
            triggered_by=subject.triggered_by,
            remediation_timestamp=subject.changed_at,
            security_improvement=subject.security_improvement,
            build_diagnostics=subject.build_diagnostics,
            known=Known(
                op_id=str(asked["opId"]), nonce=str(asked["nonce"]), base_sha=subject.base_sha, deadline=deadline
            ),
        )
    )

    def send(github: GitHub, receipt: Receipt, _: str) -> Mapping[str, object]:
        owner, name = rung.home.owner, rung.home.name
        if not direct:
            return github.repository_dispatch(
                owner, name, event_type=EVENT_TYPE, client_payload=payload, receipt=receipt
            ).data
        inputs = {"payload": json.dumps(payload, sort_keys=True), "op_id": str(asked["opId"])}
        ref = rung.home.default_branch or "main"
        return github.workflow_dispatch(owner, name, rules.workflow, ref=ref, inputs=inputs, receipt=receipt).data

    return Wish(
        kind=Kind.DISPATCH,
        verb=Verb.WORKFLOW_DISPATCH if direct else Verb.REPOSITORY_DISPATCH,
        action=ActionType.DISPATCH_WORKFLOW,
        target=f"dispatch:{subject.sha[:12]}:{str(asked['opId'])[:8]}",
        head_sha=subject.sha,
        params={"nonce": str(asked["nonce"]), "deadline": deadline.isoformat(), "workflow": rules.workflow},
        send=send,
        operation_id=str(asked["opId"]),
        proven_by_read=True,
    )


# --- the run and its report ---


def _report(rung: Rung, effect: Effect) -> Awaited:
    """The report of the run that the dispatch started, once it is there; silence until the deadline ends the wait."""
    now, asked = rung.ctx.now(), rung.data("validation")
    deadline = datetime.fromisoformat(str(asked["askedAt"])) + rung.resolved.lawbook.dispatch.deadline
    if effect.state is EffectState.UNKNOWN:
        return Awaited(rung=rung, reason=Reason.OUTCOME_UNKNOWN.value, why="no run bears the dispatch's id")
    try:
        run = _run(rung, effect) if effect.done else None
        if run is not None and run.completed:
            return _read(rung, run)
        why = "no run bears the dispatch's id" if run is None else f"run {run.id} is {run.status}"
    except GitHubError as trouble:
        if now < deadline + rung.ctx.deployment.reconcile_window:
            raise
        why = f"its run cannot be read: {trouble}"  # somebody deleted it, or its artifact is larger than is read
    if now >= deadline:
        return Awaited(rung=rung, reason=HealReason.NO_REPORT.value, why=f"no report by {deadline:%H:%M:%S} UTC: {why}")
    wake = min(effect.wake_at or deadline, now + rung.ctx.deployment.poll_interval, deadline)
    return Awaited(rung=rung, wake_at=max(wake, now))


def _run(rung: Rung, effect: Effect) -> WorkflowRun | None:
    run_id = str(effect.data.get("runId", ""))
    return rung.ctx.github.run(rung.home.owner, rung.home.name, run_id) if run_id else None


def _read(rung: Rung, run: WorkflowRun) -> Awaited:
    asked = rung.data("validation")
    workflow = f".github/workflows/{rung.resolved.lawbook.dispatch.workflow}"
    if run.path.partition("@")[0] != workflow:
        return _refused(rung, run, f"run {run.id} is of {run.path}, not of {workflow}")
    try:
        text = _artifact(rung, run)
    except BadArchive as wrong:
        return _refused(rung, run, f"the artifact {ARTIFACT}: {wrong}")
    if text is None:
        return _refused(rung, run, f"run {run.id} ended in {run.conclusion} and left no artifact {ARTIFACT}")
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return _refused(rung, run, "the report is not JSON")
    secret = rung.ctx.deployment.report_key
    nonce = str(asked["nonce"])
    problems = verify(
        tree,
        report_key(nonce=nonce, secret=secret),
        shared=secret is not None,
        op_id=str(asked["opId"]),
        nonce=nonce,
        sha=str(asked["sha"]),
    )
    if problems:
        return _refused(rung, run, "; ".join(problems))
    try:
        found = measurement_from(tree["measurement"])
        before = None if tree.get("before") is None else measurement_from(tree["before"])
    except (ValueError, KeyError, TypeError) as wrong:
        return _refused(rung, run, f"the report's measurement cannot be read: {wrong}")
    if found.sha != asked["sha"] or (before is not None and before.sha != asked["base"]):
        return _refused(rung, run, "the report measured another commit")
    told = {**asked, "runId": run.id, "runUrl": run.html_url, "delaySeconds": _delay(asked, run)}
    rung = rung.save(rung.case.state, wake_at=rung.ctx.now(), validation=told)
    return Awaited(rung=rung, report=_in_time(rung, found), before=before and _in_time(rung, before))


def _in_time(rung: Rung, found: Measurement) -> Measurement:
    """By our clock it was measured between the dispatch and now: a report cannot say that it is older, or newer."""
    asked = datetime.fromisoformat(str(rung.data("validation")["askedAt"]))
    return replace(found, taken_at=max(asked, min(found.taken_at, rung.ctx.now())))


def _delay(asked: Mapping[str, Any], run: WorkflowRun) -> int:
    """Seconds from the dispatch to the run's start, for the metrics (RD-5)."""
    started = run.run_started_at or run.created_at
    return max(0, int((started - datetime.fromisoformat(str(asked["askedAt"]))).total_seconds()))


def _artifact(rung: Rung, run: WorkflowRun) -> bytes | None:
    owner, name = rung.home.owner, rung.home.name
    listing = rung.ctx.github.artifacts(owner, name, run.id)
    mine = next((a for a in listing.items if a.name == ARTIFACT and not a.expired), None)
    if mine is None:
        return None
    return read_member(rung.ctx.github.artifact(owner, name, mine.id, limit=MOST_BYTES), MEMBER, MOST_BYTES)


def _refused(rung: Rung, run: WorkflowRun, why: str) -> Awaited:
    """A report that is not believed is on record, and leads nowhere."""
    with rung.ctx.ledger.write("validation.refused") as tx:
        data = {"validationRunId": run.id, "reasonCode": HealReason.REPORT_REFUSED.value}
        records.decided(tx, rung, "validation.refused", data, why=why)
    return Awaited(rung=rung, reason=HealReason.REPORT_REFUSED.value, why=why)
