"""`POST /api/github/checks/rerun-batch`: up to 25 pull requests, each decided, charged and recorded on its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from cicatrix.core.actions import ActionType
from cicatrix.core.canonical import canonical_hash
from cicatrix.flows.rerun import RequestIdReused, RequestInProgress
from cicatrix.ledger import LedgerError

from .answering import answer
from .bodies import BATCH_LONGEST, BatchBody, BatchItem, RerunBody, parsed
from .errors import problem_of
from .openapi import body_of, documented
from .problems import invalid
from .reruns import REPLAYED, checked, decide, may_hear_again
from .service import Caller
from .shapes import BatchAnswer
from .taking import ActsAtGitHub, Body, idempotency_key, no_query

router = APIRouter()

LEASE = timedelta(minutes=15)
"""How long a batch counts as being worked on. After a crash it can be asked for again when that is over."""


@router.post(
    "/api/github/checks/rerun-batch",
    operation_id="rerunBatch",
    summary="The same for up to 25 pull requests, each on its own",
    openapi_extra=body_of(BatchBody),
    responses=documented(BatchAnswer, 400, 401, 408, 409, 413, 415, 422, 500, 502, 503),
    dependencies=[Depends(no_query)],
)
def rerun_batch(caller: ActsAtGitHub, raw: Body, header: Annotated[str | None, Depends(idempotency_key)]) -> Response:
    """200 whatever became of the items; each has the status and the body that it would have had by itself.

    Item n has the requestId `<requestId>:<n>`, counted from 1. The refusal of one does not stop the others.
    """
    asked = parsed(BatchBody, raw)
    _distinct(asked)
    request_id = caller.service.checked_id(asked.request_id, header, prefix="batch")
    if len(request_id) > BATCH_LONGEST:
        problem = f"has more than {BATCH_LONGEST} characters: the items need the rest"
        raise invalid([{"field": "requestId", "problem": problem}])
    stored = _begun(caller, asked, request_id)
    if stored is not None:
        return answer(_again(caller, asked, stored), headers=REPLAYED)
    try:
        results = [_one(caller, asked, item, f"{request_id}:{n}") for n, item in enumerate(asked.items, 1)]
        told = {"schemaVersion": "1.0", "requestId": request_id, "results": results}
    except BaseException:
        with suppress(LedgerError), caller.ctx.ledger.write("batch.release") as tx:
            tx.release_request(request_id)
        raise
    with caller.ctx.ledger.write("batch.finish") as tx:
        tx.finish_request(request_id, json.dumps(told, ensure_ascii=False))
    return answer(told)


def _begun(caller: Caller, asked: BatchBody, request_id: str) -> Any:
    """Claims the batch's id; the stored answer of one that is finished."""
    fingerprint = canonical_hash(
        {
            "batch": [f"{item.owner}/{item.repo}#{item.pr_number}@{item.run_id or ''}".lower() for item in asked.items],
            "mode": asked.mode,
            "maxAttempts": asked.max_attempts,
            "dryRun": asked.dry_run,
            "principal": caller.principal.name,
        }
    )
    ctx = caller.ctx
    with ctx.ledger.write("batch.begin") as tx:
        stored = tx.begin_request(request_id, fingerprint, ctx.now(), LEASE)
    if stored.state == "in_progress":
        raise RequestInProgress(request_id)
    if stored.state == "conflict":
        raise RequestIdReused(request_id)
    return json.loads(stored.response or "{}") if stored.state == "finished" else None


def _again(caller: Caller, asked: BatchBody, stored: Mapping[str, Any]) -> dict[str, Any]:
    """The stored answer, without what this caller may not hear any more: rights hold for each item as for a request."""
    action = ActionType.RERUN_CHECKS if asked.mode == "ALL_JOBS" else ActionType.RERUN_FAILED_JOBS
    results = []
    for item, told in zip(asked.items, stored["results"], strict=True):
        heard = told.get("result") or told.get("problem", {}).get("details", {}).get("result")
        try:
            if heard is not None:
                may_hear_again(caller, action, item.owner, item.repo, heard)
            results.append(told)
        except Exception as error:  # noqa: BLE001 -- as in the first try: one item's fault must not hide the others
            results.append(_place(item) | _failed(caller, error))
    return {**stored, "results": results}


def _one(caller: Caller, asked: BatchBody, item: BatchItem, request_id: str) -> dict[str, Any]:
    """One item's place in the answer; what goes wrong for it is told there."""
    told = _place(item)
    single = RerunBody.model_construct(
        owner=item.owner,
        repo=item.repo,
        run_id=item.run_id,
        mode=asked.mode,
        max_attempts=asked.max_attempts,
        dry_run=asked.dry_run,
        request_id=request_id,
    )
    clean = caller.service.clean
    try:
        result = decide(caller, single, item.pr_number, request_id)
        told |= {"status": 200, "result": clean(checked(result, caller.ctx.now()))}
    except Exception as error:  # noqa: BLE001 -- one item's fault must not hide what became of the others
        told |= _failed(caller, error)
    return told


def _place(item: BatchItem) -> dict[str, Any]:
    return {"owner": item.owner, "repo": item.repo, "prNumber": item.pr_number}


def _failed(caller: Caller, error: Exception) -> dict[str, Any]:
    problem = problem_of(error, caller.ctx.now())
    if problem.code == "INTERNAL_ERROR":
        caller.ctx.log("batch.fault", requestId=caller.request_id, error=f"{type(error).__name__}: {error}")
    return {"status": problem.status, "problem": caller.service.clean(problem.document(caller.request_id))}


def _distinct(asked: BatchBody) -> None:
    seen: set[tuple[str, str, int]] = set()
    problems = []
    for n, item in enumerate(asked.items):
        key = (item.owner.lower(), item.repo.lower(), item.pr_number)
        if key in seen:
            told = f"names {item.owner}/{item.repo}#{item.pr_number} a second time"
            problems.append({"field": f"items[{n}]", "problem": told})
        seen.add(key)
    if problems:
        raise invalid(problems)
