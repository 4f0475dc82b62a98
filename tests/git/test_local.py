"""Somebody's checkout: a clean copy of a named commit, and facts; their files stay as they are."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cicatrix.git import GitError, local_facts, local_worktree
from tests.git.repositories import Maker, git, says


@pytest.fixture
def checkout(there: Maker, tmp_path: Path) -> Path:
    first = there.commit({"a": b"1\n", "d/b": b"1\n"})
    there.commit({"a": b"2\n"}, first)
    return clone(there, tmp_path / "checkout")


def clone(there: Maker, place: Path, *flags: str) -> Path:
    line = ["git", "clone", "-q", *flags, f"file://{there.folder}", str(place)]
    subprocess.run(line, check=True, capture_output=True)
    return place


def test_a_named_commit_is_copied_and_gone_afterwards(checkout: Path) -> None:
    for commit in ("HEAD~1", says(checkout, "rev-parse", "HEAD~1"), says(checkout, "rev-parse", "HEAD~1")[:10]):
        with local_worktree(checkout, commit) as tree:
            assert tree.sha == says(checkout, "rev-parse", "HEAD~1")
            assert (tree.path / "a").read_bytes() == b"1\n"
            assert not tree.path.is_relative_to(checkout)
        assert not tree.path.exists()


@pytest.mark.shows("F20", "RB-2")
def test_a_checkout_of_depth_one_is_copied_and_called_shallow(checkout: Path, there: Maker, tmp_path: Path) -> None:
    assert not local_facts(checkout).shallow
    with local_worktree(clone(there, tmp_path / "thin", "--depth=1")) as tree:
        assert tree.facts.shallow
        assert (tree.path / "d" / "b").read_bytes() == b"1\n"


@pytest.mark.shows("RB-2")
def test_changed_files_make_it_dirty_and_a_report_beside_them_does_not(checkout: Path) -> None:
    (checkout / "reports").mkdir()
    (checkout / "reports" / "cicatrix.json").write_text("{}")
    assert not local_facts(checkout).dirty
    (checkout / "a").write_bytes(b"mine\n")
    with local_worktree(checkout) as tree:
        assert tree.facts.dirty
        assert (tree.path / "a").read_bytes() == b"2\n"
        assert not (tree.path / "reports").exists()
    assert (checkout / "a").read_bytes() == b"mine\n"


def test_what_is_staged_makes_it_dirty(checkout: Path) -> None:
    (checkout / "a").write_bytes(b"mine\n")
    git(checkout, "add", "a")
    git(checkout, "update-index", "--split-index")
    assert local_facts(checkout).dirty


@pytest.mark.shows("RB-2")
def test_branch_and_detached_head_are_told_apart(checkout: Path) -> None:
    assert local_facts(checkout).branch == "main"
    git(checkout, "checkout", "-q", "--detach", "HEAD~1")
    facts = local_facts(checkout)
    assert facts.detached
    assert facts.head == says(checkout, "rev-parse", "HEAD")


def test_the_origin_is_told_without_its_user(checkout: Path) -> None:
    git(checkout, "remote", "set-url", "origin", "https://user:word@example.test/a/b.git")
    assert local_facts(checkout).origin == "https://example.test/a/b.git"
    git(checkout, "remote", "remove", "origin")
    assert local_facts(checkout).origin is None


def test_a_subfolder_and_a_linked_worktree_are_found(checkout: Path, tmp_path: Path) -> None:
    assert local_facts(checkout / "d").root == checkout
    git(checkout, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"), "HEAD~1")
    with local_worktree(tmp_path / "linked") as tree:
        assert (tree.path / "a").read_bytes() == b"1\n"
        assert tree.facts.detached


@pytest.mark.shows("F27")
def test_a_sparse_checkout_gives_the_whole_commit(checkout: Path) -> None:
    git(checkout, "sparse-checkout", "set", "--no-cone", "a")
    assert not (checkout / "d").exists()
    with local_worktree(checkout) as tree:
        assert (tree.path / "d" / "b").read_bytes() == b"1\n"
        assert not tree.facts.dirty


@pytest.mark.shows("T25")
@pytest.mark.parametrize("name", ["nowhere", "--all", "-x", "", "HEAD:a", "a\0b", "x" * 2000, "@{upstream}"])
def test_what_names_no_commit_is_refused(checkout: Path, name: str) -> None:
    with pytest.raises(GitError), local_worktree(checkout, name):
        pass


def test_outside_of_any_checkout_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="no checkout"):
        local_facts(tmp_path)


def test_a_checkout_without_a_commit_has_no_head(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path / "new")], check=True)
    facts = local_facts(tmp_path / "new")
    assert (facts.head, facts.branch, facts.dirty) == (None, "main", False)
