"""Writes: one transaction under the write lock. What it read cannot change before it commits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from cicatrix.core.cases import Case
from cicatrix.core.operations import AttemptRow, AuditRow, Operation, OperationState, OutcomeRow

from . import cases, requests, rows, slots, stops, story
from .branches import BranchWrites
from .credentials import CredentialWrites
from .errors import open_already
from .keys import KeyWrites
from .lawbooks import LawbookWrites
from .measurements import MeasurementWrites
from .policy_rows import PolicyWrites
from .registries import RegistryWrites
from .requests import StoredRequest
from .tables import (
    flags,
    job_rerun_attempts,
    operations,
    pacing,
    rerun_outcomes,
    workflow_action_audit,
)
from .view import View, states

S = OperationState

_INSERT_OPERATION, _INSERT_AUDIT = insert(operations), insert(workflow_action_audit)
_INSERT_ATTEMPTS, _INSERT_OUTCOME = insert(job_rerun_attempts), insert(rerun_outcomes)
_SETTLE = (
    update(operations)
    .where(
        operations.c.id == bindparam("operation_id"),
        operations.c.state.in_(bindparam("expected", expanding=True)),
    )
    .values(
        state=bindparam("state"),
        answer=bindparam("answer"),
        not_before=bindparam("not_before"),
        settled_at=bindparam("settled_at"),
        settled_index=bindparam("settled_index"),
    )
)


class Tx(
    RegistryWrites,
    LawbookWrites,
    KeyWrites,
    PolicyWrites,
    BranchWrites,
    MeasurementWrites,
    CredentialWrites,
    View,
):
    """A `View` that can also write. Made by `Ledger.write` and `Ledger.intend` only.

    `now` is the transaction's one moment: every entry that it appends bears it.
    """

    # operations: an entry and its row, in one step

    def record_intent(self, operation: Operation) -> Operation:
        """Append `<kind>.intended` (of a rerun with the slots that `take_slots` took) and insert the operation.

        Returns it with `intended_index`. Raises `OpenOperation` when one is open of this kind, run and target.
        """
        index = self.append(
            f"{operation.kind}.intended", story.intended(operation, self.slots_of(operation.id), self.text)
        )
        stored = replace(operation, intended_index=index)
        self.insert_operation(stored)
        return stored

    def record_resent(self, operation_id: str, extra: Mapping[str, object] | None = None) -> Operation | None:
        """DEFERRED -> SENT with entry `<kind>.resent`; None (and no entry) when it is not DEFERRED."""
        operation = self.operation(operation_id)
        if operation is None or operation.state is not S.DEFERRED:
            return None
        index = self.append(f"{operation.kind}.resent", self._about(operation, S.SENT, "", None, extra))
        self.resend_operation(operation_id, self.now, index)
        return self.operation(operation_id)

    def record_state(
        self,
        operation_id: str,
        state: OperationState,
        *,
        expected: Collection[OperationState],
        event: str | None = None,
        answer: str = "",
        not_before: datetime | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> int | None:
        """Move an operation on with its entry `<kind>.<event>`; the entry's index.

        `event` is the state's own word (`confirmed`, `refused`, `indeterminate`, `deferred`) unless it is `resolved`. A
        REFUSED operation gives its slots back. None, and nothing written, when the operation is not in `expected`.
        """
        operation = self.operation(operation_id)
        if operation is None or operation.state not in expected:
            return None
        index = self.append(
            f"{operation.kind}.{event or state.value.lower()}",
            self._about(operation, state, answer, not_before, extra),
        )
        self.settle_operation(
            operation_id,
            state,
            expected=expected,
            now=self.now,
            answer=answer,
            settled_index=index,
            not_before=not_before,
        )
        if state is S.REFUSED:
            self.free_slots(operation_id)
        return index

    # operations: rows alone

    def insert_operation(self, operation: Operation) -> None:
        """Raises `OpenOperation` when one is open of this kind, run and target."""
        try:
            self._connection.execute(_INSERT_OPERATION, rows.operation_values(operation))
        except IntegrityError as error:
            raise open_already(operation, error) from error

    def settle_operation(
        self,
        operation_id: str,
        state: OperationState,
        *,
        expected: Collection[OperationState],
        now: datetime,
        answer: str = "",
        settled_index: int | None = None,
        not_before: datetime | None = None,
    ) -> bool:
        """Move the row on if it is in one of `expected`; whether it was. `answer` is redacted here."""
        settled = state not in (S.SENT, S.DEFERRED)
        done = self._connection.execute(
            _SETTLE,
            {
                "operation_id": operation_id,
                "expected": states(expected),
                "state": state.value,
                "answer": self._redact(answer),
                "not_before": not_before,
                "settled_at": now if settled else None,
                "settled_index": settled_index if settled else None,
            },
        )
        return done.rowcount == 1

    def resend_operation(self, operation_id: str, now: datetime, intended_index: int) -> None:
        """DEFERRED -> SENT, one more send. Nothing happens to an operation that is not DEFERRED."""
        self._connection.execute(
            update(operations)
            .where(operations.c.id == operation_id, operations.c.state == S.DEFERRED.value)
            .values(
                state=S.SENT.value,
                sends=operations.c.sends + 1,
                sent_at=now,
                not_before=None,
                intended_index=intended_index,
            )
        )

    # slots and pacing

    def take_slots(self, operation: Operation, *, limits: Mapping[str, tuple[int, int]]) -> bool:
        """Take a slot in both scopes for every job named and every dependant; all or nothing.

        `limits[shown name]` is (limit in the run, limit on the head SHA), each at most 5. False, and nothing taken,
        when one does not fit. Raises `KeyError` for a job without limits.
        """
        return slots.take(self._connection, operation, limits, self.now)

    def free_slots(self, operation_id: str) -> int:
        """Give the operation's slots back; how many there were."""
        return slots.free(self._connection, operation_id)

    def take_pace(self, host: str, identity: str, now: datetime, interval: timedelta) -> datetime | None:
        """Take the next write of this identity: None when it may go now, else the moment from which it may."""
        key = (pacing.c.host == host, pacing.c.identity == identity)
        next_at: datetime | None = self._connection.execute(select(pacing.c.next_at).where(*key)).scalar()
        # a moment further away than one interval was written by a clock that ran ahead, and would block for as long
        if next_at is not None and now < next_at <= now + interval:
            return next_at
        values = {"next_at": now + interval}
        if next_at is None:
            self._connection.execute(insert(pacing).values(host=host, identity=identity, **values))
        else:
            self._connection.execute(update(pacing).where(*key).values(values))
        return None

    # tables for people

    def record_attempts(self, attempts: Iterable[AttemptRow]) -> None:
        """Insert rows of `job_rerun_attempts`. Errors and answers in them are redacted here."""
        values = [
            rows.attempt_values(attempt)
            | {"created_at": self.now, "github_error": self._redacted(attempt.github_error)}
            for attempt in attempts
        ]
        if values:
            self._connection.execute(_INSERT_ATTEMPTS, values)

    def record_audit(self, row: AuditRow) -> None:
        """Insert a row of `workflow_action_audit`; a later state is a new row."""
        values = rows.audit_values(row) | {
            "created_at": self.now,
            "updated_at": self.now,
            "error_message": self._redacted(row.error_message),
        }
        self._connection.execute(_INSERT_AUDIT, values)

    def record_outcome(self, row: OutcomeRow) -> None:
        """Insert a row of `rerun_outcomes`; its attempt is from now on the one that the operation made."""
        self._connection.execute(
            update(operations).where(operations.c.id == row.operation_id).values(judged_attempt=row.run_attempt)
        )
        self._connection.execute(_INSERT_OUTCOME, rows.outcome_values(row) | {"created_at": self.now})

    # cases and requests

    def open_case(self, case: Case) -> Case:
        """Insert the case, or return the one that its run has already; without a run, that commit of its ref.

        Raises `ValueError` for a case that has neither run nor ref.
        """
        return cases.opened(self._connection, case)

    def claim_case(self, case_id: str, now: datetime, lease: timedelta, *, force: bool = False) -> Case | None:
        """Raise the epoch and take the lease; None when there is no such case or someone else holds it.

        `force` takes it from whoever holds it: that one's next save raises `StaleEpoch`.
        """
        return cases.claim(self._connection, case_id, now, lease, force=force)

    def save_case(self, case: Case) -> None:
        """Store a claimed case and give its lease back. Raises `StaleEpoch`, or `LedgerError` for a forbidden step."""
        cases.save(self._connection, case)

    def begin_request(self, request_id: str, request_hash: str, now: datetime, lease: timedelta) -> StoredRequest:
        """Claim a request id, or learn why not; see `StoredRequest.state`."""
        return requests.begin(self._connection, request_id, request_hash, now, lease)

    def finish_request(self, request_id: str, response: str) -> None:
        """Store the answer as JSON text; a stored one is never replaced."""
        requests.finish(self._connection, request_id, response, self.now)

    def release_request(self, request_id: str) -> None:
        """Let go of a request that failed before its answer: its next try begins at once, as resumed."""
        requests.release(self._connection, request_id, self.now)

    # stops

    def set_flag(self, name: str, value: str | None) -> None:
        """Set a flag; None removes it."""
        self._connection.execute(delete(flags).where(flags.c.name == name))
        if value is not None:
            self._connection.execute(insert(flags).values(name=name, value=value, updated_at=self.now))

    def set_kill_switch(self, scope: str, reason: str, principal: str, *, host: str = "", target: str = "") -> int:
        """Stop writes in a scope, with entry `kill_switch.set`; its index. Setting it again replaces the reason.

        `scope` is `deployment`, `organisation` (`target` = owner id), `repository` (`target` = repository id) or
        `action` (`target` = action type, on every host). Raises `ValueError` for any other, or an incomplete one.
        """
        return stops.set_switch(
            self._connection,
            stops.scope_key(scope, host, target),
            self._redact(reason),
            principal,
            self.now,
            append=self.append,
            text=self.text,
        )

    def lift_kill_switch(
        self, scope: str, reason: str, principal: str, *, host: str = "", target: str = ""
    ) -> int | None:
        """Allow writes in a scope again, with entry `kill_switch.lifted`; None when it was not set."""
        return stops.lift_switch(
            self._connection,
            stops.scope_key(scope, host, target),
            reason,
            principal,
            append=self.append,
            text=self.text,
            redact=self._redact,
        )

    def open_conflict(self, host: str, repository_id: str, run_id: str, run_attempt: int) -> str | None:
        """Record an attempt by our App that no operation explains, with entry `identity.conflict`; the conflict's id.

        None when this attempt was recorded before, resolved or not.
        """
        return stops.open_conflict(
            self._connection,
            (host, repository_id, run_id, run_attempt),
            self.now,
            append=self.append,
            new_id=self._new_id,
        )

    def resolve_conflict(self, conflict_id: str, reason: str, principal: str) -> int | None:
        """End a conflict, with entry `identity.resolved`; its index, or None when it is not open."""
        return stops.resolve_conflict(
            self._connection, conflict_id, reason, principal, self.now, append=self.append, text=self.text
        )

    def _about(
        self,
        operation: Operation,
        state: OperationState,
        answer: str,
        not_before: datetime | None,
        extra: Mapping[str, object] | None,
    ) -> dict[str, object]:
        data: dict[str, object] = {
            **(extra or {}),
            "operationId": operation.id,
            "decisionId": operation.decision_id,
            "host": operation.host,
            "repositoryId": operation.repository_id,
            "runId": operation.run_id,
            "state": state.value,
        }
        if operation.case_id is not None:
            data["caseId"] = operation.case_id
        if answer:
            data["answer"] = self.text(answer)
        if not_before is not None:
            data["notBefore"] = story.moment_text(not_before)
        return data

    def _redacted(self, text: str | None) -> str | None:
        return None if text is None else self._redact(text)
