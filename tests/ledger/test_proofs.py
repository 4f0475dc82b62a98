"""Inclusion proofs as the ledger gives them, judged by the core's verifier and by the head file."""

from __future__ import annotations

import pytest

from cicatrix.core.merkle import leaf_hash, verify_inclusion
from cicatrix.ledger import Ledger, Proof


def holds(proof: Proof, body: str) -> bool:
    return verify_inclusion(
        leaf_hash(body.encode()),
        proof.index,
        proof.size,
        [bytes.fromhex(sibling) for sibling in proof.path],
        bytes.fromhex(proof.root),
    )


@pytest.fixture
def nine(ledger: Ledger) -> Ledger:
    for n in range(9):
        with ledger.write("fill") as tx:
            tx.append("test.entry", {"n": n})
    return ledger


@pytest.mark.shows("VF-3", "LG-6")
def test_every_entry_is_proven_in_every_tree_that_holds_it(nine: Ledger) -> None:
    with nine.read() as view:
        bodies = [entry.body for entry in view.entries()]
        for size in range(1, 10):
            roots = set()
            for index in range(size):
                proof = view.proof(index, size)
                assert (proof.index, proof.size) == (index, size)
                assert proof.leaf_hash == leaf_hash(bodies[index].encode()).hex()
                assert holds(proof, bodies[index])
                assert not holds(proof, bodies[index] + " ")
                roots.add(proof.root)
            assert len(roots) == 1
        assert view.proof(4) == view.proof(4, 9)
        assert view.proof(4).root == view.head().root


@pytest.mark.parametrize(
    ("index", "size"), [(9, None), (-1, None), (3, 3), (0, 0), (0, 10), (0, -1), (5, 4), (-1, 3), (10**9, None)]
)
def test_what_is_not_in_the_log_has_no_proof(nine: Ledger, index: int, size: int | None) -> None:
    with nine.read() as view, pytest.raises(IndexError, match="tree of"):
        view.proof(index, size)


def test_an_empty_log_proves_nothing(ledger: Ledger) -> None:
    with ledger.read() as view, pytest.raises(IndexError, match="tree of"):
        view.proof(0)
