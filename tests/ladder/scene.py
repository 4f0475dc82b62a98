"""A scene for the rungs above the rerun: simulated GitHub, real git remote over HTTP, real checks, one real ledger."""

from __future__ import annotations

import os
import random
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cicatrix.core.cases import Case
from cicatrix.core.facts import Repository
from cicatrix.core.lawbook import LayerKind
from cicatrix.core.operations import Operation
from cicatrix.diagnosis import Diagnoser
from cicatrix.flows.context import Context, Deployment, Dispatcher, Workshop
from cicatrix.flows.explain import explain_case
from cicatrix.flows.ladder.climb import climb, open_case
from cicatrix.flows.registering import apply, read_plans
from cicatrix.flows.tick import Ticked, tick
from cicatrix.git import Mirror, Remote
from cicatrix.github import GitHub, Host, TokenCredentials
from cicatrix.lawbook import load
from cicatrix.ledger import Ledger
from cicatrix.simulator import SimRepository, SimTransport, World
from cicatrix.simulator.dispatches import Dispatch
from cicatrix.simulator.git_remote import serve_git
from tests.core.registries import registry
from tests.ladder import validator
from tests.ladder.validator import LAWBOOK, Report
from tests.ready_ledger import ready

TOKEN = "ghp_" + "a" * 36
SECOND = "ghp_" + "b" * 36
START = datetime(2026, 11, 21, 12, tzinfo=UTC)
VALIDATION = ".github/workflows/post-remediation-check.yml"
WORKFLOW = """\
name: Post-remediation check
run-name: cicatrix validation ${{ github.event.client_payload.cicatrix.op_id || github.event.inputs.op_id }}
on:
  repository_dispatch:
    types: [post-remediation-check]
  workflow_dispatch:
    inputs:
      payload: {default: ""}
      op_id: {default: manual}
jobs:
  validate:
    runs-on: ubuntu-latest
    steps: [{run: cicatrix validate}]
"""

GOOD = {
    "src/sums.py": "def add(a, b):\n    return a + b\n",
    "tests/test_sums.py": "import sys\nsys.path.insert(0, 'src')\nimport sums\nassert sums.add(1, 2) == 3\n",
    "README.md": "# Sums\n",
}
BAD = {"src/sums.py": "def add(a, b):\n    return (a + b\n"}
FINE = {"README.md": "# Sums\n\nAdds.\n"}

CHECKS = f"""
checks:
  - name: compile
    component: build
    command: ["{sys.executable}", "-m", "compileall", "-q", "-f", "src"]
  - name: test
    component: tests
    command: ["{sys.executable}", "tests/test_sums.py"]
"""
CHEAP = """
checks:
  - {name: compile, component: build, command: [grep, -qx, "    return a + b", src/sums.py]}
  - {name: test, component: tests, command: [grep, -qx, "    return a + b", src/sums.py]}
"""
"""Checks that see the same and take a hundredth of the time."""

ACTIONS = ("apply_remediation", "create_pr", "dispatch_workflow", "rollback", "add_comment", "add_label")
ACTING = "version: scene.1\nmode: act\n"
IN_CI = Deployment(write_interval=timedelta(0), run_checks=True, in_ci=True)


@dataclass
class Scene:
    """One repository `acme/shop` whose default branch begins with `files`, its checks and the validation workflow."""

    path: Path
    lawbook: str = ACTING
    """The deployment's; the checks stand in the repository's own."""
    checks: str = CHECKS
    files: Mapping[str, str] = field(default_factory=lambda: GOOD)
    seed: int = 7
    deployment: Deployment = IN_CI
    actions: Sequence[str] = ACTIONS
    environ: Mapping[str, str] = field(default_factory=lambda: {"PATH": os.environ["PATH"]})
    tokens: Mapping[str, str] = field(default_factory=lambda: {"GITHUB_TOKEN": TOKEN})
    """The credentials that may start a validation, in their order; `TOKEN` reads and writes everything else."""
    boundary: Callable[[str], None] = lambda _name: None

    def __post_init__(self) -> None:
        print(f"seed {self.seed}")
        self.world = World(now=START)
        for login, token in (("octocat", TOKEN), ("hubot", SECOND)):
            self.world.token(token, login=login, kind="user")
        self.repo: SimRepository = self.world.repository("acme/shop")
        self.remote = serve_git(self.world)
        self.git = self.repo.attach_git(self.path / "shop.git")
        own = {VALIDATION: WORKFLOW, LAWBOOK: f"version: scene.1\n{self.checks}"}
        self.first = self.commit({**own, **self.files}, "Begin")
        self._validated: set[int] = set()
        self._chance = random.Random(self.seed)
        layer, problems = load(self.lawbook.encode(), "base.yml", kind=LayerKind.DEPLOYMENT)
        assert layer is not None, [str(p) for p in problems]
        self.deployment = replace(self.deployment, base=layer)
        self.ctx = self.context()
        self.register(self.actions)

    def close(self) -> None:
        self.world.close_git()

    # --- the repository ---

    def commit(self, files: Mapping[str, str | None], message: str, branch: str = "main", **more: Any) -> str:
        self.world.advance(60)
        return self.git.commit(branch, files, message, **more)

    def tip(self, branch: str = "main") -> str | None:
        return self.git.heads().get(branch)

    def text(self, path: str, branch: str = "main") -> str | None:
        sha = self.tip(branch)
        found = None if sha is None else self.git.read(sha, path)
        return None if found is None else found.decode()

    @property
    def home(self) -> Repository:
        return self.ctx.github.repository("acme", "shop")

    def effects(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What writes of ours really did at GitHub, by the simulator's own record; all of them without a kind."""
        return [e for e in self.world.history.effects if kind in (None, e["kind"]) and e["login"] != "maintainer"]

    @property
    def written(self) -> Counter[str]:
        """How often each kind of write took effect."""
        return Counter(str(e["kind"]) for e in self.effects())

    # --- a process of ours ---

    def context(self, **changes: Any) -> Context:
        """A process that starts: nothing in its memory, the ledger and the mirrors on its disk."""
        github = self.client(TOKEN)
        places, opened = self.path / "mirrors", dict[str, Mirror]()

        def mirror(home: Repository) -> Mirror:
            if home.id not in opened:
                url = github.clone_url(home.owner, home.name)
                opened[home.id] = Mirror.open(places / f"{home.id}.git", Remote(url, lambda: TOKEN))
            return opened[home.id]

        made = Context(
            github=github,
            ledger=Ledger.open(
                ready(self.path / "ledger.sqlite3"), now=self.now, new_id=self.new_id, boundary=self.boundary
            ),
            diagnoser=Diagnoser(),
            now=self.now,
            sleep=self.world.advance,
            new_id=self.new_id,
            deployment=self.deployment,
            workshop=Workshop(mirror=mirror, environ=self.environ),
            dispatchers=self.dispatchers(),
            boundary=self.boundary,
        )
        return replace(made, **changes)

    def client(self, token: str) -> GitHub:
        host = Host(web_url=self.remote.url, allow_http=True)
        return GitHub(
            host,
            TokenCredentials(token),
            transport=SimTransport(self.world),
            now=self.now,
            sleep=self.world.advance,
            jitter=lambda: 0.5,
            boundary=self.boundary,
        )

    def dispatchers(self) -> tuple[Dispatcher, ...]:
        return tuple(
            Dispatcher(name=name, github=self.client(token), fingerprint=f"of {name}")
            for name, token in self.tokens.items()
        )

    def new_id(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))

    def now(self) -> datetime:
        return self.world.now

    def deploy(self, **changes: Any) -> None:
        """The process is started anew with other settings."""
        self.deployment = replace(self.deployment, **changes)
        self.ctx.ledger.close()
        self.ctx = self.context()

    def register(self, actions: Sequence[str], **more: Any) -> None:
        """The registry lists these actions, enabled, without waits and approvals."""
        tree = {
            "version": "1.0.0",
            "registryId": "scene",
            "repository": "acme/shop",
            "allowedActions": [{"actionType": name, "requireEvidence": False, **more} for name in actions],
        }
        apply(self.ctx, read_plans(self.ctx, [registry(tree)]), "admin")

    # --- a case ---

    def climbed(self, sha: str | None = None, *, automatic: bool = False, **more: Any) -> Case:
        """A case of main, opened as `gate` opens one, taken as far as it goes without waiting."""
        who = "system" if automatic else "cli:ada"
        head = sha or self.tip()
        assert head is not None
        case = open_case(
            self.ctx, self.home, ref="refs/heads/main", head_sha=head, principal=who, automatic=automatic, **more
        )
        return climb(self.ctx, case.id)

    def ticks(self, most: int = 20) -> list[Ticked]:
        """Ticks until nothing moves any more at this moment."""
        done: list[Ticked] = []
        for _ in range(most):
            moved = tick(self.ctx)
            done += moved
            if not moved:
                break
            self.world.advance(1)
        return done

    def wait(self, case_id: str, seconds: float = 20) -> Case:
        """Time passes, and whatever is due is done."""
        self.world.advance(seconds)
        self.ticks()
        return self.case(case_id)

    def case(self, case_id: str) -> Case:
        with self.ctx.ledger.read() as view:
            found = view.case(case_id)
        assert found is not None
        return found

    def operations(self) -> tuple[Operation, ...]:
        with self.ctx.ledger.read() as view:
            return tuple(view.all_operations())

    def kinds(self) -> list[str]:
        """The kinds of the ledger's entries, oldest first."""
        with self.ctx.ledger.read() as view:
            return [entry.kind for entry in view.entries()]

    def story(self, case_id: str) -> list[str]:
        """What `explain` tells of the case, a sentence each."""
        with self.ctx.ledger.read() as view:
            told = explain_case(view, case_id)
        assert told is not None
        return [str(entry["text"]) for entry in told["story"]]

    # --- the workflow that validates ---

    def run_validations(self, change: Callable[[Report], object] | None = None, *, here: bool = False) -> int:
        """Executes each dispatched run that has not ended, in a second process unless `here`; how many there were.

        `change` gives what is uploaded instead of the report.
        """
        waiting = [d for d in self.world.dispatched if d.run.id not in self._validated]
        for dispatched in waiting:
            self._validated.add(dispatched.run.id)
            self.world.start(dispatched.run)
            report = self.report(dispatched, here=here)
            uploaded = validator.zipped(report if change is None else change(report))
            self.world.finish(dispatched.run, "success", artifacts=uploaded)
        return len(waiting)

    def report(self, dispatched: Dispatch, *, here: bool = False) -> Report:
        folder = self.path / f"runner-{self._chance.getrandbits(32):08x}"
        validator.cloned(self.clone_url, folder)
        payload = validator.payload_of(dispatched.payload)
        if here:
            return validator.here(folder, payload, environ=self.environ, now=self.world.now)
        secret = self.deployment.report_key
        return validator.in_its_own_process(folder, payload, environ=self.environ, secret=secret)

    @property
    def clone_url(self) -> str:
        return f"{self.remote.url.replace('://', f'://x-access-token:{TOKEN}@')}/acme/shop.git"
