"""Guard removal: each law is broken on purpose, and the simulation finds it within 200 seeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.breaking import SEEDS, broken_copy, search
from tests.mutants.guards import MUTANTS, Change, Mutant

SHOWS = {
    1: ("RR-4", "RR-8"),
    2: ("RR-7", "RR-10", "RR-11"),
    3: ("RR-5", "RR-6", "RR-14", "GE-5"),
    4: ("GE-4", "RR-15"),
    5: ("F36",),
}


@pytest.mark.parametrize(
    "mutant", [pytest.param(m, marks=pytest.mark.shows(*SHOWS[m.law]), id=m.name.replace(" ", "-")) for m in MUTANTS]
)
def test_a_removed_guard_is_found(mutant: Mutant, tmp_path: Path) -> None:
    found, printed = search(mutant, tmp_path)
    assert found, f"law {mutant.law} was broken ({mutant.name}), and {SEEDS} seeds did not see it:\n{printed[-3000:]}"


def test_every_one_of_laws_1_to_5_is_broken() -> None:
    assert {mutant.law for mutant in MUTANTS} == {1, 2, 3, 4, 5}


def test_a_stale_mutant_fails_loudly(tmp_path: Path) -> None:
    stale = Mutant("no such guard", 1, (Change("core/policy.py", "this text stands nowhere", ""),))
    with pytest.raises(AssertionError, match="is stale"):
        broken_copy(stale, tmp_path)
