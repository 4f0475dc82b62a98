"""What became of reruns: one `rerun.outcome` entry, and a row for each job, an operation (RR-14)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cicatrix.core.attempts import RunFacts
from cicatrix.core.operations import Operation, OperationState, OutcomeRow
from cicatrix.core.outcome import JobOutcome, judge_outcome
from cicatrix.ledger import Tx


def record_outcomes(tx: Tx, operation: Operation, outcomes: Sequence[JobOutcome], *, case_id: str) -> int | None:
    """Record them once, and give the entry's index; None when the operation was judged before."""
    if tx.outcomes(operation_id=operation.id):
        return None
    index = tx.append(
        "rerun.outcome",
        {
            "operationId": operation.id,
            "decisionId": operation.decision_id,
            "host": operation.host,
            "repositoryId": operation.repository_id,
            "runId": operation.run_id,
            "caseId": case_id,
            "runAttempt": operation.base_attempt + 1,
            "jobs": [
                {
                    "name": o.ref.name,
                    "key": o.ref.key,
                    "outcome": o.outcome,
                    "minutes": o.minutes,
                    "named": o.named,
                    "signatureBefore": o.ref.signature or "",
                    "signatureAfter": o.signature_after or "",
                }
                for o in outcomes
            ],
        },
    )
    for o in outcomes:
        tx.record_outcome(
            OutcomeRow(
                operation_id=operation.id,
                host=operation.host,
                repository_id=operation.repository_id,
                run_id=operation.run_id,
                head_sha=operation.head_sha,
                job_name=o.ref.name,
                job_key=o.ref.key,
                outcome=o.outcome,
                run_attempt=operation.base_attempt + 1,
                minutes=o.minutes,
                signature_before=o.ref.signature,
                signature_after=o.signature_after,
                named=o.named,
                ledger_index=index,
            )
        )
    return index


def record_earlier(tx: Tx, facts: RunFacts, known: Iterable[Operation]) -> None:
    """Judge the run's confirmed operations whose attempts are over: a new one takes the case over from their ticks."""
    case = tx.case_of_run(facts.repository.host, facts.repository.id, facts.run.id)
    if case is None or facts.incomplete or facts.run.run_attempt is None:
        return
    listed = {attempt.number for attempt in facts.attempts}
    for operation in known:
        number = operation.base_attempt + 1
        over = number < facts.run.run_attempt or (number == facts.run.run_attempt and facts.run.completed)
        if operation.state is OperationState.CONFIRMED and over and number in listed:
            outcomes = judge_outcome(operation, facts.attempts, facts.verdicts)
            record_outcomes(tx, operation, outcomes, case_id=case.id)
