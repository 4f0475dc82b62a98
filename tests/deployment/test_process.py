"""The real command against the real `cicatrix up`, both as processes, before a simulated GitHub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cicatrix.simulator import JobSpec, Outcome, World
from cicatrix.simulator.server import serve
from tests.web.test_up import RESET, TOKEN, made_key, up, variables

CI = ".github/workflows/ci.yml"
SPEED = 300
"""Simulated seconds in one second."""


@pytest.mark.shows("VF-1", "VF-2", "VF-3")
def test_up_is_verified(tmp_path: Path) -> None:
    world = World(now=datetime.now(UTC), seed=5)
    world.token(TOKEN, login="octocat")
    world.follow_clock(lambda: datetime.now(UTC), SPEED)
    repo = world.repository("acme/shop")
    repo.workflow(CI, [JobSpec(id="test", outcomes=[Outcome.failure(RESET, step="Install dependencies")])])
    repo.run(CI, pull_request=repo.pull_request(1, head_branch="change-1"), finished=True)
    with serve(world) as github:
        environ = variables(tmp_path, github.api_url, DEPLOY_ENV="staging")
        file = tmp_path / "token"
        file.write_text(made_key(environ))
        with up(environ) as running:
            clean = {k: v for k, v in os.environ.items() if not k.startswith(("CICATRIX_", "GITHUB_", "DEPLOY_ENV"))}
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "cicatrix", "verify-deployment", "--base-url", running.url),
                    *("--owner", "acme", "--repo", "shop", "--pr-number", "1", "--interval", "0.3", "--json"),
                ],
                env={**clean, "CICATRIX_TOKEN_FILE": str(file)},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert running.ends() == 0
    told = json.loads(done.stdout)
    assert (done.returncode, [c for c in told["checks"] if c["outcome"] != "passed"]) == (0, []), done.stderr
    assert told["ok"] is True
    assert file.read_text() not in done.stdout + done.stderr
    effects = [e for e in world.history.effects if e["kind"].startswith("rerun")]
    assert len(effects) == 1
