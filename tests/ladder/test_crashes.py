"""A process that dies at any boundary of a climb, and the next one that goes on: nothing twice, and every case ends.

The boundaries are those of the house (`tests/crash`): before and after every commit of the ledger, every write to
GitHub and every push. The dying process is this one, by an exception that nothing catches; its memory is gone.
"""

from __future__ import annotations

import os
import sysconfig
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from cicatrix.core.cases import ENDED
from cicatrix.core.operations import OperationState
from cicatrix.flows.ladder.climb import climb, open_case
from tests.ladder.scene import ACTING, BAD, CHEAP, FINE, GOOD, Scene

TOOLS = {"PATH": f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"}
DIRECT = f"{ACTING}rollback: {{deliver: direct_push, upTo: merge, directPush: [main], mergePerDay: 1}}\n"
HEALS = f"{ACTING}remediation: {{allow: [python.ruff-format]}}\n"
FORMAT = "checks:\n  - {name: format, component: lint, command: [ruff, format, --check, --no-cache, src]}\n"
REF = "refs/heads/main"


class Died(BaseException):
    """The process ends here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """A story that goes well when nobody dies."""

    name: str
    lawbook: str
    break_it: Callable[[Scene], object]
    checks: str = CHEAP
    files: Mapping[str, str]
    writes: Mapping[str, int]
    """What it writes, each once."""


def bad_commit(scene: Scene) -> None:
    scene.commit(BAD, "Simplify")
    scene.commit(FINE, "Tell more")


def untidy(scene: Scene) -> None:
    scene.commit({"src/sums.py": "def add( a,b ):\n    return a + b\n"}, "Hurry")


PROPOSED = {"push": 1, "create-pull": 1, "repository-dispatch": 1, "create-comment": 1}
CLIMBS = (
    Climb(name="rollback", lawbook=ACTING, break_it=bad_commit, files=GOOD, writes=PROPOSED),
    Climb(
        name="direct push",
        lawbook=DIRECT,
        break_it=bad_commit,
        files=GOOD,
        writes={"push": 1, "repository-dispatch": 1},
    ),
    Climb(
        name="fix",
        lawbook=HEALS,
        break_it=untidy,
        checks=FORMAT,
        files={"src/sums.py": GOOD["src/sums.py"], "pyproject.toml": "[tool.ruff]\nline-length = 100\n"},
        writes=PROPOSED,
    ),
)


class Walk:
    """One climb whose process dies at boundary `kill`, counted from 1; 0 lets it live."""

    def __init__(self, folder: Path, story: Climb, kill: int) -> None:
        self.kill, self.story = kill, story
        self.trail: list[str] = []
        self.armed = False
        self.case_id = ""
        self.scene = Scene(
            folder, lawbook=story.lawbook, checks=story.checks, files=story.files, environ=TOOLS, boundary=self.pass_by
        )

    def pass_by(self, name: str) -> None:
        if self.armed:
            self.trail.append(name)
            if len(self.trail) == self.kill:
                self.armed = False
                raise Died(name)

    @property
    def died(self) -> bool:
        return len(self.trail) == self.kill

    def walk(self) -> list[str]:
        """Goes through the story, with one death on the way; what is wrong afterwards."""
        scene = self.scene
        self.story.break_it(scene)
        self.armed = True
        for step in (self.begin, self.validate_and_tick):
            try:
                step()
            except Died:
                scene.ctx.ledger.close()
                scene.ctx = scene.context()
                step()
        self.armed = False
        for _ in range(12):  # three hours: leases and windows end
            scene.world.advance(900)
            if scene.case(self.case_id).state in ENDED and not any(op.open for op in scene.operations()):
                break
            scene.run_validations(here=True)
            scene.ticks()
        return self.wrong()

    def begin(self) -> None:
        scene = self.scene
        head = scene.tip()
        assert head is not None
        case = open_case(scene.ctx, scene.home, ref=REF, head_sha=head, principal="system", automatic=True)
        self.case_id = self.case_id or case.id  # after a push of ours the tip is another one, and so is its case
        climb(scene.ctx, case.id)

    def validate_and_tick(self) -> None:
        self.scene.run_validations(here=True)
        self.scene.world.advance(20)
        self.scene.ticks()

    def wrong(self) -> list[str]:
        scene, found = self.scene, list[str]()
        written = scene.written
        found += [f"{written[kind]} times {kind}" for kind in written if written[kind] > self.story.writes.get(kind, 0)]
        bodies = Counter(c.body for pull in scene.repo.pulls.values() for c in pull.comments)
        found += [f"{n} comments of one body" for n in bodies.values() if n > 1]
        states = Counter(op.state for op in scene.operations())
        left = [op for op in scene.operations() if op.open]
        found += [f"operation {op.kind} {op.target} is still {op.state}" for op in left]
        case = scene.case(self.case_id)
        if case.state not in ENDED:
            found.append(f"the case is left in {case.state}: {case.note}")
        missing = [kind for kind in self.story.writes if written[kind] < self.story.writes[kind]]
        told = set(missing) <= {"create-comment"}  # telling holds nothing back, so a crash may swallow it
        if missing and not told and OperationState.INDETERMINATE not in states:
            found.append(f"{missing} never happened, and nothing is INDETERMINATE: {dict(states)}")
        return found


@pytest.mark.shows("GE-5", "RB-7", "RD-3", "RD-5", "IT-4", "F25", "F30")
@pytest.mark.parametrize("story", CLIMBS, ids=lambda story: story.name)
def test_a_crash_at_any_boundary_doubles_nothing_and_every_case_ends(story: Climb, tmp_path: Path) -> None:
    problems: list[str] = []
    good: list[str] = []
    ends: Counter[str] = Counter()
    for kill in range(400):
        folder = tmp_path / f"kill-{kill}"
        folder.mkdir()
        walk = Walk(folder, story, kill)
        try:
            problems += [f"{kill} {walk.trail[kill - 1] if kill else ''}: {line}" for line in walk.walk()]
            ends.update(f"{op.kind} {op.state.value}" for op in walk.scene.operations())
            if kill == 0:
                good = walk.trail
                assert dict(walk.scene.written) == dict(story.writes), walk.scene.written
        finally:
            walk.scene.close()
        if kill >= len(good):
            break
    print(f"{story.name}: {len(good)} crashes; operations ended {dict(sorted(ends.items()))}")
    assert not problems, "\n".join(problems[:30])
    kinds = {name.partition(":")[0] for name in good}
    assert kinds >= {"ledger.commit.before", "ledger.commit.after", "github.post.before", "git.push.before"}
