"""`cicatrix ledger verify`: two files, the standard library and the Merkle tree; no settings, no database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cicatrix.ledger.verify import HeadFile, Verification, read_head
from cicatrix.ledger.verify import verify as verify_lines

from . import state
from .errors import Code, Stop
from .screen import Format

LONGEST_LINE = 64 * 1024 * 1024
"""Characters of a line that are read at once; a longer line is no line of an export."""
LARGEST_HEAD = 1024 * 1024 * 1024


def verify(export: Path, head: Path, *, as_json: bool, output: Format | None) -> Code:
    """0 when the export is what the head says, 5 with the first bad entry named."""
    screen = state.screen
    kept = _head(head)
    try:
        found = verify_lines(_lines(export), kept)
    except OSError as trouble:
        raise _unreadable("export", export, trouble) from None
    if screen.format(output, as_json) is Format.JSON:
        screen.json(
            {
                "ok": found.ok,
                "size": found.size,
                "headSize": kept.size,
                "root": kept.root,
                "firstBad": found.first_bad,
                "problem": found.problem,
            }
        )
    elif found.ok:
        screen.line(f"✓ verified: {found.size} entries, root {kept.root}")
    if not found.ok:
        _fail(found)
    return Code.DONE if found.ok else Code.VERIFICATION


def _fail(found: Verification) -> None:
    where = "an entry that cannot be named" if found.first_bad is None else f"entry {found.first_bad}"
    state.screen.fail(
        f"The ledger does not verify: the first bad one is {where}.",
        f"{found.problem}.",
        "Keep both files as they are, and compare with another copy of the ledger or an earlier head.",
    )


def _lines(path: Path) -> Iterator[str]:
    # bytes that are no UTF-8 become lone surrogates, which no line of an export holds
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        while line := file.readline(LONGEST_LINE):
            yield line


def _head(path: Path) -> HeadFile:
    try:
        with path.open(encoding="utf-8") as file:
            return read_head(file.read(LARGEST_HEAD))  # a larger one is cut, and then no JSON
    except OSError as trouble:
        raise _unreadable("head", path, trouble) from None
    except ValueError as wrong:
        raise Stop(
            "The head cannot be used.", f"{path}: {wrong}.", "Give the file that `cicatrix ledger head --json` wrote."
        ) from None


def _unreadable(what: str, path: Path, trouble: OSError) -> Stop:
    return Stop(f"The {what} cannot be read.", f"{path}: {trouble.strerror}.", "Check the path and its rights.")
