"""JSON on the wire: one way to write it, entity tags, and pages."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from .problems import MEDIA_TYPE, Problem
from .service import Service


def encoded(tree: Any) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(tree, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")


def answer(tree: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A success."""
    return Response(encoded(tree), status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")


def problem_answer(service: Service, problem: Problem, request_id: str) -> Response:
    """A refusal, its foreign texts redacted."""
    tree = service.clean(problem.document(request_id))
    return Response(encoded(tree), problem.status, {"Cache-Control": "no-store", **problem.all_headers()}, MEDIA_TYPE)


def readable(request: Request, tree: Any, headers: Mapping[str, str] | None = None) -> Response:
    """A read that may be asked for again cheaply: weak ETag, 304 when nothing changed."""
    body = encoded(tree)
    tag = f'W/"{base64.urlsafe_b64encode(sha256(body).digest()[:18]).decode()}"'
    every = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization", **(headers or {})}
    asked = [part.strip() for line in request.headers.getlist("if-none-match") for part in line.split(",")]
    if "*" in asked or tag in asked or tag.removeprefix("W/") in asked:
        return Response(b"", 304, every)
    return Response(body, 200, every, "application/json")


def page(request: Request, items: list[Any], next_cursor: str | None) -> Response:
    """One page of a list; `Link` and `nextCursor` lead to the next one while there is one."""
    headers = {}
    if next_cursor is not None:
        query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        headers["Link"] = f'<{request.url.path}?{urlencode([*query, ("cursor", next_cursor)])}>; rel="next"'
    return readable(request, {"items": items, "nextCursor": next_cursor}, headers)
