"""`cicatrix tick`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cicatrix.flows.tick import Ticked
from cicatrix.flows.tick import tick as tick_all
from cicatrix.wiring import hosts

from . import state
from .screen import Format
from .session import opened, require_lawbook, settings_of


def tick(*, lawbook: Path | None, as_json: bool, output: Format | None) -> None:
    """Wake what is due once, at every configured host, and print what moved."""
    screen = state.screen
    shape = screen.format(output, as_json)
    settings = settings_of(lawbook=lawbook)
    done = []
    for host in hosts(settings):
        with opened(settings, host.name) as ctx:
            require_lawbook(ctx)
            done += tick_all(ctx)
    if shape is Format.JSON:
        screen.json([_tree(ticked) for ticked in done])
        return
    for ticked in done:
        arrow = f"{ticked.before} → {ticked.after}" if ticked.before != ticked.after else f"still {ticked.before}"
        about = screen.safe(_about(ticked))
        screen.line(f"{about}: {arrow}" + (f" · {screen.safe(ticked.note)}" if ticked.note else ""))
    if not done:
        screen.line("○ nothing is due")


def _tree(ticked: Ticked) -> dict[str, Any]:
    return {
        "runId": ticked.run,
        "caseId": ticked.case_id,
        "ref": ticked.ref,
        "headSha": ticked.sha,
        "before": str(ticked.before),
        "after": str(ticked.after),
        "note": ticked.note,
    }


def _about(ticked: Ticked) -> str:
    """The run; where there is none, the branch and the commit that it was opened for."""
    if ticked.run:
        return f"run {ticked.run}"
    branch = ticked.ref.removeprefix("refs/heads/")
    return f"{branch} at {ticked.sha[:12]}" if branch else f"commit {ticked.sha[:12]}"
