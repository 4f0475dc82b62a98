"""Several workers on one case: whoever is second writes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from cicatrix.core.cases import CaseState
from cicatrix.flows.context import Context
from cicatrix.flows.ladder.climb import open_case
from cicatrix.flows.tick import tick
from tests.ladder.conftest import Staged
from tests.ladder.scene import BAD, FINE, Scene

ROUNDS = 6


def opened(scene: Scene) -> str:
    """A case that nobody has looked at yet."""
    scene.commit(BAD, "Simplify")
    tip = scene.commit(FINE, "Tell more")
    case = open_case(scene.ctx, scene.home, ref="refs/heads/main", head_sha=tip, principal="system", automatic=True)
    return case.id


def side_by_side(workers: list[Context], work: Callable[[Context], object]) -> list[BaseException]:
    """All workers at once, each in a thread of its own; what went wrong in them."""
    start = threading.Barrier(len(workers))
    wrong: list[BaseException] = []

    def run(ctx: Context) -> None:
        start.wait(30)
        try:
            work(ctx)
        except Exception as trouble:  # noqa: BLE001 -- a thread tells what went wrong in it, whatever it is
            wrong.append(trouble)

    threads = [threading.Thread(target=run, args=(ctx,)) for ctx in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    return wrong


@pytest.mark.shows("RB-7", "IT-4", "B11")
def test_workers_that_tick_one_case_at_once_make_one_push_and_one_draft(staged: Staged) -> None:
    scene = staged()
    case_id = opened(scene)
    workers = [scene.ctx, *(scene.context() for _ in range(2))]
    for _ in range(ROUNDS):
        wrong = side_by_side(workers, tick)
        assert not wrong, wrong
        scene.run_validations(here=True)
        scene.world.advance(20)
    assert scene.case(case_id).state is CaseState.CLOSED, scene.case(case_id).note
    assert scene.written == {"push": 1, "create-pull": 1, "repository-dispatch": 1, "create-comment": 1}
    assert scene.kinds().count("rollback.decided") == 1


@pytest.mark.shows("RB-7", "GE-5")
@pytest.mark.parametrize("where", ["git.push.before", "github.post.before"])
def test_a_worker_that_stalls_past_its_lease_writes_nothing_twice(staged: Staged, where: str) -> None:
    scene = staged()
    case_id = opened(scene)
    stalled: list[str] = []

    def boundary(name: str) -> None:
        if name == where and not stalled:
            stalled.append(name)
            scene.world.advance(2 * 3600)
            scene.boundary = lambda _: None
            second = scene.context()
            for _ in range(6):
                tick(second)
                scene.world.advance(60)

    scene.boundary = boundary
    scene.deploy()
    scene.ticks()
    assert stalled
    for _ in range(10):
        scene.run_validations(here=True)
        scene.wait(case_id, 600)
    assert scene.case(case_id).state in {CaseState.HANDED_OVER, CaseState.CLOSED}
    assert max(scene.written.values()) == 1, scene.written
    assert not [op for op in scene.operations() if op.open]


@pytest.mark.shows("RB-6", "RB-7")
def test_two_cases_of_one_branch_are_rolled_back_one_after_the_other(staged: Staged) -> None:
    scene = staged()
    first = opened(scene)
    tip = scene.commit({"NEWS.md": "News\n"}, "Tell news")
    second = open_case(
        scene.ctx, scene.home, ref="refs/heads/main", head_sha=tip, principal="system", automatic=True
    ).id
    assert first != second
    workers = [scene.ctx, scene.context()]
    for _ in range(4):
        wrong = side_by_side(workers, tick)
        assert not wrong, wrong
        scene.world.advance(1)
    states = sorted(scene.case(one).state.value for one in (first, second))
    assert states == ["handed_over", "rolled_back"], [scene.case(one).note for one in (first, second)]
    assert scene.written["push"] == scene.written["create-pull"] == 1
