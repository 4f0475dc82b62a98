"""`POST /api/github/prs/{prNumber}/checks/rerun`: the seed's route, on the one engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from cicatrix.core.actions import ActionType
from cicatrix.core.policy import Mode, RerunRequest
from cicatrix.flows.denied import Denied
from cicatrix.flows.permission import check_replay
from cicatrix.flows.reading import Target
from cicatrix.flows.rerun import RequestIdReused, Result, request_hash
from cicatrix.flows.rerun import rerun_failed_jobs as rerun_flow

from .answering import answer
from .bodies import RerunBody, parsed
from .errors import denied
from .openapi import body_of, documented
from .problems import Problem
from .service import Caller
from .shapes import RerunResult
from .taking import ActsAtGitHub, Body, PathNumber, idempotency_key, no_query

router = APIRouter()

REPLAYED = {"Idempotency-Replayed": "true"}


@router.post(
    "/api/github/prs/{prNumber}/checks/rerun",
    operation_id="rerunFailedJobs",
    summary="Decide about everything red on a pull request, and rerun what deserves it",
    openapi_extra=body_of(RerunBody),
    responses=documented(RerunResult, 400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 502, 503),
    dependencies=[Depends(no_query)],
)
def rerun_failed_jobs(
    caller: ActsAtGitHub, raw: Body, header: Annotated[str | None, Depends(idempotency_key)], pr_number: PathNumber
) -> Response:
    """200 with the seed's result whatever the decision; the same requestId again gives the stored answer."""
    asked = parsed(RerunBody, raw)
    request_id = caller.service.checked_id(asked.request_id, header)
    result = decide(caller, asked, pr_number, request_id)
    told = checked(result, caller.ctx.now())
    return answer(caller.service.clean(told), headers=REPLAYED if result.replayed else {})


def decide(caller: Caller, asked: RerunBody, pr_number: int, request_id: str) -> Result:
    """One request through every guardrail and the flow. Raises Denied, GitHubError, LedgerError and the flow's own."""
    mode = Mode(asked.mode)
    target = Target(
        owner=asked.owner,
        repository=asked.repo,
        pull_request=pr_number,
        run_id=None if asked.run_id is None else str(asked.run_id),
    )
    request = RerunRequest(
        request_id=request_id,
        principal=caller.principal.name,
        requester=caller.principal.login,
        mode=mode,
        max_attempts=asked.max_attempts,
        dry_run=asked.dry_run,
    )
    stored = _stored(caller, target, request)
    if stored is not None:
        return stored
    caller.permit(request.action, asked.owner, asked.repo)
    if caller.ctx.deployment.base_problems:
        raise Problem(
            "LAWBOOK_MISMATCH",
            "The deployment's base lawbook cannot be loaded, so nothing may be decided.",
            "The operator corrects it (`cicatrix lawbook check FILE`) and starts the service again.",
        )
    return rerun_flow(caller.ctx, target, request)


def _stored(caller: Caller, target: Target, request: RerunRequest) -> Result | None:
    """The answer that this very request had before. A replay acts on nothing, so cooldowns do not hold it up."""
    with caller.ctx.ledger.read() as view:
        known = view.request(request.request_id)
    if known is None or known.response is None or known.request_hash != request_hash(target, request):
        return None
    answer = json.loads(known.response)
    may_hear_again(caller, request.action, target.owner, target.repository, answer)
    return Result(answer=answer, replayed=True)


def may_hear_again(caller: Caller, action: ActionType, owner: str, repo: str, told: Mapping[str, Any]) -> None:
    """Whether a stored answer may be told to this caller now.

    Raises Denied for a caller without the rights, RequestIdReused when the answer is about another repository that had
    this name (RG-7), and GitHubError.
    """
    home = check_replay(caller.ctx, caller.principal, action, owner, repo, role=lambda: caller.role(owner, repo))
    ids = {str(part["decisionId"]) for part in (told, *told.get("jobs", ())) if part.get("decisionId")}
    with caller.ctx.ledger.read() as view:
        decisions = [found for decision_id in sorted(ids) if (found := view.decision(decision_id)) is not None]
    if any((found.get("host"), found.get("repositoryId")) != (home.host, home.id) for found in decisions):
        raise RequestIdReused(str(told.get("requestId", "")))


def checked(found: Result, now: datetime) -> dict[str, Any]:
    """The answer for the wire. Raises Problem where a guardrail that needed the pull request's facts said no."""
    told = dict(found.answer)
    denial = told.pop("denial", None)
    if not denial:
        return told
    until = denial.get("nextAllowedAt")
    problem = denied_from(denial, datetime.fromisoformat(until) if until else None, now)
    problem.details = {**problem.details, "result": told}
    problem.headers = REPLAYED if found.replayed else {}
    raise problem


def denied_from(denial: Mapping[str, Any], until: datetime | None, now: datetime) -> Problem:
    """A recorded denial as the problem that it is."""
    return denied(
        Denied(
            str(denial["code"]),
            str(denial.get("what", "")),
            str(denial.get("why", "")),
            str(denial.get("next", "")),
            details=denial.get("details") or {},
            next_allowed_at=until,
        ),
        now,
    )
