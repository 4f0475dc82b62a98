"""Guard removal in the service: a copy of the product loses one guard, and the test that is named for it goes red.

Copies are judged by forks of one process that has imported everything but the product, which saves a second each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutants.judges import Judges, judging
from tests.mutants.service_guards import GUARDS, Guard


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judges]:
    with judging(tmp_path_factory.mktemp("judges")) as process:
        yield process


@pytest.mark.parametrize("guard", [pytest.param(g, id=re.sub(r"\W+", "-", g.name)) for g in GUARDS])
def test_a_removed_guard_turns_its_test_red(guard: Guard, judges: Judges, tmp_path: Path) -> None:
    judges.turns_red(guard, tmp_path)


def test_every_named_test_is_green_while_the_guards_stand(judges: Judges, tmp_path: Path) -> None:
    judges.all_green(GUARDS, tmp_path)


def test_guards_have_names_of_their_own() -> None:
    assert len({guard.name for guard in GUARDS}) == len(GUARDS) >= 35
