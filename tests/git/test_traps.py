"""Nothing that a repository, a checkout or the caller's environment brings along is ever run (T23)."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest

from cicatrix.git import Mirror, RevertRefused, local_worktree
from tests.git import traps
from tests.git.http_remote import HttpRemote
from tests.git.races import RECEIPT
from tests.git.repositories import THEN, US, Content, Maker, git, says

LINES = b"".join(b"line %d\n" % n for n in range(20))


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    place = tmp_path / "marks"
    place.mkdir()
    return place


def bare_inside() -> dict[str, Content]:
    """A bare repository as ordinary files of a tree, whose configuration would run a program."""
    return {
        "inner/HEAD": b"ref: refs/heads/main\n",
        "inner/objects/x": b"",
        "inner/refs/x": b"",
        "inner/config": b"[core]\n\tbare = true\n\tfsmonitor = false; : > mark\n",
    }


def story(there: Maker) -> tuple[str, str]:
    files: dict[str, Content] = {
        ".gitattributes": traps.ATTRIBUTES,
        ".gitmodules": b'[submodule "x"]\n\tpath = sub\n\turl = ext::sh -c x\n\tupdate = !x\n',
        "sub": ("160000", b"ab" * 20),
        "a": LINES,
        "link": ("120000", b".git/hooks"),
        **bare_inside(),
    }
    first = there.commit(files)
    bad = there.commit({"a": LINES.replace(b"line 3\n", b"broken\n")}, first)
    return bad, there.commit({"a": LINES.replace(b"line 3\n", b"broken\n") + b"more\n"}, bad)


def whole_walk(mirror: Mirror, target: str, tip: str) -> None:
    """Everything that the room does, once."""
    mirror.fetch()
    with mirror.worktree(tip) as folder:
        (folder / "a").write_bytes(LINES)
        fix = mirror.commit_changes(folder, parent=tip, author=US, date=THEN, message="Fix\n")
    assert fix is not None
    mirror.diff(tip, fix)
    mirror.file(fix, "a")
    mirror.history(tip, 10)
    mirror.descendants_touching(target, tip)
    mirror.reverted_by(target, tip)
    made = mirror.revert(target, tip=tip, author=US, date=THEN, message="Undo\n")
    mirror.push(made.sha, "cicatrix/revert/0123456789ab", expected=None, receipt=RECEIPT)
    with contextlib.suppress(RevertRefused):
        mirror.revert(target, tip=target, author=US, date=THEN, message="Undo\n")


@pytest.mark.shows("T23", "RB-3")
def test_a_hostile_tree_and_a_hostile_environment_run_nothing(
    mirror: Mirror, there: Maker, marks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, tip = story(there)
    for key, value in traps.environment(marks).items():
        monkeypatch.setenv(key, value)
    git_program = Path(traps.script(marks, "git"))
    whole_walk(mirror, target, tip)
    assert git_program.exists()
    assert traps.left(marks) == []


@pytest.mark.shows("T23", "RB-3")
def test_traps_inside_the_mirror_itself_do_not_spring(mirror: Mirror, there: Maker, marks: Path) -> None:
    """Nobody but us writes there; should somebody, the command line still outweighs what is written."""
    target, tip = story(there)
    traps.arm(mirror.git.folder, mirror.git.folder, marks)
    whole_walk(mirror, target, tip)
    assert traps.left(marks) == []


@pytest.mark.shows("T23")
def test_a_hostile_checkout_is_copied_and_nothing_of_it_runs(there: Maker, marks: Path, tmp_path: Path) -> None:
    _, tip = story(there)
    checkout = tmp_path / "checkout"
    subprocess.run(["git", "clone", "-q", str(there.folder), str(checkout)], check=True, capture_output=True)
    traps.arm(checkout, checkout / ".git", marks)
    (checkout / "a").write_bytes(b"changed\n")
    (checkout / ".git" / "objects" / "info" / "alternates").write_text("/nowhere\n")
    before = fingerprint(checkout)
    with local_worktree(checkout) as tree:
        assert (tree.path / "a").read_bytes() == LINES.replace(b"line 3\n", b"broken\n") + b"more\n"
        assert tree.sha == tip
        assert tree.facts.dirty
    assert traps.left(marks) == []
    assert fingerprint(checkout) == before


def fingerprint(folder: Path) -> list[tuple[str, int, int]]:
    """Every file with its time of change, so that any write shows."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files)


@pytest.mark.shows("T23")
def test_the_traps_work(there: Maker, marks: Path, tmp_path: Path) -> None:
    """A check of the test: plain git steps into them."""
    story(there)
    checkout = tmp_path / "checkout"
    subprocess.run(["git", "clone", "-q", str(there.folder), str(checkout)], check=True, capture_output=True)
    traps.arm(checkout, checkout / ".git", marks)
    (checkout / "a").write_bytes(b"changed\n")
    for words in (["status"], ["diff", "HEAD~1", "HEAD"], ["-c", "commit.gpgSign=false", "commit", "-qam", "x"]):
        git(checkout, *words, ok=False)
    assert {"fsmonitor", "diff-command", "process", "reference-transaction", "pre-commit"} <= set(traps.left(marks))


@pytest.mark.shows("T23", "RM-3")
def test_a_command_in_a_worktree_cannot_reach_the_mirror(
    mirror: Mirror, there: Maker, marks: Path, served: HttpRemote
) -> None:
    target, tip = story(there)
    mirror.fetch()
    before = says(mirror.git.folder, "for-each-ref")
    with mirror.worktree(tip) as folder:
        shared = [p for p in (folder / ".git").rglob("*") if p.is_file() and p.stat().st_nlink > 1]
        assert shared == []
        assert not (folder / ".git" / "objects" / "info" / "alternates").exists()
        assert str(mirror.git.folder) not in (folder / ".git" / "config").read_text()
        assert served.url("") not in (folder / ".git" / "config").read_text()
        traps.arm(folder, folder / ".git", marks)
        (folder / "a").write_bytes(b"foreign\n")
        git(
            folder, "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "update-ref", "refs/heads/main", tip
        )
        for path in marks.iterdir():
            path.unlink()
        fix = mirror.commit_changes(folder, parent=tip, author=US, date=THEN, message="Fix\n")
    assert fix is not None
    assert mirror.file(fix, "a") == b"foreign\n"
    assert says(mirror.git.folder, "for-each-ref") == before
    assert traps.left(marks) == []
    assert not folder.exists()
    assert mirror.revert(target, tip=tip, author=US, date=THEN, message="Undo\n").deleted == ()
