"""A caller at the wire: the real application behind real HTTP, a simulated GitHub behind real HTTP, a real ledger."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from cicatrix.core.access import AccessPolicy
from cicatrix.core.actions import ActionType, Role
from cicatrix.core.api_key import format_key, hash_secret, make_id, make_secret
from cicatrix.core.lawbook import LayerKind
from cicatrix.core.policy import Environment
from cicatrix.core.principal import ApiKey, RepositoryScope
from cicatrix.core.redact import redactor
from cicatrix.core.registry import Registry
from cicatrix.diagnosis import Diagnoser
from cicatrix.flows.context import Context, Deployment
from cicatrix.github import GitHub, Host, TokenCredentials
from cicatrix.lawbook import load
from cicatrix.lawbook.registry import load_registry
from cicatrix.ledger import Ledger
from cicatrix.simulator import JobSpec, Outcome, World
from cicatrix.simulator.server import serve
from cicatrix.web.app import make_app
from cicatrix.web.callers import Callers, asking_with
from cicatrix.web.serve import Served
from cicatrix.web.service import Service
from tests.ready_ledger import ready

SERVICE_TOKEN = "github_pat_deskdeskdeskdesk0123456789"
CI = ".github/workflows/ci.yml"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
RESET = "npm error code ECONNRESET\nnpm error network request to https://registry.example.com/x failed: socket hang up"
ALLOWLIST = json.dumps({"allowlist": [{"owner": "acme", "repo": "*", "branches": ["**"]}]})
CALM = "version: desk.1\nstopRules: {cooldownMinutes: 0, noSignalChangeThreshold: 5}\n"
REGISTRY: dict[str, Any] = {
    "version": "1.0.0",
    "registryId": "acme-shop",
    "repository": "acme/shop",
    "allowedActions": [
        {"actionType": "rerun_failed_jobs", "maxRetries": 3, "requireEvidence": False},
        {"actionType": "rerun_checks", "maxRetries": 1, "requireEvidence": False},
    ],
    "createdAt": "2026-11-21T00:00:00Z",
    "createdBy": "octocat",
}
_diagnoser = Diagnoser()


def registry_of(document: Mapping[str, Any] | None = None, file: str = "registry.yml") -> Registry:
    """The document as it would be read from a file."""
    text = json.dumps(document or REGISTRY, indent=2)
    made, problems = load_registry(text, file)
    assert made is not None, [str(p) for p in problems]
    return made


@dataclass(slots=True)
class Desk:
    folder: Path
    api_url: str
    world: World
    environment: Environment = Environment.STAGING
    lawbook: str = CALM
    allowlist: str | None = ALLOWLIST
    secrets: tuple[str, ...] = (SERVICE_TOKEN,)
    token: str | None = SERVICE_TOKEN
    log: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    url: str = ""
    ctx: Context = field(init=False)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.world.token(SERVICE_TOKEN, login="octocat")
        layer, problems = load(self.lawbook.encode(), "base.yml", kind=LayerKind.DEPLOYMENT)
        assert layer is not None, problems
        access = AccessPolicy.parse(self.allowlist) if self.allowlist is not None else None
        assert not isinstance(access, tuple), access

        def new_id() -> str:
            return f"id-{next(self._ids):05d}"

        def log(event: str, **fields: Any) -> None:
            self.log.append((event, fields))

        def now() -> datetime:
            return self.world.now

        self.ctx = Context(
            github=GitHub(
                Host(api_url=self.api_url, allow_http=True),
                None if self.token is None else TokenCredentials(self.token),
                now=now,
                sleep=self.world.advance,
                jitter=lambda: 0.5,
            ),
            ledger=Ledger.open(ready(self.folder / "ledger.db"), now=now, new_id=new_id, redact=redactor(self.secrets)),
            diagnoser=_diagnoser,
            now=now,
            sleep=self.world.advance,
            new_id=new_id,
            deployment=Deployment(environment=self.environment, base=layer, access=access, write_interval=timedelta(0)),
            log=log,
        )

    @property
    def service(self) -> Service:
        return Service(
            ctx=self.ctx,
            callers=Callers(self.ctx, asking_with(self.ctx)),
            redact=redactor(self.secrets),
            has_credential=self.token is not None,
        )

    @contextmanager
    def open(self, change: Callable[[Service], Service] = lambda service: service) -> Iterator[Desk]:
        """The API, listening."""
        with Served(make_app(change(self.service))) as served:
            self.url = served.url
            yield self
        self.ctx.github.close()
        self.ctx.ledger.close()

    # --- callers

    def key(
        self,
        role: Role = Role.OPERATOR,
        *,
        repositories: tuple[str, ...] | None = ("acme/shop",),
        actions: frozenset[ActionType] | None = None,
        life: timedelta = timedelta(days=1),
    ) -> str:
        """A new API key, as its holder would send it."""
        n = next(self._ids)
        key_id, secret = make_id(n.to_bytes(5, "big")), make_secret(n.to_bytes(32, "big"))
        scopes = None
        if repositories is not None:
            scopes = tuple(
                RepositoryScope(host="github.com", repository_id=str(self.world.repository(name).id), full_name=name)
                for name in repositories
            )
        key = ApiKey(
            id=key_id,
            label="desk",
            role=role,
            repositories=scopes,
            actions=actions,
            created_at=self.world.now,
            created_by="desk",
            expires_at=self.world.now + life,
        )
        with self.ctx.ledger.write("key") as tx:
            tx.create_key(key, hash_secret(secret))
        return format_key(key_id, secret)

    def register(self, document: Mapping[str, Any] | None = None) -> None:
        """The registry of acme/shop, active."""
        repo = self.ctx.github.repository("acme", "shop")
        with self.ctx.ledger.write("registry") as tx:
            tx.activate_registry(
                host=repo.host,
                repository_id=repo.id,
                owner_id=repo.owner_id,
                full_name=repo.full_name,
                registry=registry_of(document),
                principal="desk",
            )

    # --- requests

    def ask(
        self,
        method: str,
        path: str,
        key: str | None = None,
        *,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """One exchange."""
        every = {"authorization": f"Bearer {key}"} if key else {}
        if content is not None:
            every["content-type"] = "application/json"
        return httpx.request(
            method, self.url + path, headers={**every, **(headers or {})}, json=json, content=content, timeout=60
        )

    def rerun(self, key: str | None, number: int | str = 1, **body: Any) -> httpx.Response:
        """The seed's route for acme/shop."""
        path = f"/api/github/prs/{number}/checks/rerun"
        return self.ask("POST", path, key, json={"owner": "acme", "repo": "shop"} | body)

    # --- GitHub

    def red(self, number: int = 1, *, log: str = RESET, job: str = "test") -> int:
        """A pull request of acme/shop whose one job failed with this log; its run's id."""
        repo = self.world.repository("acme/shop")
        spec = JobSpec(
            id="test",
            name=job,
            outcomes=[Outcome.failure(log, step="Install dependencies"), Outcome.success()],
        )
        repo.workflow(CI, [JobSpec(id="build"), spec])
        pull = repo.pull_request(number, head_branch=f"change-{number}")
        made = repo.run(CI, pull_request=pull, finished=True).id
        self.world.advance(1)
        return made

    @property
    def writes(self) -> list[dict[str, Any]]:
        """What was asked of GitHub that was no read."""
        return [call for call in self.world.history.calls if call["method"] != "GET"]


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The answer as a problem document of that status and code, whole."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert (told["status"], told["code"]) == (status, code), told
    assert told["requestId"] == answer.headers["x-request-id"]
    assert told["title"] == told["error"]
    assert set(told) == {"type", "title", "status", "detail", "error", "code", "details", "requestId", "next"}
    return told


@contextmanager
def desk_at(folder: Path, **settings: Any) -> Iterator[Desk]:
    """An open desk with its own GitHub."""
    world = World(now=NOON, seed=5)
    world.repository("acme/shop")
    with serve(world) as server:
        made = Desk(folder=folder, api_url=server.api_url, world=world, **settings)
        with made.open():
            yield made
