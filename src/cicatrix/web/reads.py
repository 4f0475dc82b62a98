"""Lists and single things: decisions, operations, cases, attempts, audit. Filtered by the caller's rights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema
from starlette.requests import Request
from starlette.responses import Response

from cicatrix.core.cases import CaseState
from cicatrix.core.operations import OperationState
from cicatrix.ledger import BadCursor, Page, StoredAttempt, StoredAudit, View

from . import shapes
from .answering import page, readable
from .bodies import LARGEST_ID, LARGEST_NUMBER, OWNER, REPO, REQUEST_ID
from .openapi import documented, unchanged
from .problems import Problem, invalid
from .rights import may_read, nothing_here, visible
from .service import Caller
from .taking import Decimal, Reading, no_query, query_once

T = TypeVar("T")

router = APIRouter()

LIST = (400, 401, 403, 404, 500, 502, 503)
ONE = (400, 401, 403, 404, 500, 502, 503)

Absent = SkipJsonSchema[None]
Number = Annotated[int, Field(ge=1, le=LARGEST_ID), Decimal]
Pull = Annotated[int, Field(ge=0, le=LARGEST_NUMBER, description="0 is a run without a pull request."), Decimal]
ID = r"^[A-Za-z0-9._:-]{1,100}$"
PathId = Annotated[str, Path(pattern=ID)]


class Asked(BaseModel):
    """What every list may be asked for. Callers with a GitHub token must name owner and repo."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    owner: Annotated[str, Field(pattern=OWNER)] | Absent = None
    repo: Annotated[str, Field(pattern=REPO)] | Absent = None
    limit: Annotated[int, Field(ge=1, le=100), Decimal] = 50
    cursor: (
        Annotated[str, Field(min_length=1, max_length=500, description="`nextCursor` of the page before.")] | Absent
    ) = None


class OfRun(Asked):
    pr_number: Pull | Absent = None
    run_id: Number | Absent = None


class AskedDecisions(OfRun):
    decision: Annotated[str, Field(pattern="^(?:RERUN_TRIGGERED|NOOP|BLOCKED)$")] | Absent = None
    request_id: Annotated[str, Field(pattern=REQUEST_ID)] | Absent = None


class AskedOperations(OfRun):
    state: OperationState | Absent = None
    request_id: Annotated[str, Field(pattern=REQUEST_ID)] | Absent = None


class AskedCases(OfRun):
    state: CaseState | Absent = None


class AskedAttempts(AskedDecisions):
    operation_id: Annotated[str, Field(pattern=ID)] | Absent = None


class AskedAudit(Asked):
    pr_number: Pull | Absent = None
    action_type: Annotated[str, Field(pattern="^[a-z_]{1,50}$")] | Absent = None
    action_status: Annotated[str, Field(pattern="^(?:pending|completed|failed|noop|blocked)$")] | Absent = None
    request_id: Annotated[str, Field(pattern=REQUEST_ID)] | Absent = None


def bad_cursor() -> Problem:
    """A cursor of another list, or of nobody."""
    return invalid([{"field": "cursor", "problem": "is not one that this list gave out"}])


def text_of(number: int | None) -> str | None:
    """GitHub's ids are texts in the ledger."""
    return None if number is None else str(number)


def told(item: BaseModel) -> dict[str, Any]:
    """As JSON with the names of the wire."""
    return item.model_dump(mode="json", by_alias=True)


def listed(items: Sequence[BaseModel]) -> list[dict[str, Any]]:
    """All of them."""
    return [told(item) for item in items]


def _page_of(
    request: Request,
    caller: Caller,
    asked: Asked,
    lister: Callable[..., Page[T]],
    tell: Callable[[T], dict[str, Any]],
    **filters: object,
) -> Response:
    """One page of a list: what this caller may see of it, each item as `tell` tells it, secrets masked."""
    seen = visible(caller, asked.owner, asked.repo)
    with caller.ctx.ledger.read() as view:
        try:
            found = lister(
                view, host=seen.host, repository_ids=seen.ids, cursor=asked.cursor, limit=asked.limit, **filters
            )
        except BadCursor:
            raise bad_cursor() from None
    return page(request, caller.service.clean([tell(item) for item in found.items]), found.next_cursor)


@router.get(
    "/api/decisions",
    operation_id="listDecisions",
    summary="Decisions, newest first",
    responses=documented(shapes.Decisions, *LIST, also=unchanged()),
    dependencies=[Depends(query_once)],
)
def list_decisions(request: Request, caller: Reading, asked: Annotated[AskedDecisions, Query()]) -> Response:
    return _page_of(
        request,
        caller,
        asked,
        View.list_decisions,
        dict,
        pull_request=asked.pr_number,
        run_id=text_of(asked.run_id),
        decision=asked.decision,
        request_id=asked.request_id,
    )


@router.get(
    "/api/decisions/{id}",
    operation_id="getDecision",
    summary="One decision",
    responses=documented(shapes.Decision, *ONE, also=unchanged()),
    dependencies=[Depends(no_query)],
)
def get_decision(request: Request, caller: Reading, id: PathId) -> Response:  # noqa: A002  # the path's own word
    with caller.ctx.ledger.read() as view:
        found = view.decision(id)
    if found is None or not may_read(
        caller, str(found.get("host")), str(found.get("repositoryId")), str(found.get("repository"))
    ):
        raise nothing_here("decision")
    return readable(request, caller.service.clean(found))


@router.get(
    "/api/operations",
    operation_id="listOperations",
    summary="Intended writes to GitHub and their fate, newest first",
    responses=documented(shapes.Operations, *LIST, also=unchanged()),
    dependencies=[Depends(query_once)],
)
def list_operations(request: Request, caller: Reading, asked: Annotated[AskedOperations, Query()]) -> Response:
    return _page_of(
        request,
        caller,
        asked,
        View.list_operations,
        lambda item: told(shapes.OperationShape.model_validate(item)),
        pull_request=asked.pr_number,
        run_id=text_of(asked.run_id),
        state=asked.state,
        request_id=asked.request_id,
    )


@router.get(
    "/api/operations/{id}",
    operation_id="getOperation",
    summary="One operation",
    responses=documented(shapes.OperationShape, *ONE, also=unchanged()),
    dependencies=[Depends(no_query)],
)
def get_operation(request: Request, caller: Reading, id: PathId) -> Response:  # noqa: A002  # the path's own word
    with caller.ctx.ledger.read() as view:
        found = view.operation(id)
    if found is None or not may_read(caller, found.host, found.repository_id, f"{found.owner}/{found.repository}"):
        raise nothing_here("operation")
    return readable(request, caller.service.clean(told(shapes.OperationShape.model_validate(found))))


@router.get(
    "/api/cases",
    operation_id="listCases",
    summary="Failed runs and where each stands, newest first",
    responses=documented(shapes.Cases, *LIST, also=unchanged()),
    dependencies=[Depends(query_once)],
)
def list_cases(request: Request, caller: Reading, asked: Annotated[AskedCases, Query()]) -> Response:
    return _page_of(
        request,
        caller,
        asked,
        View.list_cases,
        lambda item: told(shapes.CaseShape.model_validate(item)),
        pull_request=asked.pr_number,
        run_id=text_of(asked.run_id),
        state=asked.state,
    )


@router.get(
    "/api/cases/{id}",
    operation_id="getCase",
    summary="One case",
    responses=documented(shapes.CaseShape, *ONE, also=unchanged()),
    dependencies=[Depends(no_query)],
)
def get_case(request: Request, caller: Reading, id: PathId) -> Response:  # noqa: A002  # the path's own word
    with caller.ctx.ledger.read() as view:
        found = view.case(id)
    if found is None or not may_read(caller, found.host, found.repository_id, f"{found.owner}/{found.repository}"):
        raise nothing_here("case")
    return readable(request, caller.service.clean(told(shapes.CaseShape.model_validate(found))))


@router.get(
    "/api/attempts",
    operation_id="listAttempts",
    summary="Rows of job_rerun_attempts, newest first",
    responses=documented(shapes.Attempts, *LIST, also=unchanged()),
    dependencies=[Depends(query_once)],
)
def list_attempts(request: Request, caller: Reading, asked: Annotated[AskedAttempts, Query()]) -> Response:
    return _page_of(
        request,
        caller,
        asked,
        View.list_attempts,
        lambda item: told(shapes.Attempt.model_validate(_flat(item))),
        pull_request=asked.pr_number,
        run_id=text_of(asked.run_id),
        decision=asked.decision,
        request_id=asked.request_id,
        operation_id=asked.operation_id,
    )


@router.get(
    "/api/audit",
    operation_id="listAudit",
    summary="Rows of workflow_action_audit, newest first",
    responses=documented(shapes.AuditRows, *LIST, also=unchanged()),
    dependencies=[Depends(query_once)],
)
def list_audit(request: Request, caller: Reading, asked: Annotated[AskedAudit, Query()]) -> Response:
    return _page_of(
        request,
        caller,
        asked,
        View.list_audit,
        lambda item: told(shapes.Audit.model_validate(_flat(item))),
        pull_request=asked.pr_number,
        action_type=asked.action_type,
        action_status=asked.action_status,
        request_id=asked.request_id,
    )


def _flat(stored: StoredAttempt | StoredAudit) -> dict[str, Any]:
    """The row with what the database added, as one object."""
    row = stored.row
    names = [name for cls in type(row).__mro__ for name in getattr(cls, "__slots__", ())]
    return {"id": stored.id, "createdAt": stored.created_at} | {to_camel(name): getattr(row, name) for name in names}
