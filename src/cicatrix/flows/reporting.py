"""The health report of a case, from nothing but the ledger: measurements, operations, and what the case remembers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cicatrix.core.cases import Case
from cicatrix.core.health.codec import measurement_from
from cicatrix.core.health.model import Gate, Measurement
from cicatrix.core.operations import Kind, Operation, OperationState, Verb
from cicatrix.core.records import MeasurementRow
from cicatrix.core.report.inputs import (
    Attempt,
    Fix,
    Redispatch,
    Refusal,
    Remediation,
    ReportInputs,
    RollbackTold,
    Write,
)
from cicatrix.core.rollback.plan import status
from cicatrix.ledger import View

EXIT = {Gate.PASS: 0, Gate.WARNING: 2, Gate.FAIL: 1, Gate.HOLD: 1}
"""The exit code of `gate` for each overall status (GK-5)."""

DEFAULT_THRESHOLD = 30
_NOW = ("validation", "after", "gate")
"""Purposes of a measurement that tell how the repaired commit stands; the newest of the first kind that there is."""


class NoMeasurementError(LookupError):
    """Nothing was measured for the case, so there is nothing to report."""

    what = "The case has no measurement."
    next = "Run `cicatrix gate` on the branch, or let `cicatrix tick` go on with the case."

    def __init__(self, case_id: str) -> None:
        super().__init__(case_id)
        self.why = f"Nothing was measured for case {case_id} yet, and a report needs numbers."


def report_of_case(view: View, case: Case, *, now: datetime) -> ReportInputs:
    """What the ledger knows of the case, as the inputs of a report. Raises NoMeasurementError without a measurement."""
    stored = view.measurements(case.host, case.repository_id, case_id=case.id, limit=200)
    if all(one.row.purpose != "gate" for one in stored):  # `gate` measured before it opened the case
        of_head = view.measurements(case.host, case.repository_id, sha=case.head_sha, limit=200)
        stored = (*stored, *(one for one in of_head if one.row.purpose == "gate" and not one.row.case_id))
    entries = view.entries_of_case(case.id)
    rules = next((entry.data for entry in reversed(entries) if "lawbookHash" in entry.data), {})
    return inputs_of(
        case,
        measured=[one.row for one in stored],
        indexes=[(f"{one.row.purpose}: health measured on {one.row.sha[:12]}", one.ledger_index) for one in stored],
        operations=view.operations_of_case(case.id),
        lawbook_hash=str(rules.get("lawbookHash", "unknown")),
        environment="prod" if rules.get("environment") == "prod" else "staging",
        now=now,
    )


def inputs_of(
    case: Case,
    *,
    measured: Sequence[MeasurementRow],
    indexes: Sequence[tuple[str, int]],
    operations: Sequence[Operation],
    lawbook_hash: str,
    environment: str,
    now: datetime,
) -> ReportInputs:
    """The same from values. `measured` is newest first, `operations` oldest first."""
    after = next((one for purpose in _NOW if (one := _newest(measured, purpose))), None)
    if after is None:
        raise NoMeasurementError(case.id)
    before = _newest(measured, "before") or (
        _newest(measured, "gate") if after is not _newest(measured, "gate") else None
    )
    threshold = int(_part(case, "rollback").get("healthBelow", DEFAULT_THRESHOLD))
    return ReportInputs(
        generated=now,
        repository=f"{case.owner}/{case.repository}",
        ref=case.ref,
        request_id=str(case.data.get("requestId", case.id)),
        lawbook_hash=lawbook_hash,
        environment=environment,
        case_id=case.id,
        measurement=after,
        before=before,
        threshold=threshold,
        rollback=_rollback(case, operations, after, threshold),
        remediation=_remediation(case, operations),
        redispatch=_redispatch(case, operations),
        manual=(case.note,) if case.note else (),
        ledger=tuple(indexes),
        exit_code=EXIT[after.gate],
    )


def _newest(measured: Sequence[MeasurementRow], purpose: str) -> Measurement | None:
    row = next((row for row in measured if row.purpose == purpose), None)
    return None if row is None else measurement_from(row.report)


def _part(case: Case, name: str) -> Mapping[str, Any]:
    found = case.data.get(name)
    return found if isinstance(found, Mapping) else {}


def _write(operation: Operation) -> Write:
    told = _answer(operation)
    number = told.get("number", 0)
    return Write(
        operation=operation.id,
        verb=operation.verb.value,
        state=operation.state,
        index=operation.settled_index if operation.settled_index is not None else operation.intended_index,
        answer=str(told.get("why", "")),
        pull_request=int(number) if str(number).isdigit() else 0,
    )


def _answer(operation: Operation) -> Mapping[str, Any]:
    try:
        told = json.loads(operation.answer or "{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _is_rollback(operation: Operation) -> bool:
    return operation.params.get("action") == "rollback"


def _rollback(case: Case, operations: Sequence[Operation], after: Measurement, threshold: int) -> RollbackTold:
    """What became of the rollback, by its operations (RP-3); what the case remembers only adds words."""
    mine = [one for one in operations if _is_rollback(one) and one.verb is not Verb.PUSH_BRANCH]
    landed = next((one for one in mine if one.verb is Verb.PUSH_DIRECT and _done(one)), None)
    drafted = next((one for one in mine if one.verb is Verb.CREATE_PULL and _done(one)), None)
    shown = landed or drafted or (mine[-1] if mine else None)
    known = _part(case, "rollback")
    return RollbackTold(
        status=status(after, health_below=threshold, proposed=drafted is not None, executed=landed is not None),
        trigger=_trigger(case, known, operations) or str(_part(case, "verdict").get("rollbackReason", "")),
        target=str(known.get("target", "")),
        write=_write(shown) if shown else None,
    )


def _trigger(case: Case, known: Mapping[str, Any], operations: Sequence[Operation]) -> str:
    """Why that commit is reverted: what proves it, or who named it. Not why the revert was no direct push."""
    cause = known.get("cause")
    if known.get("remediation"):
        return f"the merged fix {str(known.get('explicit', ''))[:12]} made things worse"
    if not isinstance(cause, Mapping):
        return ""
    if cause.get("culprit"):
        return (
            f"{str(cause['culprit'])[:12]} broke {case.ref.removeprefix('refs/heads/') or 'its branch'}: "
            f"{str(cause.get('lastGood', ''))[:12]} below it is green, and {cause.get('reds', 0)} independent signals "
            "are red since"
        )
    by = next((one.principal for one in operations if _is_rollback(one)), "") or str(case.data.get("principal", ""))
    return f"{by or 'a person'} named {str(cause.get('explicit', ''))[:12]}" if cause.get("explicit") else ""


def _done(operation: Operation) -> bool:
    return operation.state is OperationState.CONFIRMED


def _remediation(case: Case, operations: Sequence[Operation]) -> Remediation | None:
    fix = _part(case, "fix")
    writes = [one for one in operations if one.kind in {Kind.PUSH, Kind.PULL_REQUEST} and not _is_rollback(one)]
    if not fix and not writes:
        return None
    declined = [one for one in fix.get("declined", ()) if isinstance(one, Mapping)]
    return Remediation(
        fixes=tuple(
            Fix(remedy=str(one["id"]), about=str(one["about"]), files=int(one["files"]), lines=int(one["lines"]))
            for one in fix.get("fixes", ())
        ),
        refusals=tuple(
            Refusal(remedy=str(one.get("id", "")), reason=str(one.get("reasonCode", "")), why=str(one.get("why", "")))
            for one in declined
        ),
        commit=str(fix["sha"]) if fix.get("sha") else None,
        writes=tuple(_write(one) for one in writes),
        security=fix.get("securityResult"),
        build=fix.get("buildDiagnostics"),
    )


def _redispatch(case: Case, operations: Sequence[Operation]) -> Redispatch | None:
    asked = _part(case, "validation")
    sent = [one for one in operations if one.kind == Kind.DISPATCH]
    if not asked and not sent:
        return None
    reasons = {str(one.get("credential")): str(one.get("reason", "")) for one in asked.get("tried", ())}
    attempts = [_attempt(one, reasons) for one in sent]
    made = {one.credential for one in attempts}
    delay = asked.get("delaySeconds")
    return Redispatch(
        via="workflow_dispatch" if any(one.verb is Verb.WORKFLOW_DISPATCH for one in sent) else "repository_dispatch",
        attempts=tuple(attempts),
        skipped=tuple((name, reason) for name, reason in reasons.items() if name not in made),
        run_id=str(asked.get("runId", "")),
        delay=timedelta(seconds=delay) if isinstance(delay, int) else None,
        outcome=str(_part(case, "verdict").get("outcome", "")),
    )


def _attempt(operation: Operation, reasons: Mapping[str, str]) -> Attempt:
    told, name = _answer(operation), str(operation.params.get("credential", ""))
    given = told.get("status")
    status_of = {OperationState.CONFIRMED: 200 if operation.verb is Verb.WORKFLOW_DISPATCH else 204}
    return Attempt(
        credential=name,
        state=operation.state,
        status=given if isinstance(given, int) and given else status_of.get(operation.state),
        reason=reasons.get(name, str(told.get("reasonCode", ""))),
        answer=str(told.get("why", "")),
        operation=operation.id,
        index=_write(operation).index,
    )
