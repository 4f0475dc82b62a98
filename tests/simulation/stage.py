"""A story's world, and the processes that its actors live in."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cicatrix.core.lawbook import Layer, LayerKind
from cicatrix.core.policy import Environment
from cicatrix.diagnosis import Diagnoser
from cicatrix.flows.context import Context, Deployment
from cicatrix.github import AppCredentials, GitHub, Host, TokenCredentials
from cicatrix.lawbook import load
from cicatrix.ledger import Ledger
from cicatrix.simulator import SimRepository, SimRun, SimTransport, World
from tests.simulation.baton import Baton, Crash
from tests.simulation.story import REPOSITORY_FILES, WINDOW, LawbookStory, Story
from tests.simulation.workflows import CANARY, WORD, fates, shape

BEGIN = datetime(2026, 11, 21, 12, tzinfo=UTC)
OWNER, NAME = "acme", "shop"
TOKEN = f"{CANARY}token"
APP_ID, SLUG = 4711, "cicatrix-sim"
IDENTITY = {"user": "octocat", "actions": "github-actions[bot]", "app": f"{SLUG}[bot]"}


@cache
def diagnoser() -> Diagnoser:
    """One for the whole process."""
    return Diagnoser()


@cache
def _key() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@cache
def _app() -> AppCredentials:
    """One for the whole process: reading a private key takes longer than a story."""
    return AppCredentials(APP_ID, _key()[0], 1001)


@cache
def _base(book: LawbookStory) -> Layer:
    layer, problems = load(book.text().encode(), "base.yml", kind=LayerKind.DEPLOYMENT)
    assert layer is not None, problems
    return layer


@cache
def folder() -> Path:
    """Where the files of this process's stories lie: memory where there is some."""
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else None
    made = Path(tempfile.mkdtemp(prefix="cicatrix-simulation-", dir=parent))
    Finalize(None, shutil.rmtree, args=(made,), kwargs={"ignore_errors": True}, exitpriority=1)
    return made


@cache
def _template() -> Path:
    path = folder() / "template.db"
    Ledger.open(str(path), now=lambda: BEGIN, new_id=lambda: "template").close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


def fresh_file() -> Path:
    """An empty, migrated ledger under the name that every story of this process uses in turn."""
    path = folder() / "ledger.db"
    for old in (path, path.with_name("ledger.db-wal"), path.with_name("ledger.db-shm")):
        old.unlink(missing_ok=True)
    shutil.copyfile(_template(), path)
    return path


@dataclass(frozen=True, slots=True)
class Witness:
    """What a look at the ledger's file showed in the moment a POST left."""

    operation: str
    send: int
    entries: tuple[str, ...]
    """Kinds of the durable entries of that operation, in order."""


class Stage:
    """One story's world and ledger. `process()` makes what a new process of the product would make."""

    def __init__(self, story: Story, baton: Callable[[World], Baton]) -> None:
        self.story = story
        self.world = World(now=BEGIN, seed=story.seed)
        self.world.listing = story.listing
        self.world.skipped_shown = story.skipped_shown
        self.world.omit_run_attempt = story.omit_run_attempt
        self._identities()
        self.repository = self._repository()
        self.runs = self._runs()
        self.world.now = BEGIN + timedelta(hours=1)
        self.begin = self.world.now
        self.baton = baton(self.world)
        self.path = fresh_file()
        self.witnesses: list[Witness] = []
        self.quiet_from: datetime | None = None
        """Since when faults are over: nothing is hidden, the kill switch is off, the disk has room again."""
        self._ids = 0
        self._open: list[Ledger] = []
        self._shared: Context | None = None
        for fault in story.faults:
            self.world.faults.add(fault.kind, fault.endpoint, **fault.values)
        if story.lawbook_unreadable:
            self.world.faults.add("answer_502_before", "GET */contents/.github/cicatrix.yml", count=None)

    # --- the world ---

    def _identities(self) -> None:
        if self.story.identity == "app":
            self.world.app(app_id=APP_ID, slug=SLUG, public_key_pem=_key()[1])
        else:
            self.world.token(TOKEN, login="octocat", kind=self.story.identity)

    def _repository(self) -> SimRepository:
        repository = self.world.repository(f"{OWNER}/{NAME}")
        if self.story.repository_file is not None:
            repository.file(".github/cicatrix.yml", REPOSITORY_FILES[self.story.repository_file])
        return repository

    def _runs(self) -> list[SimRun]:
        runs = []
        for told in self.story.runs:
            path = f".github/workflows/w{told.shape}.yml"
            self.repository.workflow(path, shape(told.shape), on=["pull_request", "push"])
            pull = None
            if told.pull:
                pull = self.repository.pulls.get(told.pull) or self.repository.pull_request(
                    told.pull, head_branch=f"{WORD}-{told.pull}"
                )
            outcomes = fates(told.shape, told.fates)
            runs.append(self.repository.run(path, pull_request=pull, finished=True, outcomes=outcomes))
        return runs

    # --- processes ---

    def new_id(self) -> str:
        self._ids += 1
        return f"id-{self._ids}"

    def process(self, *, full_disk: bool = True) -> Context:
        """A context of its own: own connections to the ledger's file, own client, nothing remembered.

        Where the story's disk is full it is so for this process too, unless `full_disk` is False.
        """
        story = self.story
        options = "?synchronous=off&busy_timeout=1"
        if full_disk and story.ledger_pages is not None and self.quiet_from is None:
            options += f"&max_page_count={_template().stat().st_size // 4096 + story.ledger_pages}"
        ledger = Ledger.open(f"{self.path}{options}", now=self._now, new_id=self.new_id, boundary=self._commit)
        self._open.append(ledger)
        credentials = _app() if story.identity == "app" else TokenCredentials(TOKEN, story.identity)
        github = GitHub(
            Host(),
            credentials,
            transport=Line(self),
            now=self._now,
            sleep=self.baton.sleep,
            jitter=self.baton.chance,
            monotonic=self._monotonic,
        )
        return Context(
            github=github,
            ledger=ledger,
            diagnoser=diagnoser(),
            now=self._now,
            sleep=self.baton.sleep,
            new_id=self.new_id,
            deployment=Deployment(
                environment=Environment.PROD if story.production else Environment.STAGING,
                base=_base(story.lawbook),
                base_problems=("base.yml cannot be read",) if story.base_broken else (),
                write_interval=timedelta(seconds=story.write_interval),
                reconcile_window=timedelta(seconds=WINDOW),
                kill_switch=self._kill_switch,
            ),
        )

    @property
    def shared(self) -> Context:
        """The process that actors share in stories with one process."""
        if self._shared is None:
            self._shared = self.process()
        return self._shared

    def close(self) -> None:
        """Close every connection of every process of the story."""
        for ledger in self._open:
            ledger.close()

    def _now(self) -> datetime:
        return self.world.now

    def _monotonic(self) -> float:
        return (self.world.now - BEGIN).total_seconds()

    def _commit(self, name: str) -> None:
        if name.startswith("ledger.commit.after:"):
            self.baton.step(name)
        else:
            self.baton.boundary(name)  # inside the transaction: nobody else may move

    def _kill_switch(self) -> str | None:
        at = self.story.kill_switch_at
        thrown = at is not None and self.world.now >= self.begin + timedelta(seconds=at) and self.quiet_from is None
        return "thrown in this story" if thrown else None

    def witness(self, request: httpx.Request) -> None:
        """Look, by a connection of our own, at what is durable in the moment a POST leaves."""
        operation, _, send = request.headers.get("x-request-id", "").partition("/")
        connection = sqlite3.connect(self.path)
        try:
            found = connection.execute("SELECT kind FROM entries WHERE operation_id = ? ORDER BY idx", (operation,))
            kinds = tuple(kind for (kind,) in found)
        finally:
            connection.close()
        self.witnesses.append(Witness(operation, int(send or 0), kinds))

    def in_transaction(self) -> bool:
        """Whether somebody holds the write lock of the ledger's file."""
        connection = sqlite3.connect(self.path, timeout=0)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        finally:
            connection.close()
        return False

    def hides(self, path: str) -> bool:
        """Whether this job list loses an item on its way to us."""
        if self.quiet_from is not None:
            return False
        hidden = self.story.hidden_job
        if hidden is not None and f"/runs/{self.runs[hidden].id}/attempts/" in path:
            return True
        return self.story.flickers and self.baton.chance() < 0.3


class Line(httpx.BaseTransport):
    """The line to the simulated GitHub: every call on it is a step at which the baton passes."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._far = SimTransport(stage.world)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        stage, path = self._stage, request.url.raw_path.decode("ascii")
        shown = path.partition("?")[0] if "/actions/" not in path and "blob" in request.url.host else path
        rerun = request.method == "POST" and "/actions/" in path
        if rerun and stage.in_transaction():
            stage.baton.problems.append("law 3: a POST left inside a transaction, so before its intent was durable")
            raise Crash
        stage.baton.step(f"-> {request.method} {shown}")
        if rerun:
            stage.witness(request)
        came = "nothing"
        try:
            response = self._far.handle_request(request)
            came = str(response.status_code)
        except httpx.HTTPError as trouble:
            came = type(trouble).__name__
            raise
        finally:
            stage.baton.step(f"<- {came}", seconds=0.05 + stage.baton.chance() / 2)
        if response.status_code == 200 and path.partition("?")[0].endswith("/jobs") and stage.hides(path):
            return _without_last_job(response, request)
        return response


def _without_last_job(response: httpx.Response, request: httpx.Request) -> httpx.Response:
    """The same list without its last job, and with the number that GitHub counts."""
    try:
        tree: dict[str, Any] = json.loads(response.read())
    except ValueError:
        return response  # a fault made garbage of it already
    tree["jobs"] = tree["jobs"][:-1]
    return httpx.Response(200, headers={"content-type": "application/json"}, json=tree, request=request)
