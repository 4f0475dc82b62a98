"""A run's decision as a person sees it: header, table of jobs, what bound, what would change it, the case's story.

State is always a glyph and a word, never colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
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
    screen.show(_decision(screen, run))
    if run["bound"]:
        _show_bound(screen, run["bound"])
    if run["along"]:
        screen.show(_labelled("along", screen.safe(", ".join(run["along"])) + " would run along"))
    _show_changes(screen, shown)
    if run["ledgerIndex"] is not None:
        screen.show(_labelled("ledger", f"entry {run['ledgerIndex']}"))
    if run["wakeAt"]:
        screen.show(_labelled("again", f"from {run['wakeAt']} on asking may help"))
    show_case(screen, run)
    screen.line()


def _header(screen: Screen, run: Told) -> Text:
    text = Text()
    text.append(screen.safe(run["workflow"] or run["path"]), style="bold")
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


def _decision(screen: Screen, run: Told) -> Text:
    glyph, word, style = WORDS[run["decision"]]
    word = f"would {word}" if run["preview"] and run["decision"] == "RERUN_TRIGGERED" else word
    text = Text(f"{glyph} {word}", style=f"{style} bold")
    text.append("".join(f"\n  {screen.safe(line)}" for line in run["reasons"]), style="not bold default")
    return text


def _labelled(label: str, text: str) -> Text:
    return Text.assemble((f"  {label:<7}", "dim"), text)


def _show_bound(screen: Screen, bound: str) -> None:
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
        text = _labelled("case", f"{case['caseId']} · {case['state'].replace('_', ' ')}")
        text.append(f" · awaits {case['awaits']}" if case["awaits"] != "nothing" else "")
        text.append(f" · wakes {case['wakeAt']}" if case["wakeAt"] else "")
        screen.show(text)
        if case["note"]:
            screen.show(_labelled("", screen.safe(case["note"])))
    if not story:
        return
    grid = Table.grid(padding=(0, 1))
    for column in ("time", "index", "kind"):
        grid.add_column(column, no_wrap=True, style="dim", justify="right" if column == "index" else "left")
    grid.add_column("text", overflow="fold", ratio=1)
    for entry in story:
        words = Text(screen.safe(entry["text"]))
        grid.add_row(f"  {short_time(entry['at'])}", Text(str(entry["index"])), Text(screen.safe(entry["kind"])), words)
    screen.show(grid)


def short_time(stamp: str | None) -> str:
    """An ISO 8601 time to the second."""
    return "-" if stamp is None else stamp.partition(".")[0].removesuffix("Z") + "Z"


def show_rows(screen: Screen, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A plain table; every cell is foreign text."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, expand=False)
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=place == 0)
    for row in rows:
        table.add_row(*(Text(screen.safe(cell)) for cell in row))
    screen.show(table)


def show_operation(screen: Screen, operation: Told) -> None:
    """One operation: what it was to do, where it stands, and what a person may do about it."""
    screen.line(f"operation {operation['operationId']}: {operation['state']}")
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
    for label, text in lines.items():
        screen.show(_labelled(label, screen.safe(text)))
    if operation["state"] == "INDETERMINATE":
        screen.line(
            f"  look at the run, then: cicatrix operation resolve {operation['operationId']} "
            "--as happened|did-not-happen --reason TEXT"
        )
