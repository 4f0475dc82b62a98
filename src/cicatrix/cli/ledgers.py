"""`cicatrix ledger list|show|head|export`. Reads the database; `verify` is apart, since it needs none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from cicatrix import wiring
from cicatrix.flows.explain import sentence
from cicatrix.flows.record import stamp
from cicatrix.ledger import EntryRow, View, export_lines

from . import state
from .errors import Code, Stop, usage
from .screen import Format
from .session import settings_of
from .targets import positive


def listed(*, kind: str | None, run_id: str | None, limit: int, as_json: bool, output: Format | None) -> None:
    """The newest entries that fit, the oldest of them first."""
    screen = state.screen
    shape = screen.format(output, as_json)
    if run_id is not None and not positive(run_id):
        raise usage(
            "The run id means nothing.", f"{run_id[:60]!r} is not a positive number.", "Take it from the run's URL."
        )
    with wiring.open_ledger_only(settings_of(), must_exist=True) as ledger, ledger.read() as view:
        size = view.size()
        chosen = _newest(view, size, kind, run_id, limit)
        rows = [_told(view, entry) for entry in chosen]
    if shape is Format.JSON:
        screen.json(rows)
        return
    if not rows:
        screen.line(f"○ no such entry among {size}")
        return
    from . import showing  # noqa: PLC0415 -- Rich is for tables only

    cells = [
        (row["index"], time, row["kind"], row["entry"].get("runId", "-"), _one_line(row))
        for row, time in zip(rows, showing.times(screen, [row["at"] for row in rows]), strict=True)
    ]
    if screen.width >= showing.WIDE:
        showing.show_rows(screen, ("index", "time", "kind", "run", "what"), cells)
        return
    narrow = [(index, time, f"{kind}\n{run}", what) for index, time, kind, run, what in cells]
    showing.show_rows(screen, ("index", "time", "kind, run", "what"), narrow)


def _one_line(row: Mapping[str, Any]) -> str:
    """What an entry says, on one line: the texts in it are foreign."""
    return " ".join(sentence(row["kind"], row["entry"]).split())


def _newest(view: View, size: int, kind: str | None, run_id: str | None, limit: int) -> list[EntryRow]:
    """Walks back in pages, so that a long ledger is not read whole for its last entries."""
    found: list[EntryRow] = []
    page, end = max(limit, 200), size
    while end > 0 and len(found) < limit:
        start = max(0, end - page)
        fitting = [
            entry
            for entry in view.entries(start, end - start)
            if (kind is None or entry.kind == kind) and (run_id is None or entry.data.get("runId") == run_id)
        ]
        found = [*fitting, *found]
        end = start
    return found[-limit:]


def _told(view: View, entry: EntryRow) -> dict[str, Any]:
    return {
        "index": entry.index,
        "kind": entry.kind,
        "at": stamp(entry.created_at),
        "leafHash": entry.leaf_hash,
        "entry": view.resolved(entry.data),
    }


def show(which: str, *, as_json: bool, output: Format | None) -> None:
    """One entry by index, or all entries of a decision or an operation, in full."""
    screen = state.screen
    screen.format(output, as_json)  # refuses both at once; an entry is JSON, on a terminal too
    with wiring.open_ledger_only(settings_of(), must_exist=True) as ledger, ledger.read() as view:
        found = _found(view, which.strip())
        rows = [_told(view, entry) for entry in found]
    screen.json(rows[0] if which.strip().isdecimal() else rows)


def _found(view: View, which: str) -> list[EntryRow]:
    size = view.size()
    if which.isdecimal() and which.isascii():
        found = list(view.entries(int(which), 1)) if len(which) < 19 else []
    else:
        found = [
            entry
            for entry in view.entries()
            if which in {entry.data.get("operationId"), entry.data.get("decisionId"), entry.data.get("caseId")}
        ]
    if not found:
        raise Stop(
            f"There is no entry {which[:80]}.",
            f"The ledger has {size} entries, from index 0 on, and none of that id.",
            "`cicatrix ledger list` shows the newest ones.",
        )
    return found


def head(*, as_json: bool, output: Format | None) -> None:
    """Size and root; as JSON with leaf prefixes, which let a verifier name the first bad entry."""
    screen = state.screen
    shape = screen.format(output, as_json)
    with wiring.open_ledger_only(settings_of(), must_exist=True) as ledger, ledger.read() as view:
        found = view.head()
    if shape is Format.JSON:
        screen.raw([found.as_json()])
        return
    screen.line(f"size {found.size}")
    screen.line(f"root {found.root}")


def export(file: Path | None) -> None:
    """Every entry as JSON Lines, to a file (which appears only when it is complete) or to standard output."""
    screen = state.screen
    with wiring.open_ledger_only(settings_of(), must_exist=True) as ledger, ledger.read() as view:
        lines = export_lines(view.entries())
        if file is None:
            screen.raw(lines)
            return
        _write_whole(file, lines)
        screen.say(f"{view.size()} entries written to {file}; `cicatrix ledger head --json` gives the head to keep")


def _write_whole(file: Path, lines: Iterable[str]) -> None:
    handle, name = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name[:60]}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
            out.writelines(lines)
        Path(name).replace(file)
    except BaseException as trouble:
        with suppress(OSError):
            Path(name).unlink()
        if isinstance(trouble, OSError):
            raise Stop(
                "The export cannot be written.",
                f"{file}: {trouble.strerror}.",
                "Name another file, or free some space; the ledger itself is untouched.",
                Code.ERROR,
            ) from None
        raise
