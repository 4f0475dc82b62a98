"""RB-6: a label on the pull request that brought a commit keeps it from being rolled back by anybody's machine."""

from __future__ import annotations

import pytest

from cicatrix.core.cases import CaseState
from cicatrix.flows.ladder.climb import climb, open_case
from tests.ladder.conftest import Staged
from tests.ladder.scene import BAD


@pytest.mark.shows("RB-6")
def test_a_label_on_the_pull_request_opts_its_commit_out(staged: Staged) -> None:
    scene = staged()
    scene.commit(BAD, "Simplify", branch="change", parents=[scene.first])
    pull = scene.repo.pull_request(7, head_branch="change")
    scene.world.merge(pull)
    pull.labels.append("cicatrix:off")
    tip = scene.tip()
    assert tip is not None
    case = open_case(scene.ctx, scene.home, ref="refs/heads/main", head_sha=tip, principal="cli:ada")
    ended = climb(scene.ctx, case.id)
    assert ended.state is CaseState.HANDED_OVER
    assert ended.note.startswith("opted_out"), ended.note
    assert "#7" in ended.note
    assert scene.tip(f"cicatrix/revert/{tip[:12]}") is None
