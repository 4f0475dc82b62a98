"""Triage (E84.1) and prompt (E84.2): reads, on the same diagnosis that a rerun rests on."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from cicatrix.core.actions import ActionType
from cicatrix.flows.prompt import NoFailures
from cicatrix.flows.prompt import prompt as prompt_flow
from cicatrix.flows.triage import Triaged
from cicatrix.flows.triage import triage as triage_flow
from cicatrix.github import Refused

from . import shapes
from .answering import answer
from .bodies import LARGEST_ID, OWNER, REPO, PromptBody, parsed
from .openapi import body_of, documented
from .problems import Problem
from .reads import Absent
from .service import Caller
from .taking import AskingBody, AsksGitHub, Decimal, PathNumber, no_query, query_once

router = APIRouter()


class AskedTriage(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    owner: Annotated[str, Field(pattern=OWNER)]
    repo: Annotated[str, Field(pattern=REPO)]
    workflow_run_id: Annotated[int, Field(ge=1, le=LARGEST_ID), Decimal] | Absent = None
    max_log_bytes: Annotated[int, Field(ge=1, le=1024 * 1024), Decimal] = 65536
    max_steps: Annotated[int, Field(ge=1, le=500), Decimal] = 50


@router.get(
    "/api/github/prs/{prNumber}/checks/triage",  # noqa: FAST003  -- PathNumber bears that name
    operation_id="triageChecks",
    summary="What failed on a pull request's head, on what evidence, and what to do",
    responses=documented(shapes.TriageReport, 400, 401, 403, 404, 429, 500, 502, 503),
    dependencies=[Depends(query_once)],
)
def triage(caller: AsksGitHub, pr_number: PathNumber, asked: Annotated[AskedTriage, Query()]) -> Response:
    caller.permit(ActionType.COLLECT_SUMMARY, asked.owner, asked.repo)
    triaged = _triaged(
        caller,
        asked.owner,
        asked.repo,
        pr_number,
        workflow_run_id=asked.workflow_run_id,
        max_log_bytes=asked.max_log_bytes,
        max_steps=asked.max_steps,
    )
    return answer(caller.service.clean(triaged.report))


@router.post(
    "/api/github/prs/{prNumber}/checks/prompt",  # noqa: FAST003  -- PathNumber bears that name
    operation_id="promptForChecks",
    summary="The same evidence as prompts for whoever repairs it, one for each class of failure",
    openapi_extra=body_of(PromptBody, key=False),
    responses=documented(shapes.Prompts, 400, 401, 403, 404, 408, 409, 413, 415, 429, 500, 502, 503),
    dependencies=[Depends(no_query)],
)
def prompt(caller: AsksGitHub, raw: AskingBody, pr_number: PathNumber) -> Response:
    asked = parsed(PromptBody, raw)
    caller.permit(ActionType.COLLECT_SUMMARY, asked.owner, asked.repo)
    found = _triaged(caller, asked.owner, asked.repo, pr_number, workflow_run_id=asked.workflow_run_id)
    try:
        made = prompt_flow(caller.ctx, found, max_files=asked.max_files, prefer_minimal_diff=asked.prefer_minimal_diff)
    except NoFailures as nothing:
        raise Problem("NO_FAILURES", f"{nothing.what} {nothing.why}", nothing.next) from None
    told = {"schemaVersion": "1.0", "requestId": caller.request_id, "prompts": made}
    return answer(caller.service.clean(told))


def _triaged(caller: Caller, owner: str, repo: str, number: int, **bounds: Any) -> Triaged:
    try:
        return triage_flow(
            caller.ctx, owner, repo, number, request_id=caller.request_id, redact=caller.service.redact, **bounds
        )
    except Refused as no:
        if no.status != 404:
            raise
        raise Problem(
            "PR_NOT_FOUND",
            f"{owner}/{repo} has no pull request {number}, or this service may not see it.",
            "Check the number, and that the App or token may read pull requests there.",
        ) from None
