"""A person at a shell: the real command, a simulated GitHub behind real HTTP, a real ledger file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cicatrix.cli import run
from cicatrix.simulator import JobSpec, Outcome, World
from cicatrix.simulator.server import Server

TOKEN = "github_pat_deskdeskdeskdesk0123456789"
CI = ".github/workflows/ci.yml"
RESET = "npm error code ECONNRESET\nnpm error network request to https://registry.example.com/x failed: socket hang up"
COMPILE = "src/timeout.c:12:5: error: unknown type name 'timeout_t'"
MESSY = ("CICATRIX_", "GITHUB_", "GH_TOKEN", "DEPLOY_ENV", "LAWBOOK_HASH", "NO_COLOR")


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def three_lines(self) -> list[str]:
        """Standard error, which must be an error of exactly three lines and nothing else."""
        lines = self.err.splitlines()
        assert len(lines) == 3, self.err
        assert all(line.strip() for line in lines), self.err
        assert "Traceback" not in self.err
        return lines


@dataclass(slots=True, kw_only=True)
class Desk:
    folder: Path
    cache: Path
    environ: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]
    world: World = field(default_factory=lambda: World(now=datetime.now(UTC), seed=5))
    server: Server | None = None

    def __post_init__(self) -> None:
        for name in list(os.environ):
            if name.startswith(MESSY):
                self.environ.delenv(name)
        for name, value in self.base().items():
            self.environ.setenv(name, value)
        self.world.token(TOKEN, login="octocat")

    def base(self) -> dict[str, str]:
        return {
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CACHE_HOME": str(self.cache),
            "CICATRIX_DATABASE_URL": str(self.ledger),
            "CICATRIX_WRITE_INTERVAL": "0",
            "CICATRIX_POLL_INTERVAL": "0.05",
            "DEPLOY_ENV": "staging",
            "GITHUB_TOKEN": TOKEN,
        }

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.db"

    def set(self, **variables: str | None) -> None:
        for name, value in variables.items():
            if value is None:
                self.environ.delenv(name, raising=False)
            else:
                self.environ.setenv(name, value)

    def calm(self) -> None:
        """A base lawbook without waiting times."""
        file = self.folder / "calm.yml"
        file.write_text("version: calm.1\nstopRules: {cooldownMinutes: 0, noSignalChangeThreshold: 5}\n")
        self.set(CICATRIX_LAWBOOK=str(file))

    def cicatrix(self, *arguments: str | Path | int) -> Ended:
        """One command in this process, as `main` runs it."""
        self.capture.readouterr()
        code = run([str(argument) for argument in arguments])
        seen = self.capture.readouterr()
        return Ended(code, seen.out, seen.err)

    def process(self, *arguments: str | Path, variables: Mapping[str, str] | None = None, wrap: str = "") -> Ended:
        """One command in a process of its own; `wrap` is Python that runs before it."""
        program = f"{wrap}\nfrom cicatrix.cli import main\nmain()"
        done = subprocess.run(
            [sys.executable, "-c", program, *(str(argument) for argument in arguments)],
            capture_output=True,
            env={**os.environ, **(variables or {})},
            timeout=120,
            check=False,
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    def terminal(
        self, *arguments: str, columns: int = 80, variables: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """One command in a process of its own, on a pseudo-terminal of so many columns: exit code, what is on it."""
        primary, secondary = os.openpty()
        environ = {**os.environ, "TERM": "dumb", "COLUMNS": str(columns), **(variables or {})}
        command = [sys.executable, "-m", "cicatrix", *arguments]
        with subprocess.Popen(command, stdout=secondary, stderr=subprocess.DEVNULL, env=environ) as child:
            os.close(secondary)
            seen = b""
            while chunk := _read(primary):
                seen += chunk
        os.close(primary)
        return child.returncode, seen.decode().replace("\r\n", "\n")

    def red(self, number: int = 1, *, log: str = RESET, job: str = "test", step: str = "Install dependencies") -> int:
        """A pull request of acme/shop whose one job failed with this log; its run's id."""
        repo = self.world.repository("acme/shop")
        spec = JobSpec(id="test", name=job, outcomes=[Outcome.failure(log, step=step), Outcome.success()])
        repo.workflow(CI, [JobSpec(id="build"), spec])
        pull = repo.pull_request(number, head_branch=f"change-{number}")
        return repo.run(CI, pull_request=pull, finished=True).id

    @property
    def effects(self) -> list[dict[str, Any]]:
        """What reruns really did at the simulated GitHub."""
        return [e for e in self.world.history.effects if e["kind"] != "created"]

    @property
    def writes(self) -> list[dict[str, Any]]:
        return [call for call in self.world.history.calls if call["method"] != "GET"]


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # how Linux says that the other side of a pseudo-terminal is closed
        return b""
