"""An answer, read to its end: unpacked within bounds, read as JSON, and worded for a person."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from cicatrix.github.table import Garbled


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer read to its end. `tree` is its JSON; None when it had no body or a status without a document."""

    status: int
    headers: Mapping[str, str] = field(repr=False)  # a Location may be a key to a log
    body: bytes = field(repr=False)  # may hold an installation token
    tree: Any = field(repr=False)
    url: str


def unpacked(response: httpx.Response) -> Iterator[bytes]:
    """The body as it was before `Content-Encoding`, in pieces of bounded size: a packed bomb cannot fill the memory.

    Only `gzip` and `deflate` are unpacked, since only `gzip` is asked for; another coding raises `Garbled`.
    """
    stream = response.stream
    if not isinstance(stream, httpx.SyncByteStream):
        raise Garbled("the answer has no body to read")
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding in {"", "identity"}:
        yield from stream
    elif coding in {"gzip", "x-gzip", "deflate"}:
        yield from _inflated(stream)
    else:
        raise Garbled(f"the answer is packed as {coding[:40]}, which was not asked for")


def _inflated(stream: Iterable[bytes], piece: int = 2**20) -> Iterator[bytes]:
    engine, begun = _engine(), False
    try:
        for packed in stream:
            rest = packed
            while rest:
                begun = True
                yield engine.decompress(rest, piece)
                rest = engine.unconsumed_tail
                if engine.eof and engine.unused_data:  # a further gzip member (RFC 1952, 2.2)
                    rest, engine = engine.unused_data, _engine()
    except zlib.error as wrong:
        raise Garbled(f"the packed answer is damaged ({wrong})") from None
    if begun and not engine.eof:
        raise Garbled("the packed answer ends too early")


def _engine() -> Any:
    return zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: gzip or zlib, told apart by their first bytes


def json_of(status: int, body: bytes) -> Any:
    """The JSON of an answer. A good answer must be JSON or empty; an error's body may be anything."""
    if not body.strip():
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as wrong:
        if 200 <= status < 300:
            raise Garbled(f"the answer is not JSON ({type(wrong).__name__})") from None
        return None


def flat(headers: httpx.Headers) -> dict[str, str]:
    """Headers with lower-case names; a repeated one joined by commas (RFC 9110, 5.3)."""
    return {name.lower(): value for name, value in headers.items()}


def without_keys(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers to show: a `Location` without its query, which may be the key to a log."""
    where, mark, _ = headers.get("location", "").partition("?")
    return dict(headers) | ({"location": f"{where}?***"} if mark else {})


def without_token(body: bytes, answer: Answer | None) -> bytes:
    """A body to show: without the installation token that it may hold."""
    token = answer.tree.get("token") if answer is not None and isinstance(answer.tree, dict) else None
    return body.replace(token.encode(), b"***") if isinstance(token, str) and token else body


def message(answer: Answer) -> str:
    """GitHub's own words for a refusal (`message` and the first `errors`), or the first words of another body."""
    if isinstance(answer.tree, dict):
        details = answer.tree.get("errors")
        words = [answer.tree.get("message")]
        first = details[:3] if isinstance(details, list) else []
        words.extend(item.get("message") if isinstance(item, dict) else item for item in first)
        return "; ".join(str(word) for word in words if word)
    if 300 <= answer.status < 400:
        return "a redirect that is not followed"
    return answer.body[:200].decode("utf-8", "replace")


def next_step(status: int, needed: str | None) -> str:
    """What a person should do about a refusal; empty for nothing in particular."""
    if status == 401:
        return "Check that the token is right, not expired and not revoked."
    if status == 403 and needed:
        return f"The token needs {needed}; grant it, or wait if the run is still going."
    if status == 404:
        return "Check the name, and that the token may read this repository."
    return ""
