"""How an operation is told in entries, and how `operations` and `slots` are rebuilt from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from cicatrix.core.operations import Kind, Operation, OperationState, Verb

from .entries import EntryRow
from .rows import job_ref, job_values
from .slots import Slot, slot_key
from .types import utc_moment, utc_text

S = OperationState

SETTLED_BY: Mapping[str, OperationState] = {
    "confirmed": S.CONFIRMED,
    "refused": S.REFUSED,
    "indeterminate": S.INDETERMINATE,
}
"""The last word of an entry's kind -> the state that it records. `resolved` names its state itself."""

Commit = Callable[[str], str]

_CLEAR = re.compile(r"[0-9]{0,20}|[0-9a-f]{40}")
"""A GitHub id, a SHA, or nothing. A commitment has 64 digits and is never mistaken for one of these."""


def intended(operation: Operation, slots: Iterable[Slot], commit: Commit) -> dict[str, object]:
    """The entry `<kind>.intended`: the operation and, of a rerun, its slots.

    Names of people and repositories are committed, and so is the target and every text in `params`: branches are named
    there. What an operation does not have (case, target, params) is not mentioned.
    """
    data: dict[str, object] = {
        "operationId": operation.id,
        "decisionId": operation.decision_id,
        "requestId": commit(operation.request_id),
        "verb": operation.verb.value,
        "host": operation.host,
        "repositoryId": operation.repository_id,
        "ownerId": operation.owner_id,
        "owner": commit(operation.owner),
        "repository": commit(operation.repository),
        "runId": operation.run_id,
        "targetJobId": operation.target_job_id,
        "pullRequest": operation.pull_request,
        "headSha": operation.head_sha,
        "baseAttempt": operation.base_attempt,
        "named": [job_values(job) for job in operation.named],
        "dependants": [job_values(job) for job in operation.dependants],
        "minutes": operation.minutes,
        "principal": commit(operation.principal),
        "identity": commit(operation.identity),
        "identityShared": operation.identity_shared,
        "state": operation.state.value,
        "createdAt": utc_text(operation.created_at),
        "sentAt": moment_text(operation.sent_at),
        "notBefore": moment_text(operation.not_before),
        "send": operation.sends,
        "decidedIndex": operation.decided_index,
    }
    if operation.case_id is not None:
        data["caseId"] = operation.case_id
    if operation.target:
        data["target"] = commit(operation.target)
    if operation.params:
        data["params"] = _committed(operation.params, commit)
    if operation.kind == Kind.RERUN:
        data["slots"] = [
            {"scope": s.scope, "n": s.n, "name": s.job_name, "key": s.job_key, "at": utc_text(s.created_at)}
            for s in slots
        ]
    return data


def _committed(value: object, commit: Commit) -> object:
    """JSON whose texts are commitments. GitHub ids and SHAs stay clear: they name no person."""
    if isinstance(value, str):
        return value if _CLEAR.fullmatch(value) else commit(value)
    if isinstance(value, Mapping):
        return {name: _committed(item, commit) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_committed(item, commit) for item in value]
    return value


def _resolved(value: Any, clear: Commit) -> Any:
    """The inverse of `_committed`."""
    if isinstance(value, str):
        return value if _CLEAR.fullmatch(value) else clear(value)
    if isinstance(value, dict):
        return {name: _resolved(item, clear) for name, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, clear) for item in value]
    return value


def rebuild(
    entries: Iterable[EntryRow], text_of: Callable[[str], str | None]
) -> tuple[tuple[Operation, ...], tuple[Slot, ...]]:
    """The tables `operations` and `slots` as the entries tell them, in the order of `all_operations`, `all_slots`.

    A text that was erased comes back empty.
    """
    operations: dict[str, Operation] = {}
    slots: dict[str, list[Slot]] = {}

    def clear(ref: str) -> str:
        return text_of(ref) or ""

    for entry in entries:
        family, _, event = entry.kind.rpartition(".")
        data = entry.data
        if event == "intended":
            told = _operation(family, data, entry.index, clear)
            operations[told.id] = told
            slots[told.id] = [_slot(told, slot) for slot in data.get("slots", ())]
        elif data.get("operationId") in operations and event == "outcome":
            told = replace(operations[data["operationId"]], judged_attempt=data["runAttempt"])
            operations[told.id] = told
        elif data.get("operationId") in operations and event in {*SETTLED_BY, "resolved", "resent", "deferred"}:
            told = _moved(operations[data["operationId"]], event, data, entry, clear)
            operations[told.id] = told
            if told.state is S.REFUSED:
                slots[told.id] = []
    ordered = sorted(operations.values(), key=lambda o: (o.created_at, o.intended_index or 0, o.id))
    kept = sorted((s for taken in slots.values() for s in taken), key=lambda s: (s.host, s.scope, s.key, s.n))
    return tuple(ordered), tuple(kept)


def _moved(operation: Operation, event: str, data: Mapping[str, Any], entry: EntryRow, clear: Commit) -> Operation:
    if event == "resent":
        return replace(
            operation,
            state=S.SENT,
            sends=operation.sends + 1,
            sent_at=entry.created_at,
            not_before=None,
            intended_index=entry.index,
        )
    answer = clear(data["answer"]) if data.get("answer") else ""
    if event == "deferred":
        return replace(operation, state=S.DEFERRED, not_before=_moment(data.get("notBefore")), answer=answer)
    state = S(data["state"]) if event == "resolved" else SETTLED_BY[event]
    return replace(
        operation, state=state, answer=answer, not_before=None, settled_at=entry.created_at, settled_index=entry.index
    )


def _operation(kind: str, data: Mapping[str, Any], index: int, clear: Commit) -> Operation:
    return Operation(
        id=data["operationId"],
        kind=kind,
        verb=Verb(data["verb"]),
        host=data["host"],
        repository_id=data["repositoryId"],
        owner_id=data["ownerId"],
        owner=clear(data["owner"]),
        repository=clear(data["repository"]),
        run_id=data["runId"],
        target_job_id=data["targetJobId"],
        pull_request=data["pullRequest"],
        head_sha=data["headSha"],
        base_attempt=data["baseAttempt"],
        named=tuple(job_ref(job) for job in data["named"]),
        dependants=tuple(job_ref(job) for job in data["dependants"]),
        minutes=data["minutes"],
        request_id=clear(data["requestId"]),
        principal=clear(data["principal"]),
        identity=clear(data["identity"]),
        identity_shared=data["identityShared"],
        decision_id=data["decisionId"],
        state=S(data["state"]),
        created_at=utc_moment(data["createdAt"]),
        sent_at=_moment(data["sentAt"]),
        not_before=_moment(data["notBefore"]),
        sends=data["send"],
        decided_index=data["decidedIndex"],
        intended_index=index,
        case_id=data.get("caseId"),
        target=clear(data["target"]) if "target" in data else "",
        params=_resolved(data.get("params", {}), clear),
    )


def _slot(operation: Operation, data: Mapping[str, Any]) -> Slot:
    return Slot(
        host=operation.host,
        scope=data["scope"],
        key=slot_key(data["scope"], operation, data["name"], data["key"]),
        n=data["n"],
        operation_id=operation.id,
        created_at=utc_moment(data["at"]),
        repository_id=operation.repository_id,
        run_id=operation.run_id,
        head_sha=operation.head_sha,
        job_name=data["name"],
        job_key=data["key"],
    )


def _moment(text: str | None) -> datetime | None:
    return utc_moment(text) if text else None


def moment_text(moment: datetime | None) -> str | None:
    return utc_text(moment) if moment else None
