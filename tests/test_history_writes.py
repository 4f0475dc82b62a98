"""The law of other writes finds each way to break it, and nothing where it was kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from cicatrix.simulator import World
from tests.history import check
from tests.history_writes import KINDS, law_of_writes
from tests.simulator.support import REPO, client, shop, world

INTENDED = {"kind": "comment.intended", "operationId": "op-1", "at": "2026-11-21T12:00:00Z"}
REFUSED = {**INTENDED, "kind": "comment.refused"}


def commented(*marks: str) -> World:
    made = world()
    shop(made).pull_request(1)
    for mark in marks:
        client(made).post(f"{REPO}/issues/1/comments", json={"body": "x"}, headers={"x-request-id": mark})
    return made


def test_one_intent_and_one_effect_is_the_law() -> None:
    assert check(commented("op-1/1").history.dump(), [INTENDED]) == []
    assert check(commented("op-1/1").history.dump(), [], ours={"somebody else"}) == []


@pytest.mark.parametrize(
    ("marks", "entries", "says"),
    [
        (["op-2/1"], [INTENDED], "has no intent"),
        ([""], [INTENDED], "has no intent"),
        (["op-1/1"], [{**INTENDED, "kind": "label.intended"}], "has no intent"),
        (["op-1/1", "op-1/2"], [INTENDED], "had 2 effects"),
        (["op-1/1"], [INTENDED, REFUSED], "is refused, and yet"),
    ],
)
def test_a_broken_law_is_found(marks: list[str], entries: list[dict[str, str]], says: str) -> None:
    (found,) = check(commented(*marks).history.dump(), entries)
    assert says in found


def test_a_forced_push_is_found_without_any_mark(tmp_path: Path) -> None:
    made = world()
    repo = shop(made)
    repo.attach_git(tmp_path / "shop.git")
    for forced in (False, True):
        made.history.write(
            at=made.now,
            kind="push",
            repository=repo.full_name,
            repository_id=repo.id,
            login="octocat",
            call=1,
            detail={"ref": "refs/heads/main", "forced": forced},
        )
    (found,) = law_of_writes(made.history.dump(), [], None)
    assert "was forced" in found


def test_a_dispatch_of_a_workflow_is_no_rerun() -> None:
    made = world()
    shop(made).workflow(".github/workflows/go.yml", text="on: workflow_dispatch\njobs: {a: {runs-on: x}}\n")
    where = f"{REPO}/actions/workflows/go.yml/dispatches"
    client(made).post(where, json={"ref": "main"}, headers={"x-request-id": "op-1/1"})
    assert check(made.history.dump(), [{**INTENDED, "kind": "dispatch.intended"}]) == []


def test_every_kind_that_the_simulator_records_is_judged() -> None:
    rooms = Path(__file__).resolve().parents[1] / "src" / "cicatrix" / "simulator"
    text = "".join(path.read_text(encoding="utf-8") for path in rooms.glob("*.py"))
    assert [kind for kind in KINDS if f'"{kind}"' not in text] == []
