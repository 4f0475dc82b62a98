"""Guard removal in healing: a copy of the product, or of what is shipped, loses one guard, and its test goes red."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutants.breaking import ROOT, broken_copy
from tests.mutants.guards import Mutant
from tests.mutants.heal_guards import GUARDS, SHIPPED, Shipped
from tests.mutants.judges import Judges, judging
from tests.mutants.service_guards import Guard


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judges]:
    with judging(tmp_path_factory.mktemp("judges")) as process:
        yield process


def shown(guard: Guard | Shipped) -> str:
    return re.sub(r"\W+", "-", guard.name)


@pytest.mark.parametrize("guard", GUARDS, ids=shown)
def test_a_removed_guard_turns_its_test_red(guard: Guard, judges: Judges, tmp_path: Path) -> None:
    judges.turns_red(guard, tmp_path)


def test_every_named_test_is_green_while_the_guards_stand(judges: Judges, tmp_path: Path) -> None:
    judges.all_green(GUARDS, tmp_path)


def shipped_copy(judges: Judges, folder: Path) -> Path:
    """What is shipped, with the product and the tests that look at it, in a folder of its own."""
    broken_copy(Mutant("nothing", 0, ()), folder, source=judges.compiled)
    shutil.copytree(ROOT / ".github", folder / ".github")
    shutil.copyfile(ROOT / "action.yml", folder / "action.yml")
    without = shutil.ignore_patterns("node", "__pycache__")
    shutil.copytree(ROOT / "tests" / "shipped", folder / "tests" / "shipped", ignore=without)
    return folder


def outcomes(judges: Judges, copy: Path, tests: set[str]) -> set[str]:
    """Names of the tests that are red."""
    place = copy / "tests" / "shipped" / "test_workflows.py"
    seen = judges.run(copy, tuple(f"{place}::{test}" for test in sorted(tests)), first_only=False)
    assert {_function(name) for name in seen.outcomes} == tests, seen.printed
    return {_function(name) for name, why in seen.outcomes.items() if why != "passed"}


def _function(node: str) -> str:
    return node.partition("[")[0].rpartition("::")[2]


@pytest.mark.parametrize("guard", SHIPPED, ids=shown)
def test_a_guard_that_is_removed_from_a_workflow_turns_its_test_red(
    guard: Shipped, judges: Judges, tmp_path: Path
) -> None:
    copy = shipped_copy(judges, tmp_path)
    file = copy / guard.file
    text = file.read_text(encoding="utf-8")
    assert text.count(guard.old) == 1, (
        f"{guard.name!r} is stale: {guard.file} holds its text {text.count(guard.old)} times"
    )
    file.write_text(text.replace(guard.old, guard.new), encoding="utf-8")
    assert outcomes(judges, copy, {guard.test}) == {guard.test}


def test_the_tests_of_the_workflows_are_green_on_a_copy(judges: Judges, tmp_path: Path) -> None:
    assert outcomes(judges, shipped_copy(judges, tmp_path), {guard.test for guard in SHIPPED}) == set()


def test_guards_have_names_of_their_own() -> None:
    every = (*GUARDS, *SHIPPED)
    assert len({guard.name for guard in every}) == len(every) >= 150
