"""The demo's repositories with real git behind them: what is in one, what people do to it, and its runner.

The runner plays the shipped workflow's part: a checkout, and `cicatrix validate` as a process of its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cicatrix.core.facts import Repository
from cicatrix.flows.context import Context
from cicatrix.flows.gate import Asked, Measured, measure_commit
from cicatrix.flows.registering import apply, read_plans
from cicatrix.lawbook.registry import load_registry
from cicatrix.simulator import SimGit, SimPull, SimRepository, World, zipped
from cicatrix.simulator.git_process import program, run

from .demo_stage import DIFFERENT, REPORT
from .demo_world import OWNER
from .errors import Stop
from .initialising import LAWBOOK, workflows

PIN = "acme/cicatrix@" + "0" * 40
VALIDATION = ".github/workflows/post-remediation-check.yml"
BY = "cli:octocat"
VALIDATE = (sys.executable, "-m", "cicatrix", "validate")

# --- what is in it ----------------------------------------------------------------------------------------------------

PRICES = "from rates import RATE\n\n\ndef total(cents):\n    return sum(cents) * (100 + RATE) // 100\n"
FASTER = "from rates import RATE\n\n\ndef total(cents):\n    return sum(cents * (100 + RATE) // 100\n"
RATES = "RATE = 19\n"
BUILD = """\
import compileall, os, pathlib, sys
if not pathlib.Path(os.path.expandvars("$PIP_FIND_LINKS"), "money.py").is_file():
    sys.exit("error: no package `money` matches the requirement")
sys.exit(not compileall.compile_dir("src", quiet=1, force=True))
"""
TEST = """\
import os, sys
sys.path[:0] = ["src", os.path.expandvars("$PIP_FIND_LINKS")]
import money, prices
assert money.shown(prices.total([100, 200])) == "3.57"
"""
PACKAGE = "def shown(cents):\n    return f'{cents // 100}.{cents % 100:02}'\n"
"""What the repository depends on. It comes from a folder outside, which stands for a package host."""
README = "# Mill\n\nAdds up prices.\n"

ACTIONS = ("rollback", "create_pr", "dispatch_workflow", "add_comment")


def registry(name: str) -> str:
    """The registry of the repository: what Cicatrix may do there."""
    actions = [{"actionType": action, "requireEvidence": False} for action in ACTIONS]
    return json.dumps(
        {"version": "1.0.0", "registryId": name, "repository": f"{OWNER}/{name}", "allowedActions": actions}
    )


def lawbook() -> str:
    """The repository's own rules: two checks."""
    checks = [
        {"name": name, "component": component, "command": [sys.executable, "-B", script]}
        for name, component, script in (("build", "build", "tools/build.py"), ("test", "tests", "tests/prices.py"))
    ]
    return json.dumps({"version": "mill.1", "checks": checks}, indent=2) + "\n"


def first_files() -> dict[str, str]:
    return {
        "README.md": README,
        "src/prices.py": PRICES,
        "src/rates.py": RATES,
        "tools/build.py": BUILD,
        "tests/prices.py": TEST,
        LAWBOOK: lawbook(),
        VALIDATION: workflows(PIN, "main")[VALIDATION],
    }


# --- the repository, and who works on it ------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Mill:
    """One repository, its checkout as a workflow has it, and the package host that it needs."""

    world: World
    folder: Path
    ctx: Context
    """Of the product; its checks find the package host."""
    home: Repository
    repo: SimRepository
    git: SimGit
    names: dict[str, str] = field(default_factory=dict)
    """Commit -> what it is."""

    @property
    def package(self) -> Path:
        """The package host's one package; without it the host is as good as gone."""
        return self.folder / "packages" / "money.py"

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    @property
    def tip(self) -> str:
        return self.git.heads()[self.repo.default_branch]

    def merge(self, branch: str, files: Mapping[str, str | None], title: str) -> str:
        """Somebody's pull request, merged: a real merge commit on the default branch."""
        self.world.advance(60)
        self.git.commit(branch, files, title, parents=[self.tip])
        number = max(self.repo.pulls, default=0) + 1
        pull = self.repo.pull_request(number, head_branch=branch)
        pull.title = title
        return self.accept(pull)

    def accept(self, pull: SimPull) -> str:
        """A person takes a pull request out of draft and merges it."""
        self.world.advance(60)
        pull.draft = False
        sha = self.world.merge(pull)
        self.names[sha] = f"#{pull.number} {pull.title}"
        return sha

    def gate(self) -> Measured:
        """What `cicatrix gate` measures in the workflow of a push to the default branch."""
        self.world.advance(60)
        sha = self.fetched()
        refs = {sha: f"refs/heads/{self.repo.default_branch}"}
        asked = Asked(folder=self.checkout, refs=refs, environ=self.ctx.workshop.environ)
        return measure_commit(asked, now=self.ctx.now())

    def fetched(self) -> str:
        """The checkout at the default branch's tip, with every branch at hand; its commit."""
        if not self.checkout.exists():
            _run("clone", "--quiet", self.ctx.github.clone_url(OWNER, self.home.name), str(self.checkout))
        _run("-C", str(self.checkout), "fetch", "--quiet", "origin")
        _run("-C", str(self.checkout), "checkout", "--quiet", "--detach", f"origin/{self.repo.default_branch}")
        return _run("-C", str(self.checkout), "rev-parse", "HEAD")

    def validate(self) -> Validation:
        """The workflow run that the last dispatch started: `cicatrix validate` in a second process, its artifact."""
        if not self.world.dispatched:
            raise Stop(DIFFERENT, "No validation was asked for.", REPORT)
        asked = self.world.dispatched[-1]
        self.world.start(asked.run)
        self.fetched()
        out = self.folder / "validation.json"
        line = [*VALIDATE, "--path", str(self.checkout), "--output-file", str(out)]
        code, _, errors = run(line, env=self._environment(asked.payload))
        if not out.exists():
            raise Stop("The validation left no report.", errors.decode("utf-8", "replace"), REPORT)
        text = out.read_bytes()
        self.world.advance(20)
        self.world.finish(asked.run, "success", artifacts={"cicatrix-validation": zipped({"validation.json": text})})
        return Validation(exit_code=code, run_id=asked.run.id, report=json.loads(text))

    def _environment(self, payload: Mapping[str, Any]) -> dict[str, str]:
        """A runner's: no ledger, no token, and the payload in a variable."""
        return {
            "PATH": self.ctx.workshop.environ.get("PATH", ""),
            "HOME": str(self.folder),
            "XDG_CACHE_HOME": str(self.folder),
            "PIP_FIND_LINKS": str(self.package.parent),
            "CICATRIX_PAYLOAD": json.dumps(payload),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What the second process left."""

    exit_code: int
    run_id: int
    report: dict[str, Any]


def founded(world: World, ctx: Context, folder: Path, name: str) -> Mill:
    """A repository of that name with its first commit, its registry applied, and the package host up. Needs git."""
    repo = world.repository(f"{OWNER}/{name}")
    place = folder / name
    host = place / "packages"
    host.mkdir(parents=True)
    git = repo.attach_git(place / "bare.git")
    first = git.commit(repo.default_branch, first_files(), "Add up prices")
    document, problems = load_registry(registry(name), "registry.json")
    if document is None:
        raise Stop("The demo's registry is not valid.", f"{problems[0]}.", REPORT)
    apply(ctx, read_plans(ctx, [document]), BY)
    environ = {**ctx.workshop.environ, "PIP_FIND_LINKS": str(host)}
    mill = Mill(
        world=world,
        folder=place,
        ctx=replace(ctx, workshop=replace(ctx.workshop, environ=environ)),
        home=ctx.github.repository(OWNER, name),
        repo=repo,
        git=git,
        names={first: "Add up prices"},
    )
    mill.package.write_text(PACKAGE, encoding="utf-8")
    return mill


def _run(*arguments: str) -> str:
    code, out, err = run([program(), *arguments])
    if code:
        raise Stop(f"git {arguments[0]} failed.", err.decode("utf-8", "replace"), REPORT)
    return out.decode().strip()
