"""Proofs that an entry stands in the log (RFC 6962 section 2.1.1)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from cicatrix.core.merkle import inclusion_proof, root

from .tables import entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """With `merkle.verify_inclusion`, shows that `leaf_hash` stands at `index` of the tree of `size`. Hashes in hex."""

    index: int
    size: int
    leaf_hash: str
    root: str
    path: tuple[str, ...]
    """Lowest sibling first."""


def prove(connection: Connection, index: int, size: int | None) -> Proof:
    """Prove an entry in the tree of the first `size` entries, by default all. Raises `IndexError` outside of it.

    Reads every leaf hash up to `size`.
    """
    stored = select(entries.c.leaf_hash).order_by(entries.c.idx)
    if size is not None:
        stored = stored.where(entries.c.idx < size)
    leaves = [bytes.fromhex(leaf) for (leaf,) in connection.execute(stored.execution_options(yield_per=1000))]
    if size is not None and size != len(leaves):
        raise IndexError(f"a tree of {size} entries is not stored: there are {len(leaves)}")
    path = inclusion_proof(leaves, index)
    return Proof(
        index=index,
        size=len(leaves),
        leaf_hash=leaves[index].hex(),
        root=root(leaves).hex(),
        path=tuple(sibling.hex() for sibling in path),
    )
