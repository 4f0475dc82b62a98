"""A deployment with a pull request whose failure stays, and what the verification says about it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cicatrix.cli import state
from cicatrix.cli.screen import Screen
from cicatrix.cli.verifying_deployment import Asked, verify
from cicatrix.core.actions import Role
from cicatrix.simulator import JobSpec, Outcome
from tests.web.desk import CI, RESET, Desk, desk_at


@dataclass(slots=True)
class Site:
    """One deployment, asked with one key."""

    desk: Desk
    capture: pytest.CaptureFixture[str]
    key: str = ""
    waited: list[float] = field(default_factory=list)
    out: str = ""
    err: str = ""

    def red(self, *outcomes: Outcome) -> int:
        """Pull request 1, whose job `test` fails like this (for ever, unless told otherwise)."""
        repo = self.desk.world.repository("acme/shop")
        spec = JobSpec(id="test", outcomes=list(outcomes) or [self.flake()])
        repo.workflow(CI, [JobSpec(id="build"), spec])
        pull = repo.pull_request(1, head_branch="change-1")
        run = repo.run(CI, pull_request=pull, finished=True).id
        self.desk.world.advance(1)
        return run

    @staticmethod
    def flake() -> Outcome:
        return Outcome.failure(RESET, step="Install dependencies")

    def verify(self, url: str | None = None, **changes: Any) -> tuple[int, dict[str, str]]:
        """Exit code, and what went wrong: check -> detail of every one that did not pass."""
        asked: dict[str, Any] = {
            "base_url": url or self.desk.url,
            "owner": "acme",
            "repo": "shop",
            "pr_number": 1,
            "run_id": None,
            "mode": "FAILED_ONLY",
            "max_attempts": 2,
            "token": self.key,
            "token_file": None,
            "timeout": 60,
            "interval": 0.1,
            "as_json": True,
            "output": None,
        }
        state.screen = Screen()
        self.capture.readouterr()
        code = verify(Asked(**{**asked, **changes}), sleep=self._sleep)
        seen = self.capture.readouterr()
        self.out, self.err = seen.out, seen.err
        return int(code), {c["name"]: c["detail"] for c in self.checks if c["outcome"] != "passed"}

    @property
    def checks(self) -> list[dict[str, str]]:
        import json  # noqa: PLC0415 -- the fixture has a name of its own for most of it

        if not self.out.startswith("{"):
            return []
        found: list[dict[str, str]] = json.loads(self.out)["checks"]
        return found

    def _sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.desk.world.advance(300)

    @property
    def reruns(self) -> int:
        return len([e for e in self.desk.world.history.effects if e["kind"].startswith("rerun")])


@pytest.fixture
def site(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in list(os.environ):
        if name.startswith(("CICATRIX_", "GITHUB_", "GH_TOKEN", "DEPLOY_ENV", "LAWBOOK_HASH")):
            monkeypatch.delenv(name)
    with desk_at(tmp_path) as desk:
        yield Site(desk, capsys, desk.key(Role.OPERATOR))
