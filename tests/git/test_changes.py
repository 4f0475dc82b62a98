"""Commits from folders, differences and files: bytes in, bytes out."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cicatrix.git import FileChange, GitError, Mirror
from tests.git.repositories import THEN, US, Content, Maker, says

FILES: dict[str, Content] = {
    "a": b"1\n",
    "d/b": b"2\r\n",
    "run": ("100755", b"#!/bin/sh\n"),
    "link": ("120000", b"/etc/passwd"),
    "sub": ("160000", b"ab" * 20),
    "bin": b"\0\1",
    "-x": b"dash\n",
    "latin-\udce9": b"name\n",
    ".gitignore": b"*.log\nbuild/\n",
    ".gitattributes": b"* text=auto eol=crlf filter=lfs ident\n",
}


@pytest.fixture
def tip(mirror: Mirror, there: Maker) -> str:
    sha = there.commit(FILES)
    mirror.fetch()
    return sha


def made(mirror: Mirror, folder: Path, parent: str) -> str | None:
    return mirror.commit_changes(folder, parent=parent, author=US, date=THEN, message="Fix\n")


@pytest.mark.shows("F27", "RM-3")
def test_a_worktree_holds_the_very_bytes_and_gives_them_back(mirror: Mirror, tip: str) -> None:
    with mirror.worktree(tip) as folder:
        assert (folder / "d/b").read_bytes() == b"2\r\n"
        assert (folder / "a").read_bytes() == b"1\n"
        assert not (folder / "link").is_symlink()
        assert (folder / "link").read_bytes() == b"/etc/passwd"
        assert (folder / "run").stat().st_mode & stat.S_IXUSR
        assert list((folder / "sub").iterdir()) == []
        assert made(mirror, folder, tip) is None


def test_to_a_command_in_a_worktree_it_looks_like_a_clean_checkout_of_depth_one(mirror: Mirror, there: Maker) -> None:
    plain = {name: content for name, content in FILES.items() if name != ".gitattributes"}
    tip = there.commit(plain, there.commit({"a": b"0\n"}))
    mirror.fetch()
    with mirror.worktree(tip) as folder:
        assert says(folder, "status", "--porcelain") == ""
        assert says(folder, "rev-list", "HEAD") == tip


@pytest.mark.shows("RM-2", "F27")
def test_one_commit_holds_what_a_fix_changed_and_nothing_else(mirror: Mirror, tip: str) -> None:
    with mirror.worktree(tip) as folder:
        (folder / "a").write_bytes(b"1\n2\n")
        (folder / "d/b").unlink()
        (folder / "run").chmod(0o600)
        (folder / "new").write_bytes(b"n\n")
        (folder / "noise.log").write_bytes(b"x")
        (folder / "build").mkdir()
        (folder / "build/out").write_bytes(b"x")
        (folder / "sub/file").write_bytes(b"x")
        (folder / "inner/.git").mkdir(parents=True)
        (folder / "inner/.git/config").write_bytes(b"x")
        (folder / "out").symlink_to("/etc/shadow")
        sha = made(mirror, folder, tip)
    assert sha is not None
    assert mirror.diff(tip, sha) == (
        FileChange(path="a", status="M", added=1, removed=0, old_mode="100644", new_mode="100644"),
        FileChange(path="d/b", status="D", added=0, removed=1, old_mode="100644", new_mode="000000"),
        FileChange(path="new", status="A", added=1, removed=0, old_mode="000000", new_mode="100644"),
        FileChange(path="out", status="A", added=1, removed=0, old_mode="000000", new_mode="120000"),
        FileChange(path="run", status="M", added=0, removed=0, old_mode="100755", new_mode="100644"),
    )
    facts = mirror.commit(sha)
    assert facts is not None
    assert (facts.parents, facts.committed_at) == ((tip,), THEN)
    assert mirror.file(sha, "out") == b"/etc/shadow"


@pytest.mark.shows("T23")
def test_a_folder_behind_a_link_is_never_read(mirror: Mirror, tip: str, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "b").write_bytes(b"secret\n")
    with mirror.worktree(tip) as folder:
        (folder / "d/b").unlink()
        (folder / "d").rmdir()
        (folder / "d").symlink_to(tmp_path / "secret")
        sha = made(mirror, folder, tip)
    assert sha is not None
    assert mirror.file(sha, "d/b") is None
    assert mirror.file(sha, "d") == os.fsencode(tmp_path / "secret")


def test_pipes_are_left_alone(mirror: Mirror, tip: str) -> None:
    with mirror.worktree(tip) as folder:
        os.mkfifo(folder / "pipe")
        assert made(mirror, folder, tip) is None


def test_a_folder_that_locks_itself_is_removed_all_the_same(mirror: Mirror, tip: str) -> None:
    with mirror.worktree(tip) as folder:
        (folder / "d").chmod(0)
        (folder / "root").symlink_to("/")
    assert not folder.exists()


def test_a_commits_date_needs_its_zone(mirror: Mirror, tip: str) -> None:
    with mirror.worktree(tip) as folder:
        (folder / "a").write_bytes(b"2\n")
        nowhere = THEN.replace(tzinfo=None)
        with pytest.raises(ValueError, match="UTC"):
            mirror.commit_changes(folder, parent=tip, author=US, date=nowhere, message="x")


@pytest.mark.shows("T25")
@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("a", b"1\n"),
        ("-x", b"dash\n"),
        ("d", None),
        ("d/", None),
        ("sub", None),
        ("*", None),
        (":(top)a", None),
        ("../a", None),
        ("", None),
        ("nothing", None),
    ],
)
def test_a_file_is_read_by_its_exact_path(mirror: Mirror, tip: str, path: str, content: bytes | None) -> None:
    assert mirror.file(tip, path) == content


def test_a_large_file_is_not_read(mirror: Mirror, tip: str) -> None:
    with pytest.raises(GitError, match="larger than 1 bytes"):
        mirror.file(tip, "a", 1)
