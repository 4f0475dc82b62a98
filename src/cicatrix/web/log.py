"""The ledger's entries, head and inclusion proofs (RFC 6962): what an auditor asks for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from cicatrix.ledger import BadCursor, EntryRow

from . import shapes
from .answering import page, readable
from .bodies import LARGEST_ID, LARGEST_NUMBER
from .openapi import documented, unchanged
from .reads import ID, LIST, ONE, Absent, Asked, Number, bad_cursor, listed, text_of
from .rights import may_read, nothing_here, sees_everything, visible
from .service import Caller
from .taking import Decimal, Reading, no_query, query_once

router = APIRouter()

Index = Annotated[int, Path(ge=0, le=LARGEST_ID), Decimal]


class AskedEntries(Asked):
    kind: Annotated[str, Field(pattern=r"^[a-z_]{1,50}(?:\.[a-z_]{1,50})?$")] | Absent = None
    run_id: Number | Absent = None
    decision_id: Annotated[str, Field(pattern=ID)] | Absent = None
    operation_id: Annotated[str, Field(pattern=ID)] | Absent = None


class AskedProof(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    size: (
        Annotated[int, Field(ge=1, le=LARGEST_NUMBER, description="Of the tree; all entries unless given."), Decimal]
        | Absent
    ) = None


@router.get(
    "/api/ledger/entries",
    operation_id="listEntries",
    summary="Entries as they are hashed, newest first",
    description="Entries of no repository are for keys of all repositories alone.",
    responses=documented(shapes.Entries, *LIST, also=unchanged()),
    dependencies=[Depends(query_once)],
)
def list_entries(request: Request, caller: Reading, asked: Annotated[AskedEntries, Query()]) -> Response:
    seen = visible(caller, asked.owner, asked.repo)
    with caller.ctx.ledger.read() as view:
        try:
            found = view.list_entries(
                asked.kind,
                host=seen.host,
                repository_ids=seen.ids,
                run_id=text_of(asked.run_id),
                decision_id=asked.decision_id,
                operation_id=asked.operation_id,
                cursor=asked.cursor,
                limit=asked.limit,
            )
        except BadCursor:
            raise bad_cursor() from None
    return page(request, listed([shapes.Entry.model_validate(item) for item in found.items]), found.next_cursor)


@router.get(
    "/api/ledger/entries/{index}",
    operation_id="getEntry",
    summary="One entry",
    responses=documented(shapes.Entry, *ONE, also=unchanged()),
    dependencies=[Depends(no_query)],
)
def get_entry(request: Request, caller: Reading, index: Index) -> Response:
    with caller.ctx.ledger.read() as view:
        found = next(iter(view.entries(index, 1)), None)
        if (
            found is None
            or found.index != index
            or not _may_see(caller, found, str(view.resolved(found.data).get("repository", "")))
        ):
            raise nothing_here("entry")
    return readable(request, listed([shapes.Entry.model_validate(found)])[0])


def _may_see(caller: Caller, entry: EntryRow, full_name: str) -> bool:
    if sees_everything(caller):
        return True
    data = entry.data
    repository_id = data.get("repositoryId")
    return bool(repository_id) and may_read(caller, str(data.get("host", "")), str(repository_id), full_name)


@router.get(
    "/api/ledger/head",
    operation_id="getHead",
    summary="Size and root of the log: kept elsewhere, they show any later change",
    responses=documented(shapes.HeadShape, 400, 401, 500, 502, 503, also=unchanged()),
    dependencies=[Depends(no_query)],
)
def get_head(request: Request, caller: Reading) -> Response:
    with caller.ctx.ledger.read() as view:
        head = view.head()
    return readable(request, {"size": head.size, "root": head.root})


@router.get(
    "/api/ledger/proof/{index}",
    operation_id="getProof",
    summary="Inclusion proof of an entry",
    responses=documented(shapes.ProofShape, 400, 401, 404, 500, 502, 503, also=unchanged()),
    dependencies=[Depends(query_once)],
)
def get_proof(request: Request, caller: Reading, index: Index, asked: Annotated[AskedProof, Query()]) -> Response:
    with caller.ctx.ledger.read() as view:
        try:
            found = view.proof(index, asked.size)
        except IndexError:
            raise nothing_here("entry in a tree of that size") from None
    return readable(request, listed([shapes.ProofShape.model_validate(found)])[0])
