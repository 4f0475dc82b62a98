"""`cicatrix tick`."""

from __future__ import annotations

from pathlib import Path

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
        screen.json([{"runId": t.run, "before": str(t.before), "after": str(t.after), "note": t.note} for t in done])
        return
    for ticked in done:
        arrow = f"{ticked.before} → {ticked.after}" if ticked.before != ticked.after else f"still {ticked.before}"
        screen.line(f"run {ticked.run}: {arrow}" + (f" · {screen.safe(ticked.note)}" if ticked.note else ""))
    if not done:
        screen.line("○ nothing is due")
