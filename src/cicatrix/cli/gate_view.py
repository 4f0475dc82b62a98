"""A measurement and the health history as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cicatrix.core.canonical import instant
from cicatrix.core.health.model import CheckResult, CheckState, Measurement
from cicatrix.ledger import StoredMeasurement

from . import showing
from .screen import Screen

_LINES = 3
"""Findings of a failed check that a table shows; JSON shows 50."""
GLYPHS = {"pass": "✓", "warning": "!", "fail": "✗", "skipped": "○", "unknown": "?"}


def show(screen: Screen, told: Mapping[str, Any], found: Measurement) -> None:
    """What was measured, what it adds up to, and what keeps the gate closed."""
    where = f"{told['repository'] or 'this checkout'}@{found.sha[:12]}"
    screen.line(f"{screen.safe(where)}: health {_number(found.health)}, confidence {_number(found.confidence)}")
    rows = [
        (f"{GLYPHS[r.state.value]} {r.name}", r.component.value, r.state.value, _number(r.score), _why(r))
        for r in found.results
    ]
    if rows:
        showing.show_rows(screen, ("check", "component", "state", "score", "why"), rows)
    else:
        screen.line("  no check is declared, and none was found in the files")
    for line in found.blockers:
        screen.folded(f"✗ {screen.safe(line)}", hang=2)
    for line in found.warnings:
        screen.folded(f"! {screen.safe(line)}", hang=2)
    for line in told["leftOut"]:
        screen.folded(f"○ left out {screen.safe(line)}", hang=2)
    if told["shallow"]:
        screen.line("! this is a shallow clone: measuring works, a rollback from it would be refused")
    _show_end(screen, told, found)


def _show_end(screen: Screen, told: Mapping[str, Any], found: Measurement) -> None:
    if told["block"]:
        screen.folded(f"✗ closed by case {told['block']['caseId']}: {screen.safe(told['block']['why'])}", hang=2)
        screen.line(f"  {told['block']['next']}")
    if told["caseId"]:
        screen.line(f"case {told['caseId']} was opened; `cicatrix explain` tells how it goes on")
    stored = "" if told["ledgerIndex"] is None else f", ledger entry {told['ledgerIndex']}"
    screen.line(f"gate {found.gate.value}, {_ready(found.ready)}{stored}")


def history_json(rows: Sequence[StoredMeasurement]) -> list[dict[str, Any]]:
    """Newest first; `change` is against the next older one of the same checks."""
    return [
        {
            "takenAt": instant(one.row.taken_at),
            "sha": one.row.sha,
            "ref": one.row.ref or None,
            "purpose": one.row.purpose,
            "health": one.row.health,
            "confidence": one.row.confidence,
            "ready": one.row.ready,
            "gate": one.row.gate,
            "band": one.row.band,
            "setHash": one.row.set_hash,
            "change": _change(one, rows[place + 1 :]),
            "ledgerIndex": one.ledger_index,
        }
        for place, one in enumerate(rows)
    ]


def show_history(screen: Screen, rows: Sequence[StoredMeasurement]) -> None:
    """The same as a table."""
    if not rows:
        screen.line("no measurement is stored of this repository")
        return
    told = [
        (
            one["takenAt"][:19],
            one["sha"][:12],
            (one["ref"] or "-").removeprefix("refs/heads/"),
            one["purpose"],
            _number(one["health"]),
            "" if one["change"] is None else f"{one['change']:+d}",
            one["gate"],
            one["band"],
        )
        for one in history_json(rows)
    ]
    columns = ("taken (UTC)", "commit", "branch", "purpose", "health", "change", "gate", "band")
    showing.show_rows(screen, columns, told)


def _change(one: StoredMeasurement, older: Sequence[StoredMeasurement]) -> int | None:
    before = next((o.row.health for o in older if (o.row.set_hash, o.row.ref) == (one.row.set_hash, one.row.ref)), None)
    return None if before is None or one.row.health is None else one.row.health - before


def _why(result: CheckResult) -> str:
    if result.state in {CheckState.PASS, CheckState.SKIPPED}:
        return result.why
    return "\n".join([result.why, *(_finding(finding.message) for finding in result.findings[:_LINES])]).strip()


def _finding(message: str) -> str:
    return message.strip().splitlines()[-1][:200] if message.strip() else ""


def _number(value: int | None) -> str:
    return "unknown" if value is None else str(value)


def _ready(ready: bool | None) -> str:
    return {True: "ready", False: "blocked", None: "not known to be ready"}[ready]
