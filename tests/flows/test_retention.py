"""What is kept for a while only."""

from __future__ import annotations

import pytest

from cicatrix.flows.retention import INPUTS_KEPT, forget_what_is_old
from cicatrix.simulator import JobSpec
from tests.stage import Stage, broken


@pytest.mark.shows("LB-6", "PL-9")
def test_inputs_are_forgotten_after_half_a_year_and_nothing_else(stage: Stage) -> None:
    stage.red([JobSpec(id="unit", outcomes=broken())])
    stage.ask()
    assert forget_what_is_old(stage.ctx) == 0
    stage.world.advance(INPUTS_KEPT.total_seconds() - 3600)
    stage.red([JobSpec(id="unit", outcomes=broken())], number=2)
    stage.ask(2)
    with stage.ctx.ledger.read() as view:
        before, size = len(list(view.stored_inputs())), view.size()
    stage.world.advance(2 * 3600)
    assert forget_what_is_old(stage.ctx) == 1
    assert forget_what_is_old(stage.ctx) == 0, "once a day"
    with stage.ctx.ledger.read() as view:
        assert (before, len(list(view.stored_inputs()))) == (2, 1)
        assert view.size() == size
        assert len(view.attempts()) == 2
