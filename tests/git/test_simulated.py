"""The room against the simulated GitHub: its rules, its words, and its record of every push."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cicatrix.core.heal_reasons import HealReason
from cicatrix.git import Mirror, PushRefused, Remote, changes
from cicatrix.simulator import World
from cicatrix.simulator.git_remote import serve_git
from tests.git.races import RECEIPT
from tests.git.repositories import THEN, US

CI = ".github/workflows/ci.yml"


@pytest.fixture
def world() -> Iterator[World]:
    world = World(now=THEN, seed=1)
    for name, rights in {"all": "write", "few": "write", "reader": "read"}.items():
        extra = {"workflows": "write"} if name == "all" else {}
        world.token(name, login="octocat", kind="actions", permissions={"contents": rights, **extra})
    repo = world.repository("acme/shop")
    repo.file("README.md", "hello\n")
    yield world
    world.close_git()


def mirror_of(world: World, folder: Path, token: str) -> Mirror:
    world.repository("acme/shop").attach_git(folder / "shop.git")
    url = f"{serve_git(world).url}/acme/shop.git"
    mirror = Mirror.open(folder / "mirror", Remote(url, lambda: token))
    mirror.fetch()
    return mirror


def prepared(mirror: Mirror, *, path: str = "README.md") -> tuple[str, str]:
    tip = mirror.tip("main")
    assert tip is not None
    with mirror.worktree(tip) as folder:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"on: push\n")
        sha = changes.commit_changes(mirror.git, folder, parent=tip, author=US, date=THEN, message="Fix\n")
    assert sha is not None
    return tip, sha


def refusal(mirror: Mirror, sha: str, tip: str) -> HealReason:
    with pytest.raises(PushRefused) as caught:
        mirror.push(sha, "main", expected=tip, receipt=RECEIPT)
    assert mirror.remote_tip("main") == tip
    return caught.value.reason


@pytest.mark.shows("RB-5", "F25")
def test_a_push_is_recorded_with_its_operation_and_without_force(world: World, tmp_path: Path) -> None:
    mirror = mirror_of(world, tmp_path, "all")
    tip, sha = prepared(mirror)
    mirror.push(sha, "main", expected=tip, receipt=RECEIPT)
    (push,) = [effect for effect in world.history.effects if effect["kind"] == "push"]
    assert push["detail"] == {"ref": "refs/heads/main", "old": tip, "new": sha, "forced": False}
    assert push["clientRequestId"] == "op-1/1"


@pytest.mark.shows("F26")
@pytest.mark.parametrize(
    "rules", [{"pull_request": True}, {"signatures": True}, {"merge_queue": True}, {"checks": ("build",)}]
)
@pytest.mark.parametrize("ruleset", [False, True])
def test_every_rule_of_a_branch_is_seen_as_protection(
    world: World, tmp_path: Path, rules: dict[str, Any], *, ruleset: bool
) -> None:
    mirror = mirror_of(world, tmp_path, "all")
    world.repository("acme/shop").protect("main", **rules, ruleset=ruleset)
    tip, sha = prepared(mirror)
    assert refusal(mirror, sha, tip) is HealReason.BRANCH_PROTECTED


@pytest.mark.shows("F26", "RB-5", "D5")
@pytest.mark.parametrize(
    ("token", "path", "reason"),
    [
        ("few", CI, HealReason.WORKFLOWS_PERMISSION),
        ("reader", "README.md", HealReason.PERMISSION_MISSING),
        ("wrong", "README.md", HealReason.CREDENTIAL_INVALID),
    ],
)
def test_a_missing_right_is_named(world: World, tmp_path: Path, token: str, path: str, reason: HealReason) -> None:
    reading = mirror_of(world, tmp_path, "all")
    tip, sha = prepared(reading, path=path)
    pushing = Mirror(git=reading.git, remote=Remote(reading.remote.url, lambda: token))
    with pytest.raises(PushRefused) as caught:
        pushing.push(sha, "main", expected=tip, receipt=RECEIPT)
    assert caught.value.reason is reason
    assert reading.remote_tip("main") == tip
