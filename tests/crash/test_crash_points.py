"""SIGKILL at every commit, request and answer of the flow, enumerated: nothing twice, nothing lost, nothing unseen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.bound.kit import scratch
from tests.crash.stage import Forks, Stage, Walk
from tests.crash.stories import STORIES, Story

MOST_BOUNDARIES = 400


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    started = Forks()
    yield started
    started.close()


@pytest.mark.shows("RR-4", "RR-5", "RR-6", "GE-5", "LG-2", "IT-4", "F1", "F2", "F3")
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_crash_at_any_boundary_doubles_nothing_and_loses_nothing(story: Story, forks: Forks) -> None:
    walks: list[Walk] = []
    with scratch() as folder:
        stage = Stage(folder, forks)
        with stage.open() as server:
            for kill in range(1, MOST_BOUNDARIES):
                walks.append(stage.walk(story, server, kill))
                if not walks[-1].died:
                    break
    whole = walks[-1]
    assert not whole.died, f"more than {MOST_BOUNDARIES} boundaries"
    print(f"{story.name}: {figures(walks)}")
    wrong = [f"{walk.place}: {line}" for walk in walks for line in walk.violations]
    assert not wrong, f"{len(wrong)} violations, the first ones:\n" + "\n".join(wrong[:20])
    assert whole.effects == story.effects
    assert kinds(whole) >= {"ledger.commit.before", "ledger.commit.after", "request.before", "request.after"}
    assert {"github.post.before"} <= kinds(whole)


def kinds(walk: Walk) -> set[str]:
    return {line.partition(":")[0] for line in walk.trail}


def figures(walks: list[Walk]) -> str:
    ends: Counter[str] = Counter()
    for walk in walks:
        ends.update(walk.states)
    effects = Counter(walk.effects for walk in walks)
    by_kind = Counter(line.partition(":")[0] for line in walks[-1].trail)
    return (
        f"{len(walks) - 1} crashes ({', '.join(f'{n} {kind}' for kind, n in sorted(by_kind.items()))}); "
        f"operations ended {dict(sorted(ends.items()))}; effects {dict(sorted(effects.items()))}"
    )
