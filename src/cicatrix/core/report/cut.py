"""Markdown within a limit of GitHub: whole, or cut at a line with a last paragraph that says so."""

from __future__ import annotations

import re

FIELD = 65_535
"""Characters of a field of a check run
(https://docs.github.com/en/rest/checks/runs#create-a-check-run); counted here as bytes, which are never fewer."""

_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_NOTICE = "\n---\n\n**Cut here:** {left_out} of {whole} bytes are not shown. {limit}\n"


def within(markdown: str, most: int, limit: str) -> str:
    """The Markdown in at most so many bytes of UTF-8; `limit` is the sentence that says whose limit it is.

    A fenced block that the cut falls into is closed first, so that the last paragraph is read as one. Nothing at all
    when not even that paragraph has room.
    """
    whole = _size(markdown)
    if whole <= most:
        return markdown
    room = most - _size(_NOTICE.format(left_out=whole, whole=whole, limit=limit))
    if room < 0:
        return ""
    kept, used, fence = [], 0, ""
    for line in _LINES.findall(markdown):
        after = fence_after(fence, line)
        if used + _size(line) + len(after) + 1 > room:  # 1: the line feed behind a closing fence
            break
        kept.append(line)
        used, fence = used + _size(line), after
    closed = f"{fence}\n" if fence else ""
    return "".join(kept) + closed + _NOTICE.format(left_out=whole - used, whole=whole, limit=limit)


def fence_after(fence: str, line: str) -> str:
    """The fence of backticks that is open behind the line, when this one was open before it; "" for none."""
    run = line[: len(line) - len(line.lstrip("`"))]
    if fence:
        return "" if len(run) >= len(fence) and line.strip() == run else fence
    return run if len(run) >= 3 and "`" not in line[len(run) :] else ""


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
