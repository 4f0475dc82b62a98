"""Values of a report as Markdown that cannot become anything else (T7): words, numbers, sentences, cells, lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from cicatrix.core.prompt.markdown import inline

LONGEST = 1_000
"""Characters of a sentence."""
NOTHING = "None."

GLYPHS = {
    **dict.fromkeys(("pass", "PASS", "READY", "HEALTHY", "STARTED"), "✅"),
    **dict.fromkeys(("warning", "WARNING", "MONITORING", "ACCEPTED", "WAITING", "ROLLBACK PROPOSED"), "⚠️"),
    **dict.fromkeys(("fail", "FAIL", "BLOCKED"), "❌"),
    **dict.fromkeys(("ROLLBACK REQUIRED", "ROLLBACK EXECUTED"), "🚨"),
    **dict.fromkeys(("unknown", "UNKNOWN", "HOLD"), "❔"),
}
"""Beside the word, never in its place."""

_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ]{0,60}[A-Za-z0-9])?")
_SENTENCE = re.compile(r"[A-Za-z][A-Za-z0-9 ,.;:()/'-]*")
_LINKED = re.compile(r"//|www\.|\bGH-[0-9]|\b[0-9a-f]{7,}\b", re.IGNORECASE)
"""What GitHub turns into a link although no character of it is special: addresses, references, commits."""


def word(value: object) -> str:
    """A word of a closed list, with its glyph; anything else as a code span."""
    text = "" if value is None else str(value)
    if _WORD.fullmatch(text) is None:
        return inline(text)
    return f"{GLYPHS[text]} {text}" if text in GLYPHS else text


def number(value: object, missing: str = "not measured", unit: str = "") -> str:
    """A whole number; `missing` for None. Anything else as a code span."""
    if value is None:
        return missing
    return f"{value}{unit}" if isinstance(value, int) and not isinstance(value, bool) else inline(str(value))


def signed(value: object) -> str:
    """A change, always with its sign."""
    return f"{value:+d}" if isinstance(value, int) and not isinstance(value, bool) else number(value)


def sentence(value: object) -> str:
    """A sentence: as it stands when nothing in it can be markup, a link or a mention, else as a code span."""
    text = " ".join(str(value or "").split())
    plain = len(text) <= LONGEST and _SENTENCE.fullmatch(text) is not None and _LINKED.search(text) is None
    return text if plain else inline(text, LONGEST)


def code(value: object, missing: str = "none") -> str:
    """A name, path, commit or command as a code span; `missing` for nothing."""
    return inline(str(value)) if value not in (None, "") else missing


def listed(lines: Iterable[str], nothing: str = NOTHING) -> str:
    """Lines that are Markdown already as a list; the sentence `nothing` for an empty one."""
    return "\n".join(f"- {line}" for line in lines) or nothing


def numbered(lines: Sequence[str]) -> str:
    """Lines that are Markdown already as a numbered list."""
    return "\n".join(f"{place}. {line}" for place, line in enumerate(lines, 1)) or NOTHING


def table(head: Sequence[str], rows: Iterable[Sequence[str]], nothing: str = NOTHING) -> str:
    """Cells that are Markdown already as a table; the sentence `nothing` without a row.

    A bar inside a cell becomes a broken bar: readers differ in how one inside a code span is escaped, and a cell that
    one of them ends too early would let out what stands in it.
    """
    body = [_row(row) for row in rows]
    return "\n".join([_row(head), _row(["---"] * len(head)), *body]) if body else nothing


def rows_of(value: object) -> list[dict[str, Any]]:
    """The mappings of a list; [] for anything else. For parts of a report that others wrote."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\u00a6") for cell in cells) + " |"
