"""The simulated GitHub itself: state, simulated time, and one function from a request to an answer.

    world = World(now=datetime(2026, 11, 21, 12, tzinfo=UTC), seed=7)
    world.token("t0ken", login="octocat", kind="user")
    repo = world.repository("acme/shop")
    repo.workflow(".github/workflows/ci.yml", [JobSpec(id="test", outcomes=[Outcome.failure("boom")])])
    pull = repo.pull_request(1)
    run = repo.run(".github/workflows/ci.yml", pull_request=pull, finished=True)
    client = httpx.Client(transport=SimTransport(world), base_url=world.api_origin)

A world is deterministic: the same verbs and requests in the same order give the same answers and the same history.
"""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from . import auth, held, merging, reruns
from .dispatches import Dispatch, on_push
from .exchange import Exchange, Refusal, Request, Response
from .faults import SPOILING, Faults
from .front import HOUR, Front
from .git_host import GitHost
from .history import History
from .parts import SimArtifact, SimPull, SimRun
from .repository import SimRepository
from .specs import Outcome, SimulatorError
from .state import Execution, RunAttempt, RunState

Observer = Callable[[Exchange], None]

FIRST_IDS = {
    "run": 19_000_000_001,
    "job": 54_000_000_001,
    "suite": 49_000_000_001,
    "workflow": 90_001,
    "pull": 7_001,
    "review": 80_001,
    "status": 70_001,
    "comment": 60_001,
    "artifact": 50_001,
    "repository": 600_001,
}
LIMITS = {"user": 5000, "app": 5000, "actions": 1000}
"""Requests an hour by kind of token: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api"""


class World:
    """One simulated GitHub. Thread-safe: one lock, held for each request and each verb of time.

    Switches, to be set at any time:
    `listing`: untouched jobs of a new attempt are `copied` (new id, same `started_at`) or `absent` from its list.
    `skipped_shown`: `expanded`, or `collapsed` (a matrix or reusable workflow that is skipped as a whole is one job).
    `omit_run_attempt`: runs lack `run_attempt`, which GitHub's description allows.
    `rerun_failed_takes`: conclusions that `rerun-failed-jobs` takes as failed.
    `drop_dispatches`: dispatches are accepted, and no run ever comes of them.
    `hold_dispatched`: runs made by an event wait for `start` and `finish`; else they progress with the time.
    `events_start_runs`: pushes by git and new pull requests start the workflows that listen, as at GitHub.
    """

    on_create: ClassVar[list[Callable[[World], None]]] = []
    """Called with every new world; how a test run attaches its judge to all of them."""

    def __init__(self, *, now: datetime, seed: int = 0, first_ids: Mapping[str, int] | None = None) -> None:
        if now.tzinfo is None:
            raise SimulatorError("the world's time needs a time zone; give a datetime in UTC")
        self.epoch = now.astimezone(UTC)
        self.seed = seed
        self.history = History()
        self.faults = Faults(lambda: self.now)
        self.listing = "copied"
        self.skipped_shown = "expanded"
        self.omit_run_attempt = False
        self.rerun_failed_takes = frozenset({"failure", "timed_out"})
        self.drop_dispatches = False
        self.hold_dispatched = True
        self.events_start_runs = False
        self.dispatched: list[Dispatch] = []
        """Every run that an event has started, oldest first."""
        self.rate_limit: int | None = None
        """Requests an hour for every token; None for GitHub's own figures."""
        self.api_origin = "https://api.github.com"
        self.web_origin = "https://github.com"
        self.log_origin = "https://productionresultssa0.blob.core.windows.net"
        self.on_exchange: list[Observer] = []
        self.git: GitHost | None = None
        """Answers git itself, once a repository has a bare one behind it."""
        self.repositories: dict[str, SimRepository] = {}
        self.moved: dict[str, SimRepository] = {}
        """Former name in lower case -> the repository that had it."""
        self.teams: dict[tuple[str, str], dict[str, str]] = {}
        """(organisation, slug) -> login -> `active` or `pending`, all in lower case."""
        self.runs: dict[int, RunState] = {}
        self.jobs: dict[int, tuple[RunState, Execution]] = {}
        self.artifacts: dict[int, SimArtifact] = {}
        self.apps: dict[str, auth.App] = {}
        self.tokens: dict[str, auth.Principal] = {}
        self.quotas: dict[str, tuple[datetime, int]] = {}
        self._ids = {**FIRST_IDS, **(first_ids or {})}
        self._shas = 0
        self._issued = 0
        self.chance = random.Random(seed)  # noqa: S311 -- faults must replay from the seed, nothing secret here
        self._clock: Callable[[], datetime] | None = None
        self._clock_start = self._base = self.epoch
        self._speed = 1.0
        self.lock = threading.RLock()
        self._front = Front(self)
        for made in self.on_create:
            made(self)

    # --- time ---

    @property
    def now(self) -> datetime:
        """The world's time, UTC."""
        if self._clock is None:
            return self._base
        return self._base + (self._clock() - self._clock_start) * self._speed

    @now.setter
    def now(self, moment: datetime) -> None:
        with self.lock:
            self._base = moment.astimezone(UTC)
            if self._clock is not None:
                self._clock_start = self._clock()

    def advance(self, seconds: float) -> None:
        """Moves time on; runs, links, tokens and limits follow."""
        with self.lock:
            self._base += timedelta(seconds=seconds)

    def follow_clock(self, clock: Callable[[], datetime], speed: float = 1.0) -> None:
        """From now on time passes by itself: `speed` simulated seconds for each second of the clock."""
        with self.lock:
            self._base = self.now
            self._clock, self._clock_start, self._speed = clock, clock(), speed

    # --- set-up ---

    def token(
        self,
        token: str,
        *,
        login: str,
        kind: str = "user",
        permissions: Mapping[str, str] | None = None,
        repositories: Iterable[str] | None = None,
        expires_at: datetime | None = None,
    ) -> None:
        """A token of a person (`user`) or of a workflow (`actions`). Without permissions it may do everything."""
        if kind not in ("user", "actions"):
            raise SimulatorError(f"a token is of kind 'user' or 'actions', not {kind!r}; for an App use app()")
        self.tokens[token] = auth.Principal(
            login=auth.READ_ONLY_LOGIN if kind == "actions" else login,
            kind=kind,
            permissions=permissions,
            repositories=None if repositories is None else frozenset(r.lower() for r in repositories),
            expires_at=expires_at,
        )

    def revoke(self, token: str) -> None:
        """From now on the token is unknown (401)."""
        with self.lock:
            self.tokens.pop(token, None)

    def revoke_installation_tokens(self) -> None:
        """Every installation token issued so far becomes unknown."""
        with self.lock:
            self.tokens = {t: p for t, p in self.tokens.items() if p.kind != "app"}

    def app(
        self,
        *,
        app_id: int | str,
        slug: str,
        public_key_pem: str | bytes,
        installation_id: int = 1001,
        permissions: Mapping[str, str] | None = None,
        repositories: Iterable[str] | None = None,
    ) -> None:
        """A GitHub App with one installation. Its JWTs are checked by this key, its tokens are issued on request."""
        key = public_key_pem.decode() if isinstance(public_key_pem, bytes) else public_key_pem
        self.apps[str(app_id)] = auth.App(
            app_id=int(app_id),
            slug=slug,
            public_key_pem=key,
            installation_id=installation_id,
            permissions=dict(permissions or auth.APP_PERMISSIONS),
            repositories=None if repositories is None else frozenset(r.lower() for r in repositories),
        )

    def repository(self, full_name: str, *, default_branch: str = "main") -> SimRepository:
        """The repository of that name, made when it is not there."""
        with self.lock:
            found = self.find_repository(full_name)
            if found is not None:
                return found
            if full_name.count("/") != 1 or not all(full_name.split("/")):
                raise SimulatorError(f"{full_name!r} is no repository name; write owner/name")
            repo = SimRepository(self, full_name, self.next_id("repository"), default_branch)
            self.moved.pop(full_name.lower(), None)
            self.repositories[full_name.lower()] = repo
            repo.branch(default_branch)
            return repo

    def team(self, organisation: str, slug: str, members: Iterable[str] = (), *, pending: Iterable[str] = ()) -> None:
        """A team of an organisation with its members, and those who have not accepted yet."""
        with self.lock:
            states = {login.lower(): "pending" for login in pending} | {login.lower(): "active" for login in members}
            self.teams[organisation.lower(), slug.lower()] = states

    # --- what people do ---

    def human_reruns(
        self, run_id: int, *, login: str = "human", jobs: Iterable[str] | None = None, everything: bool = False
    ) -> bool:
        """A person reruns the failed jobs, one job each of `jobs`' first, or everything. False when GitHub refuses."""
        with self.lock:
            job = next(iter(jobs), None) if jobs is not None else None
            verb = reruns.ALL if everything else (reruns.FAILED if job is None else reruns.ONE)
            try:
                reruns.rerun(self, self._known(run_id), verb, job=job, login=login, call=None)
            except Refusal:
                return False
            return True

    def human_cancels(self, run_id: int, *, login: str = "human") -> bool:
        """A person cancels the run. False when nothing is left to cancel."""
        with self.lock:
            return reruns.cancel_run(self, self._known(run_id), login=login, call=None)

    def start(self, run: SimRun) -> None:
        """A held run begins: its first jobs are in progress."""
        with self.lock:
            held.start(run.state, self.now)

    def finish(
        self,
        run: SimRun,
        conclusion: str = "success",
        *,
        outcomes: Mapping[str, Outcome] | None = None,
        artifacts: Mapping[str, bytes] | None = None,
    ) -> None:
        """A held run is over now. Every job ends with the conclusion, but for those that `outcomes` names as shown.

        `artifacts`: name -> the archive's bytes, as they are; `zipped` makes a good one.
        """
        with self.lock:
            held.finish(run.state, self.now, conclusion, outcomes or {})
            for name, data in (artifacts or {}).items():
                self.upload(run, name, data)

    def upload(self, run: SimRun, name: str, data: bytes) -> SimArtifact:
        """A run uploads an artifact: these bytes, which need not be an archive."""
        with self.lock:
            made = SimArtifact(
                id=self.next_id("artifact"),
                run_id=run.id,
                repository_id=run.state.repository_id,
                name=name,
                data=data,
                at=self.now,
            )
            self.artifacts[made.id] = made
            return made

    def merge(self, pull: SimPull, *, method: str = "merge", login: str = "maintainer") -> str:
        """A person merges a pull request by merge, squash or rebase; the new commit. Raises where GitHub refuses."""
        with self.lock:
            repo = next(r for r in self.repositories.values() if pull in r.pulls.values())
            try:
                return merging.merge(self, repo, pull, method=method, login=login)
            except Refusal as refusal:
                raise SimulatorError(f"pull request {pull.number} is not merged: {refusal.message}") from None

    def close_git(self) -> None:
        """Ends the listening of `serve_git`, if there is any."""
        if self.git is not None:
            self.git.close()

    def _known(self, run_id: int) -> RunState:
        if run_id not in self.runs:
            raise SimulatorError(f"there is no run {run_id}")
        return self.runs[run_id]

    # --- for the rooms of this package ---

    def find_repository(self, full_name: str) -> SimRepository | None:
        return self.repositories.get(full_name.lower())

    def repository_by_id(self, number: int) -> SimRepository | None:
        return next((r for r in self.repositories.values() if r.id == number), None)

    def move_repository(self, repo: SimRepository, full_name: str) -> None:
        """The repository's new name. Grants by name follow a rename, not a transfer to another owner."""
        if full_name.count("/") != 1 or not all(full_name.split("/")):
            raise SimulatorError(f"{full_name!r} is no repository name; write owner/name")
        other = self.find_repository(full_name)
        if other is not None and other is not repo:
            raise SimulatorError(f"there is a repository {full_name} already")
        old, new = repo.full_name.lower(), full_name.lower()
        del self.repositories[old]
        self.moved.pop(new, None)
        self.repositories[new] = repo
        if old != new:
            self.moved[old] = repo
        if old.partition("/")[0] == new.partition("/")[0]:
            self.tokens = {
                t: replace(p, repositories=_renamed(p.repositories, old, new)) for t, p in self.tokens.items()
            }
            self.apps = {i: replace(a, repositories=_renamed(a.repositories, old, new)) for i, a in self.apps.items()}
        repo.full_name = full_name

    def delete_repository(self, repo: SimRepository) -> None:
        self.repositories.pop(repo.full_name.lower(), None)
        self.moved = {name: r for name, r in self.moved.items() if r is not repo}

    def pushed(self, repo: SimRepository, ref: str, sha: str, principal: auth.Principal | None) -> None:
        """A push has moved a ref."""
        if self.events_start_runs:
            on_push(self, repo, ref, sha, principal)

    def next_id(self, kind: str) -> int:
        number = self._ids[kind]
        self._ids[kind] = number + 1
        return number

    def next_sha(self) -> str:
        self._shas += 1
        return hashlib.sha256(f"{self.seed}:{self._shas}".encode()).hexdigest()[:40]

    def register_run(self, repo: SimRepository, run: RunState) -> None:
        del repo
        self.runs[run.id] = run
        for attempt in run.attempts:
            self.register_jobs(run, attempt)

    def register_jobs(self, run: RunState, attempt: RunAttempt) -> None:
        for execution in (*attempt.executions, *attempt.latest.values()):
            self.jobs[execution.id] = (run, execution)

    def issue_token(self, principal: auth.Principal) -> str:
        self._issued += 1
        token = "ghs_" + hashlib.sha256(f"token:{self.seed}:{self._issued}".encode()).hexdigest()[:36]
        self.tokens[token] = principal
        return token

    def quota(self, principal: auth.Principal) -> tuple[int, int, datetime]:
        """Limit, used and reset of the principal's current hour."""
        limit = self.rate_limit if self.rate_limit is not None else LIMITS[principal.kind]
        start, used = self.quotas.get(principal.login, (self.now, 0))
        if self.now >= start + HOUR:
            start, used = self.now, 0
        self.quotas[principal.login] = (start, used)
        return limit, used, start + HOUR

    # --- requests ---

    def handle(self, request: Request) -> Response:
        """Answers one request and records it. What a face does with `reset`, `unreachable` and `delay` is its own."""
        with self.lock:
            response = self._front.handle(request)
        if self.on_exchange:
            exchange = Exchange(
                request.method,
                request.path,
                request.query,
                request.headers,
                request.body,
                response.status,
                response.headers,
                response.body,
                response.faults,
                request.origin,
                not SPOILING.isdisjoint(response.faults),
            )
            for observer in self.on_exchange:
                observer(exchange)
        return response


def _renamed(names: frozenset[str] | None, old: str, new: str) -> frozenset[str] | None:
    return names if names is None or old not in names else names - {old} | {new}
