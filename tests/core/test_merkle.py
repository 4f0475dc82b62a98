"""The Merkle tree against RFC 6962's own definition and against pymerkle, an independent implementation."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree
from pymerkle.proof import MerkleProof

from cicatrix.core.merkle import (
    EMPTY_ROOT,
    Tree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(f"entry {n}".encode()) for n in range(size)]


def test_hashes_follow_the_rfc() -> None:
    assert leaf_hash(b"x") == sha256(b"\x00x").digest()
    assert node_hash(b"l", b"r") == sha256(b"\x01lr").digest()
    assert Tree().root() == EMPTY_ROOT == sha256(b"").digest()


def test_a_tree_of_five_is_built_as_the_rfc_draws_it() -> None:
    a, b, c, d, e = leaves_of(5)
    assert root([a, b, c, d, e]) == node_hash(node_hash(node_hash(a, b), node_hash(c, d)), e)


@pytest.mark.shows("LG-6")
def test_roots_and_proofs_equal_those_of_pymerkle() -> None:
    theirs = InmemoryTree(algorithm="sha256")
    ours = Tree()
    data = [f"entry {n}".encode() for n in range(130)]
    roots = []
    for entry in data:
        theirs.append_entry(entry)
        ours.append(leaf_hash(entry))
        roots.append(ours.root())
        assert ours.root() == theirs.get_root()
    leaves = [leaf_hash(entry) for entry in data]
    seed = 20261121
    print(f"seed {seed}")
    draw = random.Random(seed)
    for _ in range(60):
        size = draw.randint(1, len(data))
        index = draw.randrange(size)
        path = inclusion_proof(leaves[:size], index)
        assert verify_inclusion(leaves[index], index, size, path, roots[size - 1])
        assert _hashes(theirs.prove_inclusion(index + 1, size)) == {leaves[index], *path}
        old = draw.randint(1, size)
        assert verify_consistency(old, roots[old - 1], size, roots[size - 1], consistency_proof(leaves[:size], old))


def _hashes(proof: MerkleProof) -> set[bytes]:
    return {bytes.fromhex(node) for node in proof.serialize()["path"]}


@given(st.integers(1, 70), st.data())
def test_inclusion_proofs_prove_their_leaf_and_no_other(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_proof(leaves, index)
    assert verify_inclusion(leaves[index], index, size, path, root(leaves))
    assert not verify_inclusion(leaf_hash(b"another"), index, size, path, root(leaves))
    other = data.draw(st.integers(-1, size + 1))
    if other != index:
        assert not verify_inclusion(leaves[index], other, size, path, root(leaves))
    if path:
        assert not verify_inclusion(leaves[index], index, size, path[:-1], root(leaves))
    assert not verify_inclusion(leaves[index], index, size, (*path, EMPTY_ROOT), root(leaves))


@given(st.integers(0, 70), st.data())
def test_consistency_proofs_prove_growth_and_nothing_else(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    old = data.draw(st.integers(0, size))
    path = consistency_proof(leaves, old)
    assert verify_consistency(old, root(leaves[:old]), size, root(leaves), path)
    if old:
        changed = [leaf_hash(b"changed"), *leaves[1:old]]
        assert not verify_consistency(old, root(changed), size, root(leaves), path)
        assert not verify_consistency(old, root(leaves[:old]), size, leaf_hash(b"another"), path)
    assert not verify_consistency(old, root(leaves[:old]), size, root(leaves), (*path, EMPTY_ROOT))
    assert not verify_consistency(size + 1, root(leaves), size, root(leaves), path)
    if path:
        assert not verify_consistency(old, root(leaves[:old]), size, root(leaves), path[:-1])


def test_proofs_beyond_the_tree_are_refused() -> None:
    leaves = leaves_of(3)
    with pytest.raises(IndexError, match="leaf 3 of a tree of 3"):
        inclusion_proof(leaves, 3)
    with pytest.raises(IndexError, match="4 leaves of a tree of 3"):
        consistency_proof(leaves, 4)
