"""The ledger as JSON Lines, for `ledger verify` and for anyone's own verifier."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cicatrix.core.merkle import Tree

from .entries import EntryRow
from .verify import render


def export_lines(entries: Iterable[EntryRow]) -> Iterator[str]:
    """One line an entry, from the first on, each ending in a newline.

    A line holds `index`, `leafHash` (hex), `entry` (the hashed text, as a JSON string) and `rootAfter` (hex), in this
    order and without spaces. The stored leaf hashes are exported as they are: `verify` judges them.
    """
    tree = Tree()
    for entry in entries:
        tree.append(bytes.fromhex(entry.leaf_hash))
        yield render(entry.index, entry.leaf_hash, entry.body, tree.root().hex()) + "\n"
