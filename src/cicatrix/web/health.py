"""Whether the process lives, and whether it may be sent requests. Neither needs a credential or tells a secret."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from cicatrix import __version__
from cicatrix.ledger import LedgerError

from . import shapes
from .answering import answer
from .openapi import documented
from .service import Service, service_of
from .taking import no_query

router = APIRouter()


@router.get(
    "/healthz",
    operation_id="getHealth",
    summary="The process answers",
    responses=documented(shapes.Health, 400, 500, 503),
    dependencies=[Depends(no_query)],
)
async def healthz() -> Response:
    """Asynchronous on purpose: it answers while every worker thread is busy."""
    return answer({"status": "ok", "version": __version__})


@router.get(
    "/readyz",
    operation_id="getReadiness",
    summary="Ledger readable and safe, lawbook usable, engine alive; 503 names what is not",
    responses=documented(
        shapes.Ready,
        400,
        500,
        also={503: {"model": shapes.Ready, "description": "Not ready: the checks say what is wrong."}},
    ),
    dependencies=[Depends(no_query)],
)
def readyz(request: Request) -> Response:
    service = service_of(request)
    checks = [
        _checked("ledger", lambda: _ledger(service)),
        _checked("lawbook", lambda: "; ".join(service.base_lawbook()[:1])),
        _checked("engine", lambda: "" if service.runner_alive() else "the runner is not alive"),
    ]
    ready = all(check["ok"] for check in checks)
    told = {"status": "ready" if ready else "not_ready", "checks": checks}
    return answer(service.clean(told), 200 if ready else 503)


def _ledger(service: Service) -> str:
    """The start-up self-test passed, or there would be no ledger; here it is read once more."""
    try:
        with service.ctx.ledger.read() as view:
            view.size()
    except LedgerError as trouble:
        return trouble.what
    return ""


def _checked(name: str, asked: Callable[[], str]) -> dict[str, object]:
    """`asked` tells what is wrong, or nothing."""
    try:
        trouble = asked()
    except Exception as fault:  # noqa: BLE001 -- a check that fails is a check that says no
        trouble = type(fault).__name__
    return {"name": name, "ok": not trouble, "detail": trouble or "ok"}
