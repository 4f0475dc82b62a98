"""A run's decision as a person sees it: header, table of jobs, what bound, what would change it, the case's story.

State is always a glyph and a word, never colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from .screen import Screen

Told = Mapping[str, Any]

WIDE = 110
"""Columns from which a run's table has a column for everything."""

GLYPHS = {"RERUN": ("↻", "green"), "SKIP": ("○", "dim"), "BLOCKED": ("■", "yellow")}
WORDS = {
    "RERUN_TRIGGERED": ("↻", "rerun", "green"),
    "BLOCKED": ("■", "blocked", "yellow"),
    "NOOP": ("○", "nothing to do", "dim"),
}
STATES = {
    "sent": "rerun sent",
    "queued": "rerun queued",
    "would_send": "would rerun",
    "would_queue": "would queue",
}


def show_run(screen: Screen, run: Told) -> None:
    """One run, top down."""
    screen.show(_header(screen, run))
    shown = [job for job in run["jobs"] if job["reasonCode"] != "not_failed"]
    passed = len(run["jobs"]) - len(shown)
    if shown:
        screen.show(_table(screen, shown, preview=run["preview"]))
    if passed:
        screen.line(f"  and {passed} job{'s' if passed != 1 else ''} that did not fail")
    screen.show(*_decision(screen, run))
    if run["bound"]:
        show_bound(screen, run["bound"])
    if run["along"]:
        screen.show(_labelled("along", screen.safe(", ".join(run["along"])) + " would run along"))
    _show_changes(screen, shown)
    if run["ledgerIndex"] is not None:
        screen.show(_labelled("ledger", f"entry {run['ledgerIndex']}"))
    if run["wakeAt"]:
        screen.show(_labelled("again", f"from {_full_second(run['wakeAt'])} on asking may help"))
    show_case(screen, run)
    screen.line()


def _header(screen: Screen, run: Told) -> Text:
    text = Text()
    name, path = screen.safe(run["workflow"] or run["path"]), screen.safe(run["path"])
    text.append(name, style="bold")
    if path and path != name:  # a workflow without a name goes by its path
        text.append(f" ({path})")
    text.append(f" · run {run['runId']} · attempt {run['runAttempt'] or '?'} · {str(run['headSha'])[:12]}")
    if run["pullRequest"]:
        text.append(f" · #{run['pullRequest']}")
    elif run["headBranch"]:
        text.append(f" · {screen.safe(run['headBranch'])}")
    text.append(f"\n{screen.safe(run['url'])}", style="dim")
    return text


def _table(screen: Screen, jobs: Sequence[Told], *, preview: bool) -> Table:
    """A column each where there is room; else the evidence stands under the job, and the reason under the class."""
    wide = screen.width >= WIDE
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=True, expand=False)
    table.add_column("decision", no_wrap=True)
    table.add_column("job", overflow="fold", ratio=None if wide else 1)
    table.add_column("class" if wide else "class, reason", no_wrap=True)
    if wide:
        table.add_column("reason", no_wrap=True)
        table.add_column("evidence", overflow="fold", ratio=1)
    table.add_column("attempts", no_wrap=True)
    for job in jobs:
        action, name, found = _action(job, preview=preview), Text(screen.safe(job["jobName"])), _evidence(screen, job)
        group, reason, attempts = job["failureClass"] or "-", job["reasonCode"] or "-", Text(_attempts(job))
        if wide:
            table.add_row(action, name, Text(group), Text(reason), found, attempts)
        else:
            name.append("\n").append_text(found)
            table.add_row(action, name, Text(group if group == reason else f"{group}\n{reason}"), attempts)
    return table


def _action(job: Told, *, preview: bool) -> Text:
    state = job["state"]
    if preview and state in {"sent", "queued"}:
        state = {"sent": "would_send", "queued": "would_queue"}[state]
    action = "RERUN" if state in STATES else job["action"]
    glyph, style = GLYPHS[action]
    return Text(
        f"{glyph} {STATES.get(state or '', {'SKIP': 'skip', 'BLOCKED': 'blocked'}.get(action, 'rerun'))}", style
    )


def _evidence(screen: Screen, job: Told) -> Text:
    found = job["evidence"]
    if not found:
        why = next((reason["why"] for reason in job["reasons"] if reason["why"]), "")
        return Text(screen.safe(why) or "-")
    text = Text()
    if found.get("line"):
        text.append(f"line {found.get('lineNumber', '?')}: {screen.safe(found['line'])}")
    if found.get("rule"):
        text.append(f"{chr(10) if text.plain else ''}{screen.safe(found['rule'])}", style="dim")
        text.append(f" ({found.get('stage', '')}, {found.get('confidence', 0)} %)", style="dim")
    if found.get("suspected"):
        text.append(f"\nsuspected {found['suspected']}, not proven", style="dim")
    if found.get("counterEvidence"):
        text.append(f"\nagainst it: {screen.safe(found['counterEvidence'])}", style="dim")
    return text if text.plain else Text("-")


def _attempts(job: Told) -> str:
    attempt = job["attempt"]
    return "-" if attempt["of"] is None else f"{attempt['number']} of {attempt['of']}"


def _decision(screen: Screen, run: Told) -> list[RenderableType]:
    glyph, word, style = WORDS[run["decision"]]
    if run["preview"] and run["decision"] == "RERUN_TRIGGERED":
        word = f"would {word}"
    elif any(job["state"] in {"would_send", "would_queue"} for job in run["jobs"]):  # a dry run's decision is NOOP
        glyph, word, style = "↻", "would rerun", "green"
    reasons = [hanging("", screen.safe(line), width=2) for line in run["reasons"]]
    return [Text(f"{glyph} {word}", style=f"{style} bold"), *reasons]


def hanging(head: str, text: str, *, width: int, style: str = "") -> Table:
    """The text behind a head of so many columns; what does not fit goes on under the text, not under the head."""
    grid = Table.grid(padding=0)
    grid.add_column(no_wrap=True, width=width, style=style)
    grid.add_column(overflow="fold")
    grid.add_row(head, Text(text))
    return grid


def _labelled(label: str, text: str) -> Table:
    return hanging(f"  {label:<7}", text, width=9, style="dim")


def show_bound(screen: Screen, bound: str) -> None:
    """`asked 2 · registry - · lawbook 2 · used 1 · left 1     bound by ...`, on two lines where one is too short."""
    text = screen.safe_spaced(bound)
    if len(text) + 9 <= screen.width:
        screen.show(_labelled("bound", text))
        return
    numbers, _, by = text.partition("     ")
    screen.show(_labelled("bound", numbers))
    screen.show(_labelled("", by.strip()))


def _show_changes(screen: Screen, jobs: Sequence[Told]) -> None:
    """What would change each refusal, each sentence once. What runs along with a rerun needs no change."""
    wanted: dict[tuple[str, str], list[str]] = {}
    acting = any(job["state"] for job in jobs)
    for job in jobs:
        if acting and job["reasonCode"] == "dependant_failure":
            continue
        if job["wouldChange"] and job["reasonCode"]:
            wanted.setdefault((job["reasonCode"], job["wouldChange"]), []).append(screen.safe(job["jobName"]))
    for (code, sentence), names in wanted.items():
        listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        screen.show(_labelled("change", f"{code} ({listed}) would change by: {sentence}"))


def show_case(screen: Screen, told: Told) -> None:
    """The story of a case under its one id, when there is one."""
    case, story = told.get("case"), told.get("story") or ()
    if case is not None:
        text = f"{case['caseId']} · {case['state'].replace('_', ' ')}"
        text += f" · awaits {case['awaits']}" if case["awaits"] != "nothing" else ""
        text += f" · wakes {short_time(case['wakeAt'])}" if case["wakeAt"] else ""
        screen.show(_labelled("case", text))
        if case["note"]:
            screen.show(_labelled("", screen.safe(case["note"])))
    if not story:
        return
    grid = Table.grid(padding=(0, 1))
    for column in ("time", "index", "kind"):
        grid.add_column(column, no_wrap=True, style="dim", justify="right" if column == "index" else "left")
    grid.add_column("text", overflow="fold", ratio=1)
    for entry, time in zip(story, times(screen, [entry["at"] for entry in story], indent="  "), strict=True):
        words = Text(screen.safe(entry["text"]))
        grid.add_row(time, Text(str(entry["index"])), Text(screen.safe(entry["kind"])), words)
    screen.show(grid)


def short_time(stamp: str | None) -> str:
    """An ISO 8601 time to the second."""
    return "-" if stamp is None else stamp.partition(".")[0].removesuffix("Z") + "Z"


def _full_second(stamp: str) -> str:
    """The time at the next full second: whoever asks then does not come too early."""
    moment = datetime.fromisoformat(stamp)
    return short_time((moment + timedelta(seconds=1) if moment.microsecond else moment).isoformat().split("+")[0])


def times(screen: Screen, stamps: Sequence[str | None], *, indent: str = "") -> list[str]:
    """The times as a column: in full where there is room, else HH:MM:SS (UTC), under the day where it changes."""
    full = [short_time(stamp) for stamp in stamps]
    if screen.width >= WIDE:
        return [indent + time for time in full]
    found, before = [], ""
    for time in full:
        day, _, clock = time.removesuffix("Z").rpartition("T")
        found.append(f"{indent}{day}\n{indent}{clock}" if day not in {"", before} else indent + clock)
        before = day or before
    return found


def show_rows(screen: Screen, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A plain table; every cell is foreign text, shown line by line."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, expand=False)
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=place == 0)
    for row in rows:
        table.add_row(*(Text("\n".join(screen.safe(line) for line in str(cell).split("\n"))) for cell in row))
    screen.show(table)


def show_block(screen: Screen, head: str, lines: Mapping[str, object]) -> None:
    """A row as lines under a head, for a table that is too wide."""
    screen.line(head)
    for label, text in lines.items():
        screen.show(_labelled(label, screen.safe(text)))


def show_operation(screen: Screen, operation: Told) -> None:
    """One operation: what it was to do, where it stands, and what a person may do about it."""
    named = ", ".join(operation["named"]) + (
        f" (with {', '.join(operation['dependants'])})" if operation["dependants"] else ""
    )
    shared = " (shared with people)" if operation["identityShared"] else ""
    lines = {
        "call": f"{operation['verb']} on run {operation['runId']} of {operation['repository']}",
        "jobs": named,
        "asked": f"by {operation['principal']}, request {operation['requestId']}",
        "as": f"{operation['identity']}{shared}",
        "times": f"made {short_time(operation['createdAt'])}, sent {short_time(operation['sentAt'])} "
        f"({operation['sends']}x), settled {short_time(operation['settledAt'])}",
        "answer": operation["answer"] or "-",
        "ledger": "entries " + ", ".join(str(index) for index in operation["ledgerIndexes"]),
    }
    show_block(screen, f"operation {operation['operationId']}: {operation['state']}", lines)
    if operation["state"] == "INDETERMINATE":
        screen.line(
            f"  look at the run, then: cicatrix operation resolve {operation['operationId']} "
            "--as happened|did-not-happen --reason TEXT"
        )
