"""Decision 18: the repository's code runs for the command whose caller asked for it, and for no tick after it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cicatrix.core.cases import CaseState
from cicatrix.flows.gate import row_of
from cicatrix.flows.ladder.climb import climb, here, open_case
from cicatrix.flows.ladder.measuring import measure_commit
from cicatrix.flows.ladder.rung import climb_of
from tests.ladder.conftest import Staged
from tests.ladder.scene import BAD, IN_CI


@pytest.mark.shows("RM-3", "RB-1")
def test_a_tick_without_leave_measures_nothing_of_a_case_that_a_gate_opened(staged: Staged) -> None:
    scene = staged(deployment=replace(IN_CI, run_checks=False))
    tip = scene.commit(BAD, "Simplify")
    case = open_case(scene.ctx, scene.home, ref="refs/heads/main", head_sha=tip, principal="cli:ada")
    mirror = scene.ctx.workshop.mirror(scene.home)
    mirror.fetch()
    found = measure_commit(climb_of(scene.ctx, case), mirror, tip, "gate")  # as the gate that opened it did
    with scene.ctx.ledger.write("gate") as tx:
        tx.record_measurement(row_of(scene.home, found, "refs/heads/main"))
    with scene.ctx.ledger.read() as view:
        before = len(view.measurements(scene.home.host, scene.home.id))
    scene.ticks()
    ended = scene.case(case.id)
    assert ended.state is CaseState.HANDED_OVER
    assert ended.note.startswith("code_not_run_here"), ended.note
    with scene.ctx.ledger.read() as view:
        assert len(view.measurements(scene.home.host, scene.home.id)) == before
    assert scene.tip() == tip


def test_the_command_that_asks_for_it_runs_the_code_in_its_own_call(staged: Staged) -> None:
    scene = staged(deployment=replace(IN_CI, run_checks=False))
    bad = scene.commit(BAD, "Simplify")
    case = open_case(scene.ctx, scene.home, ref="refs/heads/main", head_sha=bad, principal="cli:ada")
    assert climb(here(scene.ctx), case.id).state is CaseState.ROLLED_BACK
    assert not scene.ctx.deployment.run_checks
