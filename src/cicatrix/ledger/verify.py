"""Checks an exported ledger against a head kept elsewhere. Imports the standard library and the Merkle tree alone.

What is checked for the line at position p, in this order: it is written exactly as an export writes it; its index is p;
the entry's own text bears index p; the head covers it; its leaf hash is that of its text; the leaf hash begins as the
head says; the root after it is that of all leaves so far. At the end, the size and the root are those of the head.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass

from cicatrix.core.merkle import Tree, leaf_hash

_PREFIX = 8
_HEX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadFile:
    """A head as read from its file. `prefixes` is None when it holds size and root only."""

    size: int
    root: str
    prefixes: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """`ok`, or the first bad entry and what is wrong with it.

    `first_bad` is None for a sound export, and when something was changed that the head cannot place (every hash was
    computed anew and the head holds no leaf prefixes). `size` counts the lines read.
    """

    ok: bool
    size: int
    first_bad: int | None = None
    problem: str = ""


def read_head(text: str) -> HeadFile:
    """A head file: JSON with `size`, `root` and, optionally, `leafPrefixes`. Raises `ValueError` when it is none."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ValueError(f"the head file is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise ValueError("the head file is not a JSON object")  # noqa: TRY004 -- one kind of error for one bad file
    size, root, prefixes = data.get("size"), data.get("root"), data.get("leafPrefixes")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValueError("the head file's `size` is not a whole number")
    if not isinstance(root, str) or not _is_hash(root):
        raise ValueError("the head file's `root` is not a SHA-256 in lower-case hex")
    if prefixes is None:
        return HeadFile(size=size, root=root)
    try:
        decoded = base64.b64decode(prefixes, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise ValueError("the head file's `leafPrefixes` is not base64") from error
    if len(decoded) != size * _PREFIX:
        raise ValueError(f"the head file's `leafPrefixes` holds {len(decoded)} bytes, {size * _PREFIX} are due")
    return HeadFile(size=size, root=root, prefixes=decoded)


def render(index: int, leaf: str, entry: str, root_after: str) -> str:
    """An export line, without its newline."""
    return json.dumps(
        {"index": index, "leafHash": leaf, "entry": entry, "rootAfter": root_after},
        separators=(",", ":"),
    )


def verify(lines: Iterable[str], head: HeadFile) -> Verification:
    """Check export lines against a head, in one pass and constant memory. The export must end where the head does."""
    tree = Tree()
    for position, line in enumerate(lines):
        problem = _bad_line(line.removesuffix("\n"), position, head, tree)
        if problem:
            return _bad(position, problem)
    if tree.size < head.size:
        return _bad(tree.size, f"is missing: the export ends here, the head says {head.size} entries")
    if tree.root().hex() != head.root:
        return Verification(
            ok=False,
            size=tree.size,
            problem="the root is not the head's: entries were changed and every hash was computed anew, and this head "
            "holds no leaf prefixes, so the entry cannot be named",
        )
    return Verification(ok=True, size=tree.size)


def _bad_line(line: str, position: int, head: HeadFile, tree: Tree) -> str | None:
    """What is wrong with the line at `position`, or None; adds its leaf to the tree."""
    fields = _fields(line)
    if fields is None:
        return "is not a line of an export"
    index, leaf, entry, root_after = fields
    if index != position:
        return f"has index {index} written on it: entries were removed, inserted or moved"
    if _own_index(entry) != position:
        return "bears another index in its own text: entries were removed, inserted or moved"
    if position >= head.size:
        return f"is not covered by the head, which says {head.size} entries: it was inserted, or the head is older"
    try:
        hashed = leaf_hash(entry.encode("utf-8"))
    except UnicodeEncodeError:
        return "holds text that is not Unicode"
    if hashed.hex() != leaf:
        return "does not have its leaf hash: its text or its hash was changed"
    if head.prefixes is not None and hashed[:_PREFIX] != head.prefixes[position * _PREFIX : (position + 1) * _PREFIX]:
        return "is not the entry that the head knows: it was changed and its hashes were computed anew"
    tree.append(hashed)
    if tree.root().hex() != root_after:
        return "does not lead to the root written after it"
    return None


def _fields(line: str) -> tuple[int, str, str, str] | None:
    """The four values of a line that is written exactly as `render` writes it."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or list(data) != ["index", "leafHash", "entry", "rootAfter"]:
        return None
    index, leaf, entry, root_after = data.values()
    if (
        not isinstance(index, int)
        or isinstance(index, bool)
        or not all(isinstance(text, str) for text in (leaf, entry, root_after))
    ):
        return None
    return (index, leaf, entry, root_after) if render(index, leaf, entry, root_after) == line else None


def _own_index(entry: str) -> int | None:
    try:
        data = json.loads(entry)
    except (ValueError, RecursionError):
        return None
    index = data.get("index") if isinstance(data, dict) else None
    return index if isinstance(index, int) and not isinstance(index, bool) else None


def _is_hash(text: str) -> bool:
    return len(text) == _HEX and set(text) <= set("0123456789abcdef")


def _bad(index: int, problem: str) -> Verification:
    return Verification(ok=False, size=index, first_bad=index, problem=f"entry {index} {problem}")
