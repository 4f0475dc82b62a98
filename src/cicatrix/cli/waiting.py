"""`--wait`: ticks until the outcome of a request is known, or the time is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from cicatrix.core.cases import ENDED, Case
from cicatrix.core.operations import OperationState
from cicatrix.core.outcome import HEALED
from cicatrix.flows.context import Context
from cicatrix.flows.explain import awaits
from cicatrix.flows.tick import tick

from . import state
from .errors import Code, credentials_refused
from .screen import Format


def wait(
    ctx: Context, answer: Mapping[str, Any], timeout: float, before: Code, shape: Format
) -> tuple[dict[str, Any], Code]:
    """What became of the request's reruns, and the exit code: 0 all healed, 1 not, 8 no outcome in time, 130 Ctrl-C.

    Wakes what is due meanwhile, as `cicatrix tick` does. A request without any operation ends at once as `before`.
    """
    try:
        return _wait(ctx, answer, timeout, before, shape)
    except KeyboardInterrupt:
        state.screen.say("recorded; cicatrix tick goes on")
        return {"outcomes": []}, Code.INTERRUPTED


def _wait(
    ctx: Context, answer: Mapping[str, Any], timeout: float, before: Code, shape: Format
) -> tuple[dict[str, Any], Code]:
    screen = state.screen
    request_id = str(answer["requestId"])
    until = ctx.now() + timedelta(seconds=timeout)
    said = ""
    while True:
        cases = _cases(ctx, request_id)
        if not cases:
            return {}, before
        waiting_for = [case for case in cases if case.state not in ENDED]
        if not waiting_for:
            return _ended(ctx, request_id, shape)
        now = _told(ctx, waiting_for)
        if now != said:
            screen.say(now)
            said = now
        left = (until - ctx.now()).total_seconds()
        if left <= 0:
            screen.say("the time is over: `cicatrix tick` goes on, `cicatrix explain` shows what came of it")
            return {"outcomes": []}, Code.PENDING
        ctx.sleep(min(left, ctx.deployment.poll_interval.total_seconds()))
        for ticked in tick(ctx):
            ctx.log("tick", run=ticked.run, before=ticked.before, after=ticked.after, note=ticked.note)


def _told(ctx: Context, cases: Sequence[Case]) -> str:
    with ctx.ledger.read() as view:
        return "; ".join(f"run {case.run_id}: {case.state.value}, awaits {awaits(view, case)}" for case in cases)


def _cases(ctx: Context, request_id: str) -> list[Case]:
    with ctx.ledger.read() as view:
        runs = {(op.host, op.repository_id, op.run_id) for op in view.operations_of_request(request_id)}
        found = [view.case_of_run(*run) for run in sorted(runs)]
    return [case for case in found if case is not None]


def _ended(ctx: Context, request_id: str, shape: Format) -> tuple[dict[str, Any], Code]:
    screen = state.screen
    with ctx.ledger.read() as view:
        operations = view.operations_of_request(request_id)
        rows = [stored.row for op in operations for stored in view.outcomes(operation_id=op.id)]
    outcomes = [
        {"runId": int(row.run_id), "jobName": row.job_name, "outcome": row.outcome, "minutes": row.minutes}
        for row in rows
        if row.named
    ]
    if shape is Format.TABLE:
        for row in rows:
            if row.named:
                word = row.outcome.replace("_", " ")
                screen.line(f"{'✓' if row.outcome == HEALED else '✗'} {word}: {screen.safe(row.job_name)}")
    if any(op.state is OperationState.INDETERMINATE for op in operations):
        screen.say("an operation is INDETERMINATE: `cicatrix operation list` shows it, a person has to resolve it")
        return {"outcomes": outcomes}, Code.PENDING
    if any(op.state is OperationState.REFUSED for op in operations) and not outcomes:
        refused = [op.answer for op in operations if op.state is OperationState.REFUSED]
        rights = all(map(credentials_refused, refused))
        return {"outcomes": outcomes}, Code.AUTHENTICATION if rights else Code.BLOCKED
    healed = bool(outcomes) and all(o["outcome"] == HEALED for o in outcomes)
    return {"outcomes": outcomes}, Code.DONE if healed else Code.ERROR
