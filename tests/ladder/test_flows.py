"""The ladder end to end: real git, real checks, a real second process that validates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cicatrix.core.cases import CaseState
from tests.ladder.scene import BAD, FINE, GOOD, Scene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.close()


@pytest.mark.shows("RB-0", "RB-1", "RB-5", "RB-9", "VA-1")
def test_a_bad_commit_on_the_default_branch_is_reverted_as_a_validated_draft(scene: Scene) -> None:
    bad = scene.commit(BAD, "Simplify")
    tip = scene.commit(FINE, "Tell more")
    after = scene.climbed()
    assert after.state is CaseState.ROLLED_BACK, after.note
    draft = scene.repo.pulls[1]
    assert draft.draft
    assert scene.text("src/sums.py", f"cicatrix/revert/{bad[:12]}") == GOOD["src/sums.py"]
    assert scene.tip() == tip
    assert scene.run_validations() == 1
    ended = scene.wait(after.id)
    assert ended.state is CaseState.CLOSED, ended.note
