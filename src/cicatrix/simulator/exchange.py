"""One request and its answer, as plain values that both faces of the simulated GitHub share."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

API = "api"
LOGS = "logs"
DOCS = "https://docs.github.com/rest"
CHUNK = 64 * 1024


@dataclass(slots=True)
class Request:
    """What arrived. Header names are in lower case, the query is not decoded yet."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    origin: str = API
    """`api` or `logs`: which of the two hosts was asked."""
    read_timeout: float | None = None
    """What the caller is willing to wait, when the face knows it."""


@dataclass(slots=True)
class Response:
    """What goes back. With `reset` nothing goes back and the connection dies instead."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    big_body: int = 0
    """Above 0: the body is a generated log of this many bytes, to be streamed with `chunks`."""
    reset: bool = False
    unreachable: bool = False
    delay: float = 0.0
    faults: tuple[str, ...] = ()
    """What was done to this exchange on purpose."""

    def chunks(self) -> Iterator[bytes]:
        if not self.big_body:
            yield self.body
            return
        line = b"2026-01-01T00:00:00.0000000Z step 1 of many: nothing to see here, the build goes on and on\n"
        chunk = line * (CHUNK // len(line))
        left = self.big_body
        while left > 0:
            yield chunk[:left]
            left -= len(chunk)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What an observer of the world sees of one exchange."""

    method: str
    path: str
    query: str
    request_headers: Mapping[str, str]
    request_body: bytes
    status: int
    headers: Mapping[str, str]
    body: bytes
    faults: tuple[str, ...]
    origin: str
    spoilt: bool
    """Whether the answer is off GitHub's description on purpose."""


class Refusal(Exception):  # noqa: N818 -- GitHub's "no" is an answer here, not an error of ours
    """An answer other than the asked-for one, raised where it is found and turned into a response at the top."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        docs: str = "",
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = [dict(error) for error in errors]
        self.headers = dict(headers or {})
        self.docs = DOCS + docs

    def response(self) -> Response:
        body: dict[str, Any] = {"message": self.message, "documentation_url": self.docs, "status": str(self.status)}
        if self.errors:
            body["errors"] = self.errors
        return json_response(body, status=self.status, headers=self.headers)


def not_found(docs: str = "") -> Refusal:
    return Refusal(404, "Not Found", docs=docs)


def invalid(resource: str, *, docs: str, field: str = "", code: str = "invalid", message: str = "") -> Refusal:
    """GitHub's 422 that names the field, or says in words what is wrong with the whole (code `custom`).

    https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api#validation-failed
    """
    named = {"resource": resource, "code": "custom" if message else code}
    if field:
        named["field"] = field
    if message:
        named["message"] = message
    return Refusal(422, "Validation Failed", docs=docs, errors=(named,))


def json_response(tree: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in GitHub's JSON, compact and in UTF-8."""
    return Response(
        status,
        {"content-type": "application/json; charset=utf-8", **(headers or {})},
        json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode(),
    )
