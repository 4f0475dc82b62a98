"""What became of reruns: one `rerun.outcome` entry, and a row for each job, an operation (RR-14)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cicatrix.core.attempts import RunFacts
from cicatrix.core.operations import Operation, OperationState, OutcomeRow
from cicatrix.core.outcome import JobOutcome, judge_outcome
from cicatrix.ledger import Tx


def record_outcomes(
    tx: Tx, operation: Operation, outcomes: Sequence[JobOutcome], *, attempt: int, case_id: str
) -> int | None:
    """Record what `attempt` brought, once, and give the entry's index; None when the operation was judged before."""
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
            "runAttempt": attempt,
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
                run_attempt=attempt,
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
        number = _own_attempt(operation, facts)
        over = number < facts.run.run_attempt or (number == facts.run.run_attempt and facts.run.completed)
        if operation.state is OperationState.CONFIRMED and over and number in listed:
            outcomes = judge_outcome(operation, facts.attempts, facts.verdicts, attempt=number)
            record_outcomes(tx, operation, outcomes, attempt=number, case_id=case.id)


def _own_attempt(operation: Operation, facts: RunFacts) -> int:
    """The attempt that an unjudged operation made, as far as the run's newest attempt tells.

    With an App of our own the newest attempt bears our name, or a person was a moment faster and ours came before.
    """
    newest = facts.run.run_attempt
    ours = not operation.identity_shared and facts.run.triggering_actor == operation.identity
    return newest if ours and newest is not None and operation.judged_attempt is None else operation.attempt
