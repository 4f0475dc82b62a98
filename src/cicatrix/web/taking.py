"""From a request to its caller and its raw body, in the order of AP-1: 401, then 413, 415, 408, then the rest."""

from __future__ import annotations

import re
from typing import Annotated

import anyio
from fastapi import Depends, Path
from pydantic import BeforeValidator
from starlette.requests import ClientDisconnect, Request

from .bodies import LARGEST_BODY, LARGEST_NUMBER, OWNER, REPO, REQUEST_ID
from .problems import Problem, invalid
from .service import Caller, service_of

BODY_TIME = 15.0
"""Seconds in which a body must have arrived."""


def _caller(request: Request, *, fresh: bool) -> Caller:
    service = service_of(request)
    given = request.headers.getlist("authorization")
    header = given[0] if len(given) == 1 else None
    principal = service.callers.authenticate(header, fresh=fresh)
    request.state.principal = principal.name
    return Caller(service=service, principal=principal, request_id=request.state.request_id, fresh=fresh)


def reading(request: Request) -> Caller:
    """The caller of a read."""
    return _caller(request, fresh=False)


def writing(request: Request) -> Caller:
    """The caller of something that changes or may change something."""
    return _caller(request, fresh=True)


Reading = Annotated[Caller, Depends(reading)]
Writing = Annotated[Caller, Depends(writing)]


def asks_github(caller: Reading) -> Caller:
    """A read that asks GitHub."""
    caller.needs_credential()
    return caller


def acts_at_github(caller: Writing) -> Caller:
    """Something that may write at GitHub."""
    caller.needs_credential()
    return caller


AsksGitHub = Annotated[Caller, Depends(asks_github)]
ActsAtGitHub = Annotated[Caller, Depends(acts_at_github)]


async def _body(request: Request) -> bytes:
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > LARGEST_BODY:
        raise _too_large()
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _not_json("content-encoding is not understood here")
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    if kind.strip().lower() != "application/json":
        raise _not_json("the content type is not application/json")
    charset = parameters.replace(" ", "").lower().replace('"', "")
    if charset not in {"", "charset=utf-8"}:
        raise _not_json("JSON is UTF-8, and the content type says otherwise")
    read = bytearray()
    try:
        with anyio.fail_after(BODY_TIME):
            async for chunk in request.stream():
                read += chunk
                if len(read) > LARGEST_BODY:
                    raise _too_large()
    except TimeoutError:
        raise Problem(
            "REQUEST_TIMEOUT",
            f"The body did not arrive within {BODY_TIME:g} seconds.",
            "Send the request again in one go; nothing of it was worked on.",
            headers={"Connection": "close"},
        ) from None
    except ClientDisconnect:
        raise Problem("REQUEST_TIMEOUT", "The caller went away.", "Send the request again.") from None
    return bytes(read)


async def read_body(request: Request, _caller: ActsAtGitHub) -> bytes:
    """The raw body of a request that may write at GitHub; read only after the caller is known."""
    return await _body(request)


async def read_asking_body(request: Request, _caller: AsksGitHub) -> bytes:
    """The raw body of a request that reads at GitHub."""
    return await _body(request)


async def read_admin_body(request: Request, _caller: Writing) -> bytes:
    """The raw body of a request that changes this service."""
    return await _body(request)


Body = Annotated[bytes, Depends(read_body)]
AskingBody = Annotated[bytes, Depends(read_asking_body)]
AdminBody = Annotated[bytes, Depends(read_admin_body)]


def _too_large() -> Problem:
    return Problem(
        "PAYLOAD_TOO_LARGE",
        f"The body is larger than {LARGEST_BODY} bytes.",
        "Send less; a batch has at most 25 items.",
        headers={"Connection": "close"},
    )


def _not_json(why: str) -> Problem:
    return Problem(
        "UNSUPPORTED_MEDIA_TYPE", f"The body cannot be read: {why}.", "Send UTF-8 JSON as `application/json`."
    )


def no_query(request: Request) -> None:
    """For routes without a query: a name that would be ignored is refused."""
    names = list(request.query_params.keys())
    if names:
        raise invalid([{"field": name[:80], "problem": "is not known here"} for name in names])


def query_once(request: Request) -> None:
    """A name that stands twice in the query has no one meaning."""
    seen = [name for name, _ in request.query_params.multi_items()]
    twice = sorted({name for name in seen if seen.count(name) > 1})
    if twice:
        raise invalid([{"field": name[:80], "problem": "stands more than once in the query"} for name in twice])


def idempotency_key(request: Request, _caller: ActsAtGitHub) -> str | None:
    """The header `Idempotency-Key`; None without one."""
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    if len(given) > 1 or not re.fullmatch(REQUEST_ID, given[0]):
        problem = "must be one value of 1 to 255 printable ASCII characters"
        raise invalid([{"field": "Idempotency-Key", "problem": problem}])
    return given[0]


def _decimal(value: object) -> object:
    """Only plain decimal digits are a number in a path or a query: no sign, space, point or underscore."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) <= 20):
        raise ValueError("must be a whole number in plain digits")
    return value


Decimal = BeforeValidator(_decimal)

PathNumber = Annotated[
    int, Path(alias="prNumber", ge=1, le=LARGEST_NUMBER, description="The pull request's number."), Decimal
]
PathOwner = Annotated[str, Path(alias="owner", pattern=OWNER)]
PathRepo = Annotated[str, Path(alias="repo", pattern=REPO)]
