"""The application: routes, and every error as a problem document."""

from __future__ import annotations

import traceback
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from cicatrix import __version__
from cicatrix.flows.denied import Denied
from cicatrix.flows.rerun import RequestIdReused, RequestInProgress
from cicatrix.flows.seed_000 import InvalidInput
from cicatrix.github import GitHubError
from cicatrix.ledger import LedgerError

from . import batch, evidence, health, log, openapi, reads, registry, reruns, switches
from .answering import problem_answer
from .bodies import refused
from .errors import problem_of
from .frame import Frame
from .problems import Problem
from .service import Service, service_of

FORESEEN = (Problem, Denied, InvalidInput, RequestInProgress, RequestIdReused, GitHubError, LedgerError)
ROUTERS = tuple(part.router for part in (reruns, batch, evidence, reads, log, registry, switches, health))


def make_app(service: Service) -> ASGIApp:
    """The whole API over one service."""
    app = bare_app(service)
    return Frame(app, service)


def bare_app(service: Service) -> FastAPI:
    """The routes without the frame around them: for the description."""
    app = FastAPI(
        title="Cicatrix",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.service = service
    for router in ROUTERS:
        app.include_router(router)
    for kind in FORESEEN:
        app.add_exception_handler(kind, _told)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(Exception, _unforeseen)
    openapi.install(app, __version__)
    return app


def _told(request: Request, error: Exception) -> Response:
    service = service_of(request)
    problem = problem_of(error, service.ctx.now())
    if problem.status >= 500:
        service.ctx.log("http.trouble", requestId=request.state.request_id, error=f"{type(error).__name__}: {error}")
    return problem_answer(service, problem, request.state.request_id)


def _invalid(request: Request, error: Exception) -> Response:
    """FastAPI's own findings about path and query: 400, never 422."""
    assert isinstance(error, RequestValidationError)
    return problem_answer(service_of(request), refused(list(error.errors()), parameters=True), request.state.request_id)


def _plain(request: Request, error: Exception) -> Response:
    """What Starlette raises by itself: an unknown route, a method that the route has not."""
    assert isinstance(error, HTTPException)
    headers: dict[str, Any] = dict(error.headers or {})
    match error.status_code:
        case 404:
            problem = Problem("NOT_FOUND", "There is no such route.", "/openapi.json lists the routes.")
        case 405:
            problem = Problem(
                "METHOD_NOT_ALLOWED",
                f"This route does not know {request.method}.",
                f"Use {headers.get('Allow', headers.get('allow', 'another method'))}.",
                headers=headers,
            )
        case status:
            problem = Problem(
                "INVALID_INPUT" if status < 500 else "INTERNAL_ERROR", "The request cannot be read.", "Correct it."
            )
    return problem_answer(service_of(request), problem, request.state.request_id)


def _unforeseen(request: Request, error: Exception) -> Response:
    """Told to the log before it is answered; Starlette raises the error again, and the frame ends it."""
    service = service_of(request)
    service.ctx.log(
        "http.fault", requestId=request.state.request_id, error="".join(traceback.format_exception(error)).strip()
    )
    request.state.told = True
    return problem_answer(service, problem_of(error, service.ctx.now()), request.state.request_id)
