"""The front of the simulated GitHub: who asks, limits, ETags, faults, the log host; the endpoints are behind it."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from . import artifacts, auth, faults, logs
from .calls import Call
from .exchange import LOGS, Refusal, Request, Response
from .faults import Fault
from .routes import answer

if TYPE_CHECKING:
    from .world import World

HOUR = timedelta(hours=1)


class Front:
    """Answers the requests of one world."""

    def __init__(self, world: World) -> None:
        self.world = world

    def handle(self, request: Request) -> Response:
        """The answer to one request, recorded in the history. The caller holds the world's lock."""
        authorization = request.headers.get("authorization", "")
        record = self.world.history.call(
            at=self.world.now,
            who="?",
            method=request.method,
            path=request.path,
            query=request.query,
            origin=request.origin,
            authorization=bool(authorization),
            client_id=request.headers.get("x-request-id", ""),
        )
        at_logs = request.origin == LOGS
        response = self._log_host(request) if at_logs else self._api(request, authorization, record)
        seq = record["seq"]
        response.headers["date"] = format_datetime(self.world.now, usegmt=True)
        response.headers["x-github-request-id"] = f"{seq:04X}:SIM:{self.world.seed:X}"
        record["status"] = 0 if response.reset or response.unreachable else response.status
        record["faults"] = list(response.faults)
        return response

    def _log_host(self, request: Request) -> Response:
        name = request.path.rpartition("/")[2]
        if request.headers.get("authorization"):
            return logs.refuse(400, "InvalidAuthenticationInfo")
        if request.path.startswith(artifacts.PLACE):
            response = artifacts.download(self.world, request)
        else:
            response = self._log(request, int(name) if name.isdigit() else 0)
        if response.status != 200:
            return response
        for fault in self.world.faults.draw(request.method, request.path, self.world.chance, page=1):
            response = self._after(fault, response)
        return response

    def _log(self, request: Request, job_id: int) -> Response:
        found = self.world.jobs.get(job_id)
        if found is None:
            return logs.refuse(404, "BlobNotFound")
        if request.method != "GET" or not logs.valid_link(job_id, request.query, self.world.now):
            return logs.refuse(403, "AuthenticationFailed")
        outcome = found[1].outcome
        text = b"" if outcome.log_size else logs.log_text(found[1])
        response = Response(200, {"content-type": "text/plain; charset=utf-8"}, text)
        response.big_body = outcome.log_size
        return response

    def _api(self, request: Request, authorization: str, record: dict[str, Any]) -> Response:
        principal: auth.Principal | None = None
        app: auth.App | None = None
        stranger: Refusal | None = None
        try:
            principal, app = self._who(authorization)
        except Refusal as refusal:
            stranger = refusal
        record["who"] = principal.login if principal else (f"app:{app.slug}" if app else "?")
        hits = self.world.faults.draw(request.method, request.path, self.world.chance, page=_page(request.query))
        for fault in hits:
            early = self._before(fault, request, record)
            if early is not None:
                early.faults = tuple(f.kind for f in hits)
                early.delay = sum(f.seconds for f in hits if f.kind == "slow")
                return early
        if stranger is not None:
            response = stranger.response()
        else:
            try:
                response = self._answer(request, principal, app, record["seq"], hits)
            except Refusal as refusal:
                response = refusal.response()
        for fault in hits:
            response = self._after(fault, response)
        return response

    def _answer(
        self, request: Request, principal: auth.Principal | None, app: auth.App | None, seq: int, hits: list[Fault]
    ) -> Response:
        if principal is not None and request.path != "/rate_limit":
            limit, used, reset = self.world.quota(principal)
            if used >= limit:
                status, message, headers = faults.rate_limit_headers("primary", self.world.now, reset)
                raise Refusal(status, message, headers=headers)
        call = Call(
            world=self.world,
            request=request,
            principal=principal,
            app=app,
            at=min((f.view(self.world.now) for f in hits if f.kind == "stale_for"), default=self.world.now),
            seq=seq,
            list_shift=_shift(hits),
            missing_logs=next((f.form or "404" for f in hits if f.kind == "missing_logs"), None),
        )
        try:
            response = answer(call)
        except Refusal as refusal:
            response = refusal.response()
        return self._dressed(request, principal, response)

    def _dressed(self, request: Request, principal: auth.Principal | None, response: Response) -> Response:
        """ETag and rate-limit headers; an unchanged body is a 304, which costs nothing."""
        fresh = True
        if response.status == 200 and request.method == "GET":
            etag = f'W/"{hashlib.sha256(response.body).hexdigest()}"'
            response.headers["etag"] = etag
            if request.headers.get("if-none-match") == etag:
                response.status, response.body, fresh = 304, b"", False
                response.headers.pop("content-type", None)
        if principal is not None:
            limit, used, reset = self.world.quota(principal)
            if fresh and request.path != "/rate_limit":
                used += 1
                self.world.quotas[principal.login] = (reset - HOUR, used)
            response.headers.update(
                {
                    "x-ratelimit-limit": str(limit),
                    "x-ratelimit-remaining": str(max(0, limit - used)),
                    "x-ratelimit-used": str(used),
                    "x-ratelimit-reset": str(int(reset.timestamp())),
                    "x-ratelimit-resource": "core",
                }
            )
            if principal.kind == "user" and principal.expires_at is not None:
                end = f"{principal.expires_at:%Y-%m-%d %H:%M:%S} UTC"
                response.headers["github-authentication-token-expiration"] = end
        return response

    def _who(self, authorization: str) -> tuple[auth.Principal | None, auth.App | None]:
        if not authorization:
            return None, None
        secret = auth.token_of(authorization)
        if secret.count(".") == 2:
            return None, auth.app_of(secret, self.world.apps, self.world.now)
        principal = self.world.tokens.get(secret)
        if principal is None or (principal.expires_at is not None and principal.expires_at <= self.world.now):
            raise auth.bad_credentials()
        return principal, None

    # --- faults ---

    def _before(self, fault: Fault, request: Request, record: dict[str, Any]) -> Response | None:
        """An answer instead of the endpoint's, when the fault comes before any effect."""
        match fault.kind:
            case "answer_502_before":
                return faults.bad_gateway()
            case "reset_before":
                return Response(0, reset=True)
            case "unreachable":
                return Response(0, unreachable=True)
            case "rate_limited":
                reset = self.world.now + timedelta(seconds=60)
                status, message, headers = faults.rate_limit_headers(fault.form, self.world.now, reset)
                if fault.form in ("", "seconds", "429", "date", "primary"):
                    record["notBefore"] = reset.isoformat().replace("+00:00", "Z")
                return Refusal(status, message, headers=headers).response()
            case "human_reruns_at_the_same_time":
                self._human_comes_first(request.path)
        return None

    def _human_comes_first(self, path: str) -> None:
        parts = path.strip("/").split("/")
        number = next((int(p) for p in parts[3:] if p.isdigit()), 0)
        run = self.world.runs.get(number)
        if run is None and number in self.world.jobs:
            run = self.world.jobs[number][0]
        if run is not None:
            self.world.human_reruns(run.id)

    def _after(self, fault: Fault, response: Response) -> Response:
        """The same answer, spoilt; its effect has happened."""
        match fault.kind:
            case "answer_502_after_effect":
                marks = response.faults
                response = faults.bad_gateway()
                response.faults = marks
            case "reset_after_effect":
                response.reset = True
            case "garbage":
                response = faults.garbled(response, fault.form or "html")
            case "slow":
                response.delay += fault.seconds
        response.faults = (*response.faults, fault.kind)
        return response


def _page(query: str) -> int:
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name == "page" and value.isdigit():
            return int(value)
    return 1


def _shift(hits: list[Fault]) -> int:
    kinds = {f.kind for f in hits}
    return ("list_grows_while_paging" in kinds) - ("list_shrinks_while_paging" in kinds)
