"""One ladder: the case that began with a rerun goes on to remedy, validation and rollback under the same id."""

from __future__ import annotations

import os
import sysconfig
from typing import Any

import pytest

from cicatrix.core.cases import Case, CaseState
from cicatrix.core.policy import RerunRequest
from cicatrix.flows.reading import Target
from cicatrix.flows.registering import apply, read_plans
from cicatrix.flows.rerun import rerun_failed_jobs
from cicatrix.simulator import JobSpec, Outcome, SimPull, SimRun
from tests.core.registries import registry
from tests.ladder.conftest import Staged
from tests.ladder.scene import ACTING, ACTIONS, BAD, FINE, GOOD, Scene

CI = ".github/workflows/ci.yml"
TEXT = """\
name: CI
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps: [{run: make test}]
"""
ONCE = f"{ACTING}stopRules: {{cooldownMinutes: 0}}\n"
TOOLS = {"PATH": f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"}
FORMAT = """
checks:
  - {name: format, component: lint, command: [ruff, format, --check, --no-cache, .]}
  - {name: test, component: tests, command: [grep, -q, a + b, src/sums.py]}
"""


def with_reruns(scene: Scene) -> Scene:
    """The registry allows a rerun too, once a job."""
    listed = [{"actionType": name, "requireEvidence": False} for name in ACTIONS]
    rerun = {"actionType": "rerun_failed_jobs", "maxRetries": 1, "requireEvidence": False}
    tree = {
        "version": "1.1.0",
        "registryId": "scene",
        "repository": "acme/shop",
        "allowedActions": [*listed, rerun],
    }
    apply(scene.ctx, read_plans(scene.ctx, [registry(tree)]), "admin")
    return scene


def red_run(scene: Scene, pull: SimPull | None = None) -> SimRun:
    """A run whose runner goes away, each time: worth a rerun, and the rerun fails the same way."""
    scene.repo.workflow(CI, text=TEXT, jobs=[JobSpec(id="test", outcomes=[Outcome.lost_runner(seconds=5)], seconds=5)])
    return scene.repo.run(CI, pull_request=pull, branch=None if pull else "main", finished=True)


def asked(scene: Scene, run: SimRun) -> Case:
    """A person's rerun of the run, and everything that follows by itself."""
    target = Target(owner="acme", repository="shop", run_id=str(run.id))
    request = RerunRequest(request_id=f"of {run.id}", principal="cli:ada")
    answer = rerun_failed_jobs(scene.ctx, target, request)
    for _ in range(8):
        scene.world.advance(60)
        scene.ticks()
    with scene.ctx.ledger.read() as view:
        case = view.case_of_run(scene.home.host, scene.home.id, str(run.id))
    assert case is not None, answer
    return case


@pytest.mark.shows("RB-0", "RB-1", "IT-4")
def test_a_red_push_run_whose_rerun_fails_the_same_way_goes_on_to_the_rollback(staged: Staged) -> None:
    scene = with_reruns(staged(lawbook=ONCE, files={**GOOD, CI: TEXT}))
    bad = scene.commit(BAD, "Simplify")
    scene.commit(FINE, "Tell more")
    run = red_run(scene)
    case = asked(scene, run)
    assert run.attempt == 2
    assert case.state is CaseState.ROLLED_BACK, (case.state, case.note, scene.story(case.id))
    assert scene.repo.pulls[1].draft
    assert scene.text("src/sums.py", f"cicatrix/revert/{bad[:12]}") == GOOD["src/sums.py"]
    scene.run_validations(here=True)
    ended = scene.wait(case.id)
    assert ended.state is CaseState.CLOSED, ended.note
    story = scene.story(case.id)
    print("\n".join(story))
    assert one_page(story, "rerun", f"DRAFT {bad[:12]}", "push took effect", "pull request took effect")
    assert one_page(story, "pull request took effect", "validation asked for took effect", "validation success")


def one_page(story: list[str], *wanted: str) -> bool:
    """Whether these are told in this order."""
    places = [next((n for n, line in enumerate(story) if words in line), -1) for words in wanted]
    assert -1 not in places, (places, story)
    return places == sorted(places)


@pytest.mark.shows("RM-2", "RD-5", "VA-2")
def test_a_pull_requests_run_goes_on_to_a_fix_and_one_comment_tells_it(staged: Staged) -> None:
    lawbook = f"{ONCE}remediation: {{allow: [python.ruff-format]}}\n"
    files = {**GOOD, CI: TEXT, "pyproject.toml": "[tool.ruff]\nline-length = 100\n", "tests/test_sums.py": "A = 1\n"}
    scene = with_reruns(staged(lawbook=lawbook, checks=FORMAT, files=files, environ=TOOLS))
    untidy = scene.commit(
        {"src/sums.py": "def add(a,b):\n    return a + b\n"}, "Hurry", "change", parents=[scene.first]
    )
    pull = scene.repo.pull_request(5, head_branch="change")
    case = asked(scene, red_run(scene, pull))
    assert case.state is CaseState.DISPATCHED, (case.note, scene.story(case.id))
    draft = scene.repo.pulls[max(scene.repo.pulls)]
    assert (draft.head_ref, draft.base_ref) == (f"cicatrix/fix/{case.id}", "change")
    (first,) = pull.comments
    assert "fixes are proposed" in first.body
    scene.run_validations(here=True)
    ended = scene.wait(case.id)
    assert ended.state is CaseState.CLOSED, ended.note
    (told,) = pull.comments
    assert told.id == first.id
    assert "**success**" in told.body
    assert scene.tip("change") == untidy
    story = scene.story(case.id)
    assert one_page(story, "rerun", "python.ruff-format made", "push took effect", "validation success")


@pytest.mark.shows("T19")
def test_a_forks_run_never_goes_on(staged: Staged) -> None:
    lawbook = f"{ONCE}remediation: {{allow: [python.ruff-format]}}\n"
    scene = with_reruns(staged(lawbook=lawbook, files={**GOOD, CI: TEXT}))
    scene.commit(BAD, "Simplify")
    pull = scene.repo.pull_request(5, head_branch="theirs", fork=True)
    run = red_run(scene, pull)
    target = Target(owner="acme", repository="shop", run_id=str(run.id))
    rerun_failed_jobs(scene.ctx, target, RerunRequest(request_id="of a fork", principal="cli:ada"))
    for _ in range(8):
        scene.world.advance(60)
        scene.ticks()
    assert {kind for kind in scene.written if "rerun" not in kind} == set()
    assert not {"remedy.decided", "rollback.decided"} & set(scene.kinds())


@pytest.mark.shows("RB-0")
def test_where_the_lawbook_only_watches_the_ladder_ends_with_the_rerun(staged: Staged) -> None:
    scene = with_reruns(staged(lawbook=ONCE.replace("mode: act", "mode: shadow"), files={**GOOD, CI: TEXT}))
    scene.commit(BAD, "Simplify")
    case = asked(scene, red_run(scene))
    assert case.state is CaseState.HANDED_OVER, case
    told: Any = scene.written
    assert not {"push", "create-pull", "repository-dispatch"} & set(told)
