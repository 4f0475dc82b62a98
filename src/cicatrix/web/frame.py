"""Around every request: its id, its line in the log, the number at once, and the last line of defence."""

from __future__ import annotations

import re
import time
import traceback

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cicatrix.core.redact import REDACTED

from .answering import problem_answer
from .problems import Problem, internal
from .service import Service

MOST_AT_ONCE = 400
"""Requests in work; more are told to come again."""
_ID = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}", re.ASCII)


class Frame:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, service: Service, most: int = MOST_AT_ONCE) -> None:
        self._app, self._service, self._most = app, service, most
        self._now = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._request_id(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.monotonic()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                headers["x-content-type-options"] = "nosniff"
            await send(message)

        self._now += 1
        try:
            if self._now > self._most:
                busy = Problem("SERVICE_BUSY", "Too many requests at once.", "Ask again soon.", retry_after=5)
                await problem_answer(self._service, busy, request_id)(scope, receive, sending)
                return
            await self._app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 -- the last line of defence: told to the log, never to the caller
            if not scope["state"].get("told"):
                self._service.ctx.log(
                    "http.fault", requestId=request_id, error="".join(traceback.format_exception(error)).strip()
                )
            if not status:
                await problem_answer(self._service, internal(), request_id)(scope, receive, sending)
        finally:
            self._now -= 1
            self._log(scope, status, started, request_id)

    def _request_id(self, headers: Headers) -> str:
        given = headers.get("x-request-id", "")
        if _ID.fullmatch(given) and REDACTED not in self._service.redact(given):
            return given
        return self._service.ctx.new_id()

    def _log(self, scope: Scope, status: int, started: float, request_id: str) -> None:
        """One line, without the query: it may hold anything."""
        route = scope.get("route")
        self._service.ctx.log(
            "http.request",
            method=scope["method"],
            route=getattr(route, "path", None) or "(none)",
            status=status,
            ms=round((time.monotonic() - started) * 1000),
            requestId=request_id,
            principal=scope["state"].get("principal", ""),
        )
