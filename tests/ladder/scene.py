"""A scene for the rungs above the rerun: simulated GitHub, real git remote over HTTP, real checks, one real ledger."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cicatrix.core.cases import Case
from cicatrix.core.facts import Repository
from cicatrix.core.lawbook import LayerKind
from cicatrix.diagnosis import Diagnoser
from cicatrix.flows.context import Context, Deployment, Dispatcher, Workshop
from cicatrix.flows.registering import apply, read_plans
from cicatrix.flows.tick import Ticked, tick
from cicatrix.git import Mirror, Remote
from cicatrix.github import GitHub, Host, TokenCredentials
from cicatrix.lawbook import load
from cicatrix.ledger import Ledger
from cicatrix.simulator import SimRepository, SimTransport, World
from cicatrix.simulator.git_remote import serve_git
from tests.core.registries import registry
from tests.ready_ledger import ready

TOKEN = "ghp_" + "a" * 36
START = datetime(2026, 11, 21, 12, tzinfo=UTC)
VALIDATION = ".github/workflows/post-remediation-check.yml"
WORKFLOW = """\
name: Post-remediation check
run-name: cicatrix validation ${{ github.event.client_payload.cicatrix.op_id }}
on:
  repository_dispatch:
    types: [post-remediation-check]
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
ACTIONS = ("apply_remediation", "create_pr", "dispatch_workflow", "rollback", "add_comment", "add_label")
ACTING = "version: scene.1\nmode: act\n"


@dataclass
class Scene:
    """One repository `acme/shop` whose default branch begins with GOOD and the validation workflow."""

    path: Path
    lawbook: str = ACTING + CHECKS
    files: Mapping[str, str] = field(default_factory=lambda: GOOD)
    seed: int = 7
    deployment: Deployment = field(
        default_factory=lambda: Deployment(write_interval=timedelta(0), run_checks=True, in_ci=True)
    )
    actions: Sequence[str] = ACTIONS

    def __post_init__(self) -> None:
        self.world = World(now=START)
        self.world.token(TOKEN, login="octocat", kind="user")
        self.repo: SimRepository = self.world.repository("acme/shop")
        self.remote = serve_git(self.world)
        self.git = self.repo.attach_git(self.path / "shop.git")
        self.first = self.commit({**self.files, VALIDATION: WORKFLOW}, "Begin")
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

    # --- a process of ours ---

    def context(self, **changes: Any) -> Context:
        def new_id() -> str:
            return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))

        def now() -> datetime:
            return self.world.now

        host = Host(web_url=self.remote.url, allow_http=True)
        github = GitHub(
            host,
            TokenCredentials(TOKEN),
            transport=SimTransport(self.world),
            now=now,
            sleep=self.world.advance,
            jitter=lambda: 0.5,
        )
        places, opened = self.path / "mirrors", dict[str, Mirror]()

        def mirror(home: Repository) -> Mirror:
            if home.id not in opened:
                url = github.clone_url(home.owner, home.name)
                opened[home.id] = Mirror.open(places / f"{home.id}.git", Remote(url, lambda: TOKEN))
            return opened[home.id]

        made = Context(
            github=github,
            ledger=Ledger.open(ready(self.path / "ledger.sqlite3"), now=now, new_id=new_id),
            diagnoser=Diagnoser(),
            now=now,
            sleep=self.world.advance,
            new_id=new_id,
            deployment=self.deployment,
            workshop=Workshop(mirror=mirror, environ={"PATH": os.environ["PATH"]}),
            dispatchers=(Dispatcher(name="GITHUB_TOKEN", github=github, fingerprint="scene"),),
        )
        return replace(made, **changes)

    def register(self, actions: Sequence[str], **more: Any) -> None:
        """The registry lists these actions, enabled, without waits and approvals."""
        tree = {
            "version": "1.0.0",
            "registryId": "scene",
            "repository": "acme/shop",
            "allowedActions": [{"actionType": name, "requireEvidence": False, **more} for name in actions],
        }
        apply(self.ctx, read_plans(self.ctx, [registry(tree)]), "admin")

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

    def case(self, case_id: str) -> Case:
        with self.ctx.ledger.read() as view:
            found = view.case(case_id)
        assert found is not None
        return found

    # --- the workflow that validates, in a process of its own ---

    def run_validations(self) -> int:
        """Executes each dispatched run that has not ended: a fresh clone of the SHA, `cicatrix validate`, an artifact."""
        ran = 0
        for dispatched in self.world.dispatched:
            if dispatched.run.id in self._validated:
                continue
            self._validated.add(dispatched.run.id)
            self.world.start(dispatched.run)
            self.world.finish(dispatched.run, "success", artifacts=self.validated(dispatched.payload))
            ran += 1
        return ran

    def validated(self, payload: Mapping[str, Any]) -> dict[str, bytes]:
        folder = self.path / f"runner-{self._chance.getrandbits(32):08x}"
        url = f"{self.remote.url.replace('://', f'://x-access-token:{TOKEN}@')}/acme/shop.git"
        subprocess.run(["git", "clone", "-q", url, folder], check=True, capture_output=True)
        event = folder.with_suffix(".json")
        event.write_text(json.dumps({"action": "post-remediation-check", "client_payload": payload}))
        checks = folder / ".github" / "cicatrix.yml"
        checks.parent.mkdir(parents=True, exist_ok=True)
        checks.write_text("version: scene.1\n" + CHECKS)
        out = folder.with_suffix(".report.json")
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path),
            "CICATRIX_DATABASE_URL": str(self.path / "no-ledger" / "x.db"),
            "CICATRIX_PAYLOAD": json.dumps(payload),
            "GITHUB_EVENT_PATH": str(event),
        }
        command = [sys.executable, "-m", "cicatrix", "validate", "--path", str(folder), "--output-file", str(out)]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, check=False)
        assert out.exists(), done.stdout + done.stderr
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("validation.json", out.read_text())
        return {"cicatrix-validation": archive.getvalue()}
