"""OpenAPI 3.1: what FastAPI cannot know (bodies that we read, problems, callers), and nothing that is untrue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from cicatrix.core.registry import json_schema

from .bodies import BatchBody, PromptBody, RerunBody, Strict, SwitchBody
from .problems import MEDIA_TYPE
from .shapes import ProblemDocument

REF = "#/components/schemas/{model}"

SAID: Mapping[int, str] = {
    400: "Something in the request is not valid: details.problems lists it all.",
    401: "No good credential of the caller, or none of this service.",
    403: "A guardrail says no: access policy, caller, registry, approval or automation policy.",
    404: "GitHub has no such thing, or the caller or this service may not see it.",
    405: "This path knows other methods: see Allow.",
    408: "The body came too slowly.",
    409: "The state of things does not allow it: no registry, a request in progress, no failures.",
    413: "The body is too large.",
    415: "The body is not UTF-8 JSON.",
    422: "The requestId was used for another request: the only 422.",
    429: "Not yet: Retry-After and details.nextAllowedAt say when.",
    500: "A fault of the service: the body carries the request's id alone.",
    502: "GitHub gave no usable answer.",
    503: "GitHub, the ledger or the lawbook cannot be used now.",
}
WAITS = frozenset({409, 429, 502, 503})

REQUEST_ID_HEADER = {
    "description": "Correlation id: the caller's own, or a fresh one.",
    "schema": {"type": "string"},
}
RETRY_AFTER = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
REPLAYED = {
    "description": "`true` on an answer that was stored before.",
    "schema": {"type": "string", "enum": ["true"]},
}


def documented(model: type[BaseModel], *statuses: int, also: Mapping[int, Any] | None = None) -> dict[int | str, Any]:
    """`responses` of a route: its success, and a problem for each status that can occur."""
    found: dict[int | str, Any] = {200: {"model": model, "description": "Done."}}
    for status in statuses:
        found[status] = problem(status)
    return found | dict(also or {})


def problem(status: int) -> dict[str, Any]:
    """One problem answer."""
    told: dict[str, Any] = {
        "description": SAID[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": REF.format(model="ProblemDocument")}}},
    }
    if status in WAITS:
        told["headers"] = {"Retry-After": RETRY_AFTER}
    if status == 401:
        told["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return told


def unchanged() -> dict[int, Any]:
    """304 of a read with an entity tag."""
    return {304: {"description": "Nothing changed since the ETag that was sent."}}


def body_of(model: type[Strict], *, key: bool = True) -> dict[str, Any]:
    """`openapi_extra` of a route that reads its JSON body by itself; `key` adds the header Idempotency-Key."""
    extra: dict[str, Any] = {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": REF.format(model=model.__name__)}}},
        }
    }
    if key:
        extra["parameters"] = [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same as the body's requestId.",
                "schema": {"type": "string", "pattern": "^[!-~](?:[ -~]{0,253}[!-~])?$"},
            }
        ]
    return extra


def install(app: FastAPI, version: str) -> None:
    """Makes `app.openapi()` tell the whole truth."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _made(app, version)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend its description


def _made(app: FastAPI, version: str) -> dict[str, Any]:
    tree = get_openapi(
        title="Cicatrix",
        version=version,
        openapi_version="3.1.0",
        description="Reruns exactly the failed GitHub Actions jobs that deserve it, within bounds that hold.",
        routes=app.routes,
    )
    schemas = tree.setdefault("components", {}).setdefault("schemas", {})
    models: list[type[BaseModel]] = [RerunBody, BatchBody, PromptBody, SwitchBody]
    _, made = models_json_schema([(m, "validation") for m in models], by_alias=True, ref_template=REF)
    schemas.update(made["$defs"])
    _, made = models_json_schema([(ProblemDocument, "serialization")], by_alias=True, ref_template=REF)
    schemas.update(made["$defs"])
    schemas["RegistryDocument"] = {k: v for k, v in json_schema().items() if k not in {"$schema", "$id"}}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    tree["components"]["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key (`cic_...`), or a token of the configured GitHub.",
        }
    }
    for path, methods in tree["paths"].items():
        for told in methods.values():
            _finish(path, told)
    return tree


def _finish(path: str, told: dict[str, Any]) -> None:
    responses = told["responses"]
    automatic = responses.get("422", {}).get("content", {})
    if "application/json" in automatic:
        del responses["422"]
    for response in responses.values():
        response.setdefault("headers", {})["x-request-id"] = REQUEST_ID_HEADER
    if path.startswith("/api/"):
        told["security"] = [{"bearer": []}]
    if "Idempotency-Key" in {p.get("name") for p in told.get("parameters", [])}:
        responses["200"]["headers"]["Idempotency-Replayed"] = REPLAYED
