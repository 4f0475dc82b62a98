"""A stage for stories: one simulated GitHub, one real ledger, the real flows, simulated time. Nothing is mocked."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cicatrix.core.lawbook import Layer, LayerKind
from cicatrix.core.operations import Operation
from cicatrix.core.policy import Mode, RerunRequest
from cicatrix.diagnosis import Diagnoser
from cicatrix.flows.context import Context, Deployment
from cicatrix.flows.reading import Target
from cicatrix.flows.rerun import rerun_failed_jobs
from cicatrix.flows.tick import Ticked, tick
from cicatrix.github import GitHub, Host, TokenCredentials
from cicatrix.lawbook import load
from cicatrix.ledger import Ledger
from cicatrix.simulator import JobSpec, Outcome, SimPull, SimRepository, SimRun, SimTransport, World
from tests.ready_ledger import ready

CI = ".github/workflows/ci.yml"
TOKEN = "t0ken-of-the-stage"
START = datetime(2026, 11, 21, 12, tzinfo=UTC)
COMPILE_ERROR = "src/app.c:10:5: error: 'timeout' undeclared (first use in this function)\nmake: *** [app.o] Error 1"
_diagnoser = Diagnoser()


def lost() -> list[Outcome]:
    """A runner that goes away once."""
    return [Outcome.lost_runner(), Outcome.success()]


def always_lost() -> list[Outcome]:
    return [Outcome.lost_runner()]


def broken() -> list[Outcome]:
    """A failure that nothing but a new commit heals."""
    return [Outcome.failure(COMPILE_ERROR, step="Run tests")]


def lawbook(text: str, kind: LayerKind = LayerKind.DEPLOYMENT) -> Layer:
    layer, problems = load(text.encode(), "base.yml", kind=kind)
    assert layer is not None, [str(p) for p in problems]
    return layer


@dataclass
class Stage:
    path: Path
    world: World = field(default_factory=lambda: World(now=START))
    deployment: Deployment = field(default_factory=lambda: Deployment(write_interval=timedelta(0)))
    before: Callable[[str, str], None] | None = None
    """Called with method and path before each request reaches GitHub."""

    def __post_init__(self) -> None:
        self.world.token(TOKEN, login="octocat", kind="user")
        self.repo: SimRepository = self.world.repository("acme/shop")
        self._ids = itertools.count(1)
        self.ctx = self.context()

    def context(self, deployment: Deployment | None = None, token: str = TOKEN) -> Context:
        """A process's own view: its client, its connection to the one ledger file."""

        def new_id() -> str:
            return f"id{next(self._ids):04d}"

        def now() -> datetime:
            return self.world.now

        def before(method: str, path: str) -> None:
            if self.before is not None:
                self.before(method, path)

        ledger = Ledger.open(ready(self.path / "ledger.sqlite3"), now=now, new_id=new_id)
        transport = SimTransport(self.world, before=before)
        github = GitHub(
            Host(),
            TokenCredentials(token),
            transport=transport,
            now=now,
            sleep=self.world.advance,
            jitter=lambda: 0.5,
        )
        return Context(
            github=github,
            ledger=ledger,
            diagnoser=_diagnoser,
            now=now,
            sleep=self.world.advance,
            new_id=new_id,
            deployment=deployment or self.deployment,
        )

    def deploy(self, **changes: Any) -> Stage:
        """The same stage under other settings."""
        self.deployment = replace(self.deployment, **changes)
        self.ctx = self.context()
        return self

    def red(
        self, jobs: Sequence[JobSpec], *, number: int = 1, path: str = CI, pull: SimPull | None = None, **run: Any
    ) -> SimRun:
        """A pull request whose workflow just ended."""
        self.repo.workflow(path, jobs)
        pull = pull or self.repo.pulls.get(number) or self.repo.pull_request(number, head_branch=f"change-{number}")
        made = self.repo.run(path, pull_request=pull, finished=True, **run)
        self.world.advance(1)
        return made

    def ask(
        self,
        number: int | None = 1,
        *,
        run_id: int | str | None = None,
        request_id: str | None = None,
        ctx: Context | None = None,
        **request: Any,
    ) -> dict[str, Any]:
        """A person's request, and its answer."""
        target = Target(
            owner="acme",
            repository="shop",
            pull_request=number,
            run_id=None if run_id is None else str(run_id),
        )
        return rerun_failed_jobs(
            ctx or self.ctx,
            target,
            RerunRequest(
                request_id=request_id or f"request-{next(self._ids):04d}",
                principal=request.pop("principal", "cli:octocat"),
                mode=Mode(request.pop("mode", "FAILED_ONLY")),
                **request,
            ),
        ).answer

    def tick(self, seconds: float = 3600) -> list[Ticked]:
        """Time passes, then everything that is due is woken."""
        self.world.advance(seconds)
        return tick(self.ctx)

    @property
    def effects(self) -> list[dict[str, Any]]:
        """What really happened to runs because of our calls."""
        return [
            e
            for e in self.world.history.dump()
            if e["type"] == "effect" and e["call"] and e["kind"].startswith("rerun")
        ]

    @property
    def posts(self) -> list[dict[str, Any]]:
        return [c for c in self.world.history.dump() if c["type"] == "call" and c["method"] == "POST"]

    def posts_of_reruns(self) -> list[dict[str, Any]]:
        return [call for call in self.posts if "/rerun" in call["path"]]

    def key(self, run: SimRun) -> tuple[str, str, str]:
        """The run as the ledger keys it: host, repository id, run id."""
        return "github.com", str(self.repo.id), str(run.id)

    def operations(self) -> tuple[Operation, ...]:
        with self.ctx.ledger.read() as view:
            return view.all_operations()

    def kinds(self) -> list[str]:
        with self.ctx.ledger.read() as view:
            return [entry.kind for entry in view.entries()]


def job_of(answer: dict[str, Any], name: str) -> dict[str, Any]:
    return next(job for job in answer["jobs"] if job["jobName"] == name)


def codes(answer: dict[str, Any]) -> dict[str, str]:
    """Shown name -> `ACTION reason`."""
    return {job["jobName"]: f"{job['action']} {job.get('reasonCode', '-')}" for job in answer["jobs"]}
