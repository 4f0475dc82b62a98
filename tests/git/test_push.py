"""Pushes over real HTTP to real repositories: what took effect, what did not, and what nobody knows."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cicatrix.core.facts import Receipt
from cicatrix.core.heal_reasons import HealReason
from cicatrix.git import Mirror, PushNotSent, PushRefused, PushUnanswered, Remote
from tests.git.http_remote import TOKEN, HttpRemote
from tests.git.races import RECEIPT, race
from tests.git.repositories import THEN, US, Maker, git, says

OURS = "cicatrix/revert/0123456789ab"


def reverted(mirror: Mirror, there: Maker) -> tuple[str, str]:
    """A tip, and a revert of it that waits in the mirror."""
    tip = there.commit({"a": b"2\n"}, there.commit({"a": b"1\n"}))
    mirror.fetch()
    return tip, mirror.revert(tip, tip=tip, author=US, date=THEN, message="Undo\n").sha


def hook(there: Maker, name: str, *lines: str) -> None:
    """A hook of the remote, as protection of a branch looks from outside."""
    path = there.folder / "hooks" / name
    path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    path.chmod(0o700)


def refusal(mirror: Mirror, sha: str, ref: str, expected: str | None) -> HealReason:
    with pytest.raises(PushRefused) as caught:
        mirror.push(sha, ref, expected=expected, receipt=RECEIPT)
    assert TOKEN not in f"{caught.value} {caught.value.diagnostics()}"
    return caught.value.reason


@pytest.mark.shows("RB-5")
def test_a_branch_of_our_own_is_made_and_read_back(mirror: Mirror, there: Maker) -> None:
    tip, sha = reverted(mirror, there)
    mirror.push(sha, OURS, expected=None, receipt=RECEIPT)
    assert mirror.remote_tip(OURS) == sha
    assert mirror.remote_tip("main") == tip
    mirror.push(sha, OURS, expected=None, receipt=RECEIPT)
    assert mirror.remote_tip(OURS) == sha


@pytest.mark.shows("RB-5")
def test_a_direct_push_moves_the_branch_forward(mirror: Mirror, there: Maker) -> None:
    tip, sha = reverted(mirror, there)
    mirror.push(sha, "refs/heads/main", expected=tip, receipt=RECEIPT)
    assert mirror.remote_tip("main") == sha


@pytest.mark.shows("RB-7")
def test_no_push_without_the_receipt_of_its_intent(mirror: Mirror, there: Maker) -> None:
    tip, sha = reverted(mirror, there)
    other = Receipt(operation_id="op-1", ledger_index=1, send=1, kind="rerun")
    for receipt in (None, "op-1", other):
        with pytest.raises(TypeError, match="Receipt"):
            mirror.push(sha, "main", expected=tip, receipt=receipt)  # type: ignore[arg-type] # what mypy refuses too
    assert mirror.remote_tip("main") == tip


@pytest.mark.shows("F25", "RB-5")
@pytest.mark.parametrize("inside", [False, True], ids=["before", "in-between"])
@pytest.mark.parametrize("content", ["other", "older", "root"])
def test_a_ref_that_somebody_made_meanwhile_is_left_alone(
    mirror: Mirror, there: Maker, served: HttpRemote, content: str, *, inside: bool
) -> None:
    tip, sha = reverted(mirror, there)
    theirs = {
        "other": there.commit({"x": b"1\n"}, branch="x"),
        "older": tip,
        "root": says(there.folder, "rev-parse", f"{tip}~1"),
    }

    def somebody() -> None:
        git(there.folder, "update-ref", f"refs/heads/{OURS}", theirs[content])

    if inside:
        served.before_receive = somebody
    else:
        somebody()
    assert refusal(mirror, sha, OURS, None) is HealReason.BRANCH_EXISTS
    assert mirror.remote_tip(OURS) == theirs[content]


@pytest.mark.shows("F25", "RB-5", "D8")
@pytest.mark.parametrize("inside", [False, True], ids=["before", "in-between"])
@pytest.mark.parametrize("moved", ["forward", "back", "gone"])
def test_a_branch_that_moved_meanwhile_is_left_alone(
    mirror: Mirror, there: Maker, served: HttpRemote, moved: str, *, inside: bool
) -> None:
    """Back is the worst: a plain push would be a fast-forward and bring back what somebody took away."""
    tip, sha = reverted(mirror, there)

    def somebody() -> None:
        if moved == "forward":
            there.commit({"b": b"1\n"}, tip)
        else:
            change = ["refs/heads/main", f"{tip}~1"] if moved == "back" else ["-d", "refs/heads/main"]
            git(there.folder, "update-ref", *change)

    if inside:
        served.before_receive = somebody
    else:
        somebody()
    assert refusal(mirror, sha, "main", tip) is HealReason.PUSH_REJECTED
    assert mirror.remote_tip("main") != sha


@pytest.mark.shows("F26", "RB-5", "B2", "D5")
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("error: GH006: Protected branch update failed for refs/heads/main.", HealReason.BRANCH_PROTECTED),
        ("error: GH013: Repository rule violations found for refs/heads/main.", HealReason.BRANCH_PROTECTED),
        ("Commits must have verified signatures.", HealReason.BRANCH_PROTECTED),
        (
            "refusing to allow a GitHub App to create or update workflow `ci.yml` without `workflows` permission",
            HealReason.WORKFLOWS_PERMISSION,
        ),
        (
            "refusing to allow an OAuth App to create or update workflow `x.yml` without `workflow` scope",
            HealReason.WORKFLOWS_PERMISSION,
        ),
    ],
)
def test_the_remotes_rules_are_told_apart_and_never_gone_around(
    mirror: Mirror, there: Maker, words: str, reason: HealReason
) -> None:
    tip, sha = reverted(mirror, there)
    hook(there, "pre-receive", f"cat >&2 <<'END'\n{words}\nEND", "exit 1")
    assert refusal(mirror, sha, "main", tip) is reason
    assert mirror.remote_tip("main") == tip


@pytest.mark.shows("F26")
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, HealReason.CREDENTIAL_INVALID),
        (403, HealReason.PERMISSION_MISSING),
        (404, HealReason.NOT_FOUND_OR_NO_ACCESS),
    ],
)
@pytest.mark.parametrize("late", [False, True], ids=["at-once", "at-the-push"])
def test_a_no_at_the_door_is_definite(
    mirror: Mirror, there: Maker, served: HttpRemote, status: int, reason: HealReason, *, late: bool
) -> None:
    tip, sha = reverted(mirror, there)
    served.status_of_receive, served.status_of_all = (status, None) if late else (None, status)
    assert refusal(mirror, sha, "main", tip) is reason
    served.status_of_all = None
    assert mirror.remote_tip("main") == tip


def test_a_wrong_token_is_an_invalid_credential(mirror: Mirror, there: Maker) -> None:
    tip, sha = reverted(mirror, there)
    stranger = Mirror(git=mirror.git, remote=Remote(mirror.remote.url, lambda: "another"))
    assert refusal(stranger, sha, "main", tip) is HealReason.CREDENTIAL_INVALID
    nobody = Mirror(git=mirror.git, remote=Remote(mirror.remote.url, lambda: None))
    assert refusal(nobody, sha, "main", tip) is HealReason.CREDENTIAL_INVALID


@pytest.mark.shows("F25")
def test_a_server_that_fails_before_the_push_got_nothing(mirror: Mirror, there: Maker, served: HttpRemote) -> None:
    tip, sha = reverted(mirror, there)
    served.status_of_all = 502
    with pytest.raises(PushNotSent):
        mirror.push(sha, "main", expected=tip, receipt=RECEIPT)


def test_a_host_that_is_not_there_got_nothing(mirror: Mirror, there: Maker) -> None:
    tip, sha = reverted(mirror, there)
    nowhere = Mirror(git=mirror.git, remote=Remote("http://127.0.0.1:1/house.git", lambda: TOKEN))
    with pytest.raises(PushNotSent):
        nowhere.push(sha, "main", expected=tip, receipt=RECEIPT)


@pytest.mark.shows("F25")
@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "502"])
def test_an_answer_that_never_came_is_settled_by_reading(
    mirror: Mirror, there: Maker, served: HttpRemote, fault: str
) -> None:
    tip, sha = reverted(mirror, there)
    served.drop_after_receive = fault == "drop_after"
    served.drop_before_receive = fault == "drop_before"
    served.status_of_receive = 502 if fault == "502" else None
    with pytest.raises(PushUnanswered) as caught:
        mirror.push(sha, "main", expected=tip, receipt=RECEIPT)
    assert TOKEN not in str(caught.value.diagnostics())
    assert mirror.remote_tip("main") == (sha if fault == "drop_after" else tip)


@pytest.mark.parametrize("late", [False, True], ids=["before", "while-pushing"])
def test_a_push_that_takes_too_long_is_stopped(mirror: Mirror, there: Maker, served: HttpRemote, *, late: bool) -> None:
    tip, sha = reverted(mirror, there)
    never = threading.Event()
    if late:
        served.before_receive = lambda: (never.wait(30), None)[1]
    else:
        served.hang.clear()
    hasty = Mirror(git=type(mirror.git)(folder=mirror.git.folder, timeout=1.5), remote=mirror.remote)
    with pytest.raises(PushUnanswered if late else PushNotSent):
        hasty.push(sha, "main", expected=tip, receipt=RECEIPT)
    never.set()
    served.hang.set()


@pytest.mark.shows("RB-5", "B2", "D8")
def test_no_word_of_force_reaches_git(mirror: Mirror, there: Maker, tmp_path: Path) -> None:
    tip, sha = reverted(mirror, there)
    told = tmp_path / "told"
    spy = tmp_path / "spy"
    spy.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {told}\nexec git "$@"\n')
    spy.chmod(0o700)
    watched = Mirror(git=type(mirror.git)(folder=mirror.git.folder, program=str(spy)), remote=mirror.remote)
    watched.push(sha, "main", expected=tip, receipt=RECEIPT)
    words = told.read_text().splitlines()
    assert f"{sha}:refs/heads/main" in words
    assert not [word for word in words if word.startswith(("+", "--force", "-f", "--delete", "-d", ":"))]
    assert TOKEN not in told.read_text()


@pytest.mark.shows("F25", "D8")
def test_a_hundred_races_lose_no_foreign_commit(tmp_path: Path) -> None:
    seed = 20260102
    print(f"seed {seed}")
    tally = race(100, seed, tmp_path)
    print(tally.ends)
    assert tally.wrong == []
    assert tally.lost == []
    assert tally.ends["pushed"] > 10
    assert tally.ends["push_rejected"] > 30
