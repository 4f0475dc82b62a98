"""`cicatrix simulate`: the simulated GitHub behind real HTTP, for anyone's drills."""

from __future__ import annotations

import shlex
import signal
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from cicatrix.lawbook import load_yaml
from cicatrix.simulator import SimulatorError, World
from cicatrix.simulator import scenario as scenarios
from cicatrix.simulator.server import Server, serve

from . import state
from .drill_runner import Runner
from .errors import Stop

TOKEN = "demo-token"  # noqa: S105 -- a simulated GitHub's, worth nothing anywhere


def simulate(*, port: int, scenario: Path | None, speed: float) -> None:
    """Serve until Ctrl-C or SIGTERM. Standard output gets the lines that a shell needs, and nothing else.

    The drill's ledger is a file in a folder of its own, which goes away with the simulated GitHub that it tells of.
    """
    signal.signal(signal.SIGTERM, _ended)
    with tempfile.TemporaryDirectory(prefix="cicatrix-drill-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        world, token = _world(scenario, folder / "git")
        world.follow_clock(lambda: datetime.now(UTC), speed)
        try:
            server = serve(world, port)
        except OSError as trouble:
            raise Stop(
                "The simulated GitHub cannot listen.",
                f"Port {port} on loopback: {trouble.strerror}.",
                "Name another port with --port; 0 takes a free one.",
            ) from None
        with server:
            _serve(server, world, token, folder, speed)


def _serve(server: Server, world: World, token: str, folder: Path, speed: float) -> None:
    screen = state.screen
    with Runner(world, server.api_url, folder / "runner"):
        ledger = folder / "ledger.db"
        screen.line(f"export GITHUB_API_URL={server.api_url}")
        screen.line(f"export GITHUB_TOKEN={shlex.quote(token)}")
        screen.line(f"export CICATRIX_DATABASE_URL={shlex.quote(str(ledger))}")
        screen.line("export CICATRIX_POLL_INTERVAL=1")
        cloned = [f"{server.api_url}/{repo.full_name}.git" for repo in world.repositories.values() if repo.git]
        if cloned:
            screen.line(f"export DRILL_CLONE_URL={shlex.quote(cloned[0])}")
        for repository in world.repositories.values():
            pulls = ", ".join(f"#{number}" for number in repository.pulls) or "no pull request"
            screen.say(f"{repository.full_name}: {pulls}, {len(repository.runs)} runs")
        screen.say(f"{speed:g} simulated seconds a second; logs come from {server.log_url}")
        for url in cloned:
            screen.say(f"git clone {url}; what a dispatch starts there is run on this machine")
        screen.say("Ctrl-C ends it and removes the drill's ledger")
        threading.Event().wait()


def _ended(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM, as of `kill` or a container that stops, leaves by the same way as Ctrl-C: the folder goes away."""
    sys.exit(0)


def _world(scenario: Path | None, folder: Path) -> tuple[World, str]:
    if scenario is None:
        text = scenarios.DEFAULT
    else:
        try:
            text = scenario.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as trouble:
            why = trouble.strerror if isinstance(trouble, OSError) else "it is not UTF-8 text"
            raise Stop(
                "The scenario cannot be read.", f"{scenario}: {why}.", "Check the path and its rights."
            ) from None
    try:
        world = scenarios.load(text, now=datetime.now(UTC), folder=folder)
    except SimulatorError as wrong:
        raise Stop(
            "The scenario cannot be used.",
            f"{scenario}: {wrong}.",
            "Correct it there; docs/simulate.md lists the keys of a scenario.",
        ) from None
    token = _first_token(text)
    if token is None:
        world.token(TOKEN, login="octocat", kind="user")
    return world, token or TOKEN


def _first_token(text: str) -> str | None:
    """The first token of the scenario, which `load` has found to be well-formed."""
    tree, _, _ = load_yaml(text.encode(), "scenario")
    listed = tree.get("tokens") if isinstance(tree, dict) else None
    return str(listed[0]["token"]) if isinstance(listed, list) and listed else None
