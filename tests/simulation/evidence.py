"""What the judges see: GitHub's history, the ledger's file read without the product, the truth of the story."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from cicatrix.ledger import export_lines, rebuild
from cicatrix.ledger.verify import read_head, verify
from cicatrix.simulator.state import RunState
from tests.simulation.actors import Told
from tests.simulation.stage import Stage, Witness
from tests.simulation.story import Ask, Story

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything about one story at its end. Rows are as the database holds them; JSON columns are parsed."""

    story: Story
    runs: dict[str, RunState]
    history: list[Row]
    bodies: list[str]
    entries: list[Row]
    leaves: list[str]
    operations: list[Row]
    slots: list[Row]
    cases: list[Row]
    attempts: list[Row]
    outcomes: list[Row]
    texts: dict[str, str]
    witnesses: list[Witness]
    answers: list[tuple[Ask, Row]]
    verified: str
    """What `ledger verify` says against the head; empty when all is well."""
    rebuilt: str
    """What differs between the tables and what the entries rebuild; empty when nothing does."""
    thrown: tuple[datetime, datetime] | None
    """When the kill switch surely stopped every POST, from and until."""
    hidden_run: str | None

    @cached_property
    def effects(self) -> list[Row]:
        """Reruns that came by our calls, each with the `operation` and `send` that its call named."""
        calls = {r["seq"]: r for r in self.history if r["type"] == "call"}
        found = []
        for record in self.history:
            if record["type"] == "effect" and record["call"] is not None and record["kind"] != "cancel":
                operation, _, send = calls[record["call"]]["clientRequestId"].partition("/")
                found.append({**record, "operation": operation, "send": int(send or 0)})
        return found

    @cached_property
    def posts(self) -> list[Row]:
        """Calls that ask for a rerun."""
        found = []
        for r in self.history:
            if r["type"] == "call" and r["method"] == "POST" and "/actions/" in r["path"]:
                operation, _, send = r["clientRequestId"].partition("/")
                found.append({**r, "operation": operation, "send": int(send or 0)})
        return found

    @cached_property
    def intents(self) -> dict[str, Row]:
        """Operation id -> its `rerun.intended` entry."""
        return {e["operationId"]: e for e in self.entries if e["kind"] == "rerun.intended"}

    @cached_property
    def asks(self) -> dict[str, list[Ask]]:
        """Request id -> the asks under it: more than one where people use an id again."""
        found: dict[str, list[Ask]] = {}
        for ask in (a for person in self.story.persons for a in person):
            found.setdefault(ask.request_id, []).append(ask)
        return found

    def stories_of(self, operation: str) -> list[Row]:
        """The entries that name an operation, in order."""
        return [e for e in self.entries if e.get("operationId") == operation]


def collect(stage: Stage, told: Told) -> Evidence:
    """Read everything, most of it by a connection of our own."""
    connection = sqlite3.connect(stage.path)
    connection.row_factory = sqlite3.Row
    try:

        def rows(query: str, *parsed: str) -> list[Row]:
            found = [dict(row) for row in connection.execute(query)]
            for row in found:
                for name in parsed:
                    row[name] = json.loads(row[name]) if row[name] else None
            return found

        raw = rows("SELECT entry, leaf_hash FROM entries ORDER BY idx")
        evidence = {
            "operations": rows("SELECT * FROM operations ORDER BY intended_index, id", "named", "dependants"),
            "slots": rows("SELECT * FROM slots"),
            "cases": rows("SELECT * FROM cases", "data"),
            "attempts": rows("SELECT * FROM job_rerun_attempts ORDER BY id"),
            "outcomes": rows("SELECT * FROM rerun_outcomes ORDER BY id"),
            "texts": {row["ref"]: row["clear"] or "" for row in rows("SELECT ref, clear FROM texts")},
        }
    finally:
        connection.close()
    verified, rebuilt = _by_the_product(stage)
    hidden = stage.story.hidden_job
    return Evidence(
        story=stage.story,
        runs={str(number): run for number, run in stage.world.runs.items()},
        history=stage.world.history.dump(),
        bodies=[row["entry"] for row in raw],
        entries=[json.loads(row["entry"]) for row in raw],
        leaves=[row["leaf_hash"] for row in raw],
        witnesses=stage.witnesses,
        answers=told.answers,
        verified=verified,
        rebuilt=rebuilt,
        thrown=_thrown(stage),
        hidden_run=None if hidden is None else str(stage.runs[hidden].id),
        **evidence,  # type: ignore[arg-type]  # names and types as in the class, a mapping loses them
    )


def _thrown(stage: Stage) -> tuple[datetime, datetime] | None:
    """Stalls and slow answers may stand between the last look at the switch and the POST."""
    at = stage.story.kill_switch_at
    if at is None:
        return None
    surely = stage.begin + timedelta(seconds=at + stage.story.longest_stall + 62)
    return surely, stage.quiet_from or stage.world.now


def _by_the_product(stage: Stage) -> tuple[str, str]:
    with stage.process(full_disk=False).ledger.read() as view:
        head = read_head(view.head().as_json())
        entries = list(view.entries())
        result = verify(export_lines(entries), head)
        operations, slots = rebuild(entries, view.text_of)
        stored, taken = view.all_operations(), view.all_slots()
    differences = []
    if operations != stored:
        differences.append(f"operations {operations} are stored as {stored}")
    if slots != taken:
        differences.append(f"slots {slots} are stored as {taken}")
    return "" if result.ok else result.problem, "; ".join(differences)
