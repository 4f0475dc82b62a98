"""Git over HTTP as GitHub speaks it: who may read and push, protected branches, faults, and a record of every push.

The protocol itself is git's own `http-backend` on the bare repository. Nothing is written into that repository: hooks
and settings come by the environment, so that who pushes through the file system meets none of them.
https://git-scm.com/docs/git-http-backend
"""

from __future__ import annotations

import base64
import json
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import faults, receive_hook
from .auth import Principal
from .exchange import Refusal, Request, Response
from .git_process import program, run

if TYPE_CHECKING:
    from .repository import SimRepository
    from .world import World

GIT = "git"
_PATH = re.compile(r"/([^/]+)/([^/]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack)")
_PUSH = "git-receive-pack"
_PROBE = b"0000"
"""What a client sends before a large push, to learn whether it will be let in."""
_HEADERS = {"content-type": "CONTENT_TYPE", "git-protocol": "GIT_PROTOCOL", "content-encoding": "HTTP_CONTENT_ENCODING"}


class GitHost:
    """Answers git's requests for the repositories of a world that have a bare repository behind them.

    `before_receive` is called after the client has read the refs and before its push is taken: a race on demand.
    `drop_after_receive`: pushes are taken, and the connection dies instead of saying so.

    The world's faults hit git as well. git's own HTTP client sends a request again when a kept connection is reset
    before it has read a byte, so a reset that must be felt is switched on with `count=None`.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.before_receive: Callable[[], None] | None = None
        self.drop_after_receive = False
        self._racing = False
        """The race may push over HTTP itself, and causes no second one."""
        world.git = self

    def close(self) -> None:
        """Nothing is open here."""

    def handle(self, request: Request) -> Response:
        """The answer to one request. The world's lock is held for its own part only, never while git works."""
        with self.world.lock:
            record = self._recorded(request)
            hits = self.world.faults.draw(request.method, request.path, self.world.chance, page=1)
        response = next((early for f in hits if (early := _instead(f.kind)) is not None), None)
        if response is None:
            try:
                response = self._answer(request, record)
            except Refusal as refusal:
                response = _text(refusal)
            response = _spoilt(response, {f.kind for f in hits})
        response.delay = sum(f.seconds for f in hits if f.kind == "slow")
        response.faults = tuple(f.kind for f in hits)
        record["status"] = 0 if response.reset or response.unreachable else response.status
        record["faults"] = list(response.faults)
        return response

    def _recorded(self, request: Request) -> dict[str, Any]:
        return self.world.history.call(
            at=self.world.now,
            who="?",
            method=request.method,
            path=request.path,
            query=request.query,
            origin=GIT,
            authorization="authorization" in request.headers,
            client_id=request.headers.get("x-request-id", ""),
        )

    def _answer(self, request: Request, record: dict[str, Any]) -> Response:
        found = _PATH.fullmatch(request.path)
        if found is None:
            raise Refusal(404, "Not Found")
        owner, name, service = found.groups()
        pushes = service == _PUSH or request.query == f"service={_PUSH}"
        with self.world.lock:
            principal = self._who(request.headers.get("authorization", ""))
            record["who"] = principal.login if principal else "?"
            repo = self._repository(f"{owner}/{name}", principal, pushes=pushes)
        if service == _PUSH and request.body != _PROBE:
            return self._receive(repo, principal, request, record)
        return self._backend(repo, request, f"/{service}", {})

    def _who(self, authorization: str) -> Principal | None:
        scheme, _, secret = authorization.partition(" ")
        if not secret:
            return None
        if scheme.lower() == "basic":
            secret = base64.b64decode(secret).decode("utf-8", "replace").partition(":")[2]
        principal = self.world.tokens.get(secret.strip())
        if principal is None or (principal.expires_at is not None and principal.expires_at <= self.world.now):
            raise Refusal(
                401, "Invalid username or token. Password authentication is not supported for Git operations."
            )
        return principal

    def _repository(self, full_name: str, principal: Principal | None, *, pushes: bool) -> SimRepository:
        moved = self.world.moved.get(full_name.lower())
        repo = self.world.find_repository(full_name) or moved
        hidden = repo is None or repo.git is None or (principal is not None and not principal.may_see(repo.full_name))
        if principal is None and (pushes or hidden or (repo is not None and repo.private)):
            raise Refusal(401, "No anonymous write access.")
        if repo is None or hidden:
            raise Refusal(404, "Repository not found.")
        if principal is not None and not principal.may("contents", "write" if pushes else "read"):
            verb = f"Permission to {repo.full_name}.git denied to {principal.login}."
            raise Refusal(403, verb if pushes else "Write access to repository not granted.")
        return repo

    # --- a push ---

    def _receive(
        self, repo: SimRepository, principal: Principal | None, request: Request, record: dict[str, Any]
    ) -> Response:
        self._race()
        with tempfile.TemporaryDirectory(prefix="cicatrix-sim-") as folder:
            place = Path(folder)
            response = self._backend(repo, request, f"/{_PUSH}", self._hooks(place, repo, principal))
            decided = [json.loads(line) for line in _lines(place / "decisions")]
            done = {tuple(line.split(" ", 2)) for line in _lines(place / "done")}
        with self.world.lock:
            record["pushes"] = decided
            self._note(repo, principal, request, record["seq"], [d for d in decided if _key(d) in done])
        response.reset = self.drop_after_receive
        return response

    def _race(self) -> None:
        if self.before_receive is None or self._racing:
            return
        self._racing = True
        try:
            self.before_receive()
        finally:
            self._racing = False

    def _note(
        self, repo: SimRepository, principal: Principal | None, request: Request, seq: int, done: list[dict[str, Any]]
    ) -> None:
        """Records the refs that really moved."""
        if repo.git is not None:
            repo.git.sync()
        login = principal.login if principal else "?"
        for push in done:
            self.world.history.write(
                at=self.world.now,
                kind="push",
                repository=repo.full_name,
                repository_id=repo.id,
                login=login,
                call=seq,
                client_id=request.headers.get("x-request-id", ""),
                head_sha=push["new"],
                detail={key: push[key] for key in ("ref", "old", "new", "forced")},
            )
            self.world.pushed(repo, push["ref"], push["new"], principal)

    def _hooks(self, place: Path, repo: SimRepository, principal: Principal | None) -> Mapping[str, str]:
        """The two hooks, the rules they go by and the settings that name them; all by environment."""
        hooks = place / "hooks"
        hooks.mkdir()
        with self.world.lock:
            rules = _rules(repo, principal)
        rules |= {"git": program(), "decisions": str(place / "decisions")}
        (place / "rules").write_text(json.dumps(rules), encoding="utf-8")
        _script(hooks / "proc-receive", sys.executable, "-I", "-S", receive_hook.__file__, str(place / "rules"))
        _script(hooks / "post-receive", "tee", "-a", str(place / "done"))
        settings = {"core.hooksPath": str(hooks), "receive.procReceiveRefs": "refs", "http.receivepack": "true"}
        listed = {"GIT_CONFIG_COUNT": str(len(settings))}
        for number, (key, value) in enumerate(settings.items()):
            listed |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return listed

    def _backend(self, repo: SimRepository, request: Request, path_info: str, extra: Mapping[str, str]) -> Response:
        if repo.git is None:
            raise Refusal(404, "Repository not found.")
        settings = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.receivepack", "GIT_CONFIG_VALUE_0": "true"}
        env = {
            "GIT_PROJECT_ROOT": str(repo.git.path),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path_info,
            "QUERY_STRING": request.query,
            "REQUEST_METHOD": request.method,
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": str(len(request.body)),
            **{name: request.headers[header] for header, name in _HEADERS.items() if header in request.headers},
            **settings,
            **extra,
        }
        _, out, _ = run([program(), "http-backend"], stdin=request.body, env=env)
        return _from_cgi(out)


def _rules(repo: SimRepository, principal: Principal | None) -> dict[str, Any]:
    """What the hook has to know, as JSON."""
    protected = {}
    for branch in repo.protected:
        rules = repo.rules[branch]
        if principal is not None and principal.login in rules.bypass:
            continue
        protected[branch] = {
            "pull_request": rules.pull_request,
            "signatures": rules.signatures,
            "merge_queue": rules.merge_queue,
            "ruleset": rules.ruleset,
            "checks": {name: _green(repo, name) for name in rules.checks},
        }
    return {
        "default": repo.default_branch,
        "kind": principal.kind if principal else "user",
        "workflows": principal is not None and principal.may("workflows", "write"),
        "protected": protected,
    }


def _green(repo: SimRepository, name: str) -> list[str]:
    """Commits on which a check or status of this name succeeded."""
    found = [s.sha for s in repo.statuses if s.context == name and s.state == "success"]
    found += [c.head_sha for c in repo.checks if c.name == name and c.conclusion == "success"]
    ran = [(run.head_sha, run.last.latest.get(name)) for run in repo.runs]
    now = repo.world.now
    found += [sha for sha, e in ran if e is not None and e.conclusion == "success" and e.completed_at <= now]
    return sorted(set(found))


def _key(decided: Mapping[str, Any]) -> tuple[str, ...]:
    return decided["old"], decided["new"], decided["ref"]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _script(path: Path, *command: str) -> None:
    """A hook that is one command; the pusher sees what it says on its errors alone."""
    output = ">/dev/null" if path.name == "post-receive" else ""
    path.write_text(f"#!/bin/sh\nexec {shlex.join(command)} {output}\n", encoding="utf-8")
    path.chmod(0o700)


def _instead(kind: str) -> Response | None:
    """An answer before any effect."""
    match kind:
        case "answer_502_before":
            return faults.bad_gateway()
        case "reset_before":
            return Response(0, reset=True)
        case "unreachable":
            return Response(0, unreachable=True)
        case "rate_limited":
            return Response(429, {"content-type": "text/plain", "retry-after": "60"}, b"Too many requests\n")
    return None


def _spoilt(response: Response, kinds: set[str]) -> Response:
    """The same answer, spoilt; its effect has happened."""
    if "answer_502_after_effect" in kinds:
        return faults.bad_gateway()
    if "garbage" in kinds:
        response = faults.garbled(response, "html")
    response.reset = response.reset or "reset_after_effect" in kinds
    return response


def _text(refusal: Refusal) -> Response:
    """Git shows a plain text to its user; a 401 makes it ask for another password."""
    headers = {"content-type": "text/plain; charset=utf-8"}
    if refusal.status == 401:
        headers["www-authenticate"] = 'Basic realm="GitHub"'
    return Response(refusal.status, headers, refusal.message.encode() + b"\n")


def _from_cgi(out: bytes) -> Response:
    head, _, body = out.partition(b"\r\n\r\n")
    headers = {}
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    status = int(headers.pop("status", "200").split()[0] or 200)
    headers.pop("content-length", None)
    return Response(status, headers, body)
