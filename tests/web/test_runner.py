"""The engine's thread: one tick at a time, troubles survived, stopped at once."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from cicatrix.engine.runner import Runner
from cicatrix.flows.context import Context
from cicatrix.github import Unanswered
from cicatrix.simulator import JobSpec
from tests.stage import Stage, lost


def test_what_goes_wrong_in_one_tick_does_not_end_the_next(tmp_path: Path) -> None:
    ctx = Stage(tmp_path).ctx
    troubles: list[Exception] = [Unanswered("x", why="y"), ValueError("a fault"), Unanswered("x", why="y")]
    done, running, most = threading.Event(), [0], [0]

    def wake(_ctx: Context) -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        try:
            if troubles:
                raise troubles.pop()
            done.set()
        finally:
            running[0] -= 1

    runner = Runner([ctx, ctx], 0.001, wake=wake)
    runner.start()
    assert done.wait(20)
    states = [runner.alive]
    assert runner.stop(10)
    states.append(runner.alive)
    assert states == [True, False]
    assert most == [1]


def test_it_stops_within_a_second_whatever_the_interval(tmp_path: Path) -> None:
    runner = Runner([Stage(tmp_path).ctx], 3600.0)
    runner.start()
    began = time.monotonic()
    assert runner.stop(5)
    assert time.monotonic() - began < 1


@pytest.mark.shows("RR-14")
def test_it_judges_a_rerun_that_nobody_asks_about(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.red([JobSpec(id="test", outcomes=lost())])
    assert stage.ask()["decision"] == "RERUN_TRIGGERED"
    stage.world.advance(3600)
    closed = False
    runner = Runner([stage.ctx], 0.01)
    runner.start()
    until = time.monotonic() + 20
    while not closed and time.monotonic() < until:
        stage.world.advance(60)
        with stage.ctx.ledger.read() as view:
            cases = view.list_cases().items
        closed = cases[0].state == "closed"
    assert runner.stop(10)
    assert closed
