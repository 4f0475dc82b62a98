"""Text of strangers inside Markdown that stays text: CommonMark 0.31 (https://spec.commonmark.org/0.31.2/).

A fenced block ends only at a fence as long as its own (section 4.5), a code span only at a run of as many backticks
(section 6.1). Both are made longer than every run of backticks inside. Code is also where GitHub looks for no mention,
no link and no reference (https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting).
"""

from __future__ import annotations

import re
import unicodedata

from cicatrix.core.redact import redact

NAME_LENGTH = 200
"""Characters of a name at most."""

_RUNS = re.compile("`+")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def fenced(text: str) -> str:
    """The text as a fenced block of plain text: redacted, without control characters, with a fence it cannot close."""
    body = seen(text)
    fence = "`" * max(3, _longest_run(body) + 1)
    return f"{fence}text\n{body}\n{fence}"


def inline(text: str, most: int = NAME_LENGTH) -> str:
    """A name, path or URL as a code span of one line, cut at `most` characters; `(none)` when nothing of it shows."""
    body = " ".join(seen(text).split())
    if not body:
        return "(none)"
    if len(body) > most:
        body = body[: most - 1] + "\u2026"
    mark = "`" * (_longest_run(body) + 1)
    # a backtick at either end would join the mark; the blanks beside the marks are stripped again by the reader
    pad = " " if body.startswith("`") or body.endswith("`") else ""
    return f"{mark}{pad}{body}{pad}{mark}"


def seen(text: str) -> str:
    """The text redacted, and without any character that shows nothing or turns the reading direction."""
    cleaned = redact(text).replace("\t", "    ")
    return "".join(c for c in cleaned if c == "\n" or unicodedata.category(c) not in _UNSEEN)


def _longest_run(text: str) -> int:
    return max((len(run) for run in _RUNS.findall(text)), default=0)
