"""Reverts on real repositories: the right tree, or a refusal that says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cicatrix.core.heal_reasons import HealReason
from cicatrix.git import Mirror, Reverted, RevertRefused
from cicatrix.git.reverting import judged, removed
from tests.git.repositories import EMPTY_TREE, THEN, US, Content, Maker, git, says


def revert(mirror: Mirror, target: str, tip: str, mainline: int | None = None) -> Reverted:
    mirror.fetch()
    return mirror.revert(target, tip=tip, mainline=mainline, author=US, date=THEN, message="Undo\n")


def refusal(mirror: Mirror, target: str, tip: str, mainline: int | None = None) -> HealReason:
    with pytest.raises(RevertRefused) as caught:
        revert(mirror, target, tip, mainline)
    assert caught.value.why
    return caught.value.reason


LINES = b"".join(b"line %d\n" % n for n in range(20))


@pytest.mark.shows("F20", "RB-4")
def test_undoing_the_tip_gives_the_tree_before_it_byte_for_byte(mirror: Mirror, there: Maker) -> None:
    first = there.commit({"a": b"1\n", "b": b"1\n"})
    tip = there.commit({"a": b"2\n", "b": None, "c/d": b"new\n"}, first)
    done = revert(mirror, tip, tip)
    assert done.tree == there.tree(first)
    assert done.deleted == ("c/d",)
    made = mirror.commit(done.sha)
    assert made is not None
    assert (made.parents, made.tree) == ((tip,), done.tree)
    assert done.sha == revert(mirror, tip, tip).sha


@pytest.mark.shows("F20", "RB-4")
def test_undoing_an_older_commit_keeps_everything_that_came_later(mirror: Mirror, there: Maker) -> None:
    first = there.commit({"a": LINES, "b": b"1\n"})
    bad = there.commit({"a": LINES.replace(b"line 3\n", b"broken\n"), "new": b"x\n"}, first)
    tip = there.commit({"a": LINES.replace(b"line 3\n", b"broken\n") + b"more\n", "b": b"2\n"}, bad)
    done = revert(mirror, bad, tip)
    assert done.tree == there.tree_of({"a": LINES + b"more\n", "b": b"2\n"})
    assert done.deleted == ("new",)


@pytest.mark.shows("F21", "RB-2", "B1")
def test_a_merge_goes_back_to_its_first_parent(mirror: Mirror, there: Maker) -> None:
    base = there.commit({"a": LINES})
    main = there.commit({"b": b"main\n"}, base)
    side = there.commit({"c": b"side\n"}, base, branch="side")
    tip = there.commit({"c": b"side\n"}, main, side)
    assert revert(mirror, tip, tip, 1).tree == there.tree(main)


@pytest.mark.shows("F21", "RB-2")
def test_a_merge_never_goes_back_to_the_side_that_was_merged(mirror: Mirror, there: Maker) -> None:
    base = there.commit({"a": LINES})
    main = there.commit({"b": b"main\n"}, base)
    side = there.commit({"c": b"side\n"}, base, branch="side")
    tip = there.commit({"c": b"side\n"}, main, side)
    assert refusal(mirror, tip, tip, 2) is HealReason.TARGET_NOT_REACHABLE


@pytest.mark.parametrize("mainline", [None, 0, 3])
def test_a_merge_without_a_named_parent_is_a_fault_of_the_caller(
    mirror: Mirror, there: Maker, mainline: int | None
) -> None:
    base = there.commit({"a": b"1\n"})
    side = there.commit({"c": b"side\n"}, base, branch="side")
    tip = there.commit({"c": b"side\n"}, there.commit({"b": b"1\n"}, base), side)
    with pytest.raises(ValueError, match="mainline"):
        revert(mirror, tip, tip, mainline)


def test_a_plain_commit_with_a_mainline_is_a_fault_of_the_caller(mirror: Mirror, there: Maker) -> None:
    tip = there.commit({"a": b"2\n"}, there.commit({"a": b"1\n"}))
    with pytest.raises(ValueError, match="mainline"):
        revert(mirror, tip, tip, 1)


@pytest.mark.shows("F21", "RB-2")
def test_an_octopus_is_refused(mirror: Mirror, there: Maker) -> None:
    base = there.commit({"a": b"1\n"})
    sides = [there.commit({name: b"x\n"}, base, branch=name) for name in ("one", "two")]
    tip = there.commit({"one": b"x\n", "two": b"x\n"}, there.commit({"b": b"1\n"}, base), *sides)
    assert refusal(mirror, tip, tip, 1) is HealReason.OCTOPUS_MERGE


@pytest.mark.shows("F20", "RB-2")
def test_a_root_commit_is_refused(mirror: Mirror, there: Maker) -> None:
    root = there.commit({"a": b"1\n"})
    assert refusal(mirror, root, root) is HealReason.ROOT_COMMIT


@pytest.mark.shows("RB-2")
def test_a_commit_that_the_branch_does_not_hold_is_refused(mirror: Mirror, there: Maker) -> None:
    root = there.commit({"a": b"1\n"})
    side = there.commit({"b": b"1\n"}, root, branch="side")
    tip = there.commit({"a": b"2\n"}, root)
    assert refusal(mirror, side, tip) is HealReason.TARGET_NOT_REACHABLE
    assert refusal(mirror, "ab" * 20, tip) is HealReason.TARGET_NOT_REACHABLE


@pytest.mark.shows("RB-2")
def test_a_tip_that_is_no_branchs_tip_any_more_is_refused(mirror: Mirror, there: Maker) -> None:
    root = there.commit({"a": b"1\n"})
    bad = there.commit({"a": b"2\n"}, root)
    there.commit({"b": b"2\n"}, bad)
    assert refusal(mirror, bad, bad) is HealReason.TIP_MOVED


@pytest.mark.shows("F20", "RB-2", "B1")
def test_a_mirror_whose_history_is_cut_off_reverts_nothing(mirror: Mirror, there: Maker) -> None:
    tip = there.commit({"a": b"2\n"}, there.commit({"a": b"1\n"}))
    mirror.fetch()
    (mirror.git.folder / "shallow").write_text(f"{tip}\n")
    with pytest.raises(RevertRefused) as caught:
        mirror.revert(tip, tip=tip, author=US, date=THEN, message="Undo\n")
    assert caught.value.reason is HealReason.SHALLOW_CLONE


@pytest.mark.shows("F23", "RB-2")
def test_a_commit_that_was_undone_already_is_not_undone_again(mirror: Mirror, there: Maker) -> None:
    root = there.commit({"a": b"1\n"})
    bad = there.commit({"a": b"2\n"}, root)
    tip = there.commit({"a": b"1\n"}, bad)
    assert refusal(mirror, bad, tip) is HealReason.ALREADY_REVERTED


@pytest.mark.shows("F22")
def test_a_revert_of_a_revert_is_known_by_what_it_says(mirror: Mirror, there: Maker) -> None:
    root = there.commit({"a": b"1\n"})
    bad = there.commit({"a": b"2\n"}, root)
    undone = there.commit({"a": b"1\n"}, bad, message=f'Revert "x"\n\nThis reverts commit {bad}.\n')
    mirror.fetch()
    assert mirror.reverted_by(bad, undone) == undone
    again = there.commit({"a": b"2\n"}, undone, message=f"Again\n\nThis reverts commit {undone}.\n")
    mirror.fetch()
    facts = mirror.commit(again)
    assert facts is not None
    assert facts.reverts == undone
    assert mirror.reverted_by(bad, again) is None
    assert mirror.reverted_by(undone, again) == again
    last = there.commit({"a": b"1\n"}, again, message=f"No\n\nThis reverts commit {bad}, for good.\n")
    mirror.fetch()
    assert mirror.reverted_by(bad, last) == last


@pytest.mark.shows("F24", "RB-2", "C19")
@pytest.mark.parametrize(
    ("then", "later"),
    [
        ({"a": b"2\n"}, {"a": b"3\n"}),
        ({"a": b"2\n"}, {"a": None}),
        ({"a": None}, {"a": b"back\n"}),
        ({"new": b"1\n"}, {"new": b"2\n"}),
        ({"a": b"\0\1\2"}, {"a": b"\0\1\3"}),
        ({"a": ("120000", b"target")}, {"a": ("120000", b"other")}),
        ({"a": None}, {"a/b": b"a folder now\n"}),
        ({"a": ("160000", b"ab" * 20)}, {"a": ("160000", b"cd" * 20)}),
    ],
)
def test_a_conflict_is_reported_and_never_resolved(
    mirror: Mirror, there: Maker, then: dict[str, Content], later: dict[str, Content]
) -> None:
    root = there.commit({"a": b"1\n", "z": b"z\n"})
    bad = there.commit(then, root)
    tip = there.commit(later, bad)
    before = _refs_and_files(mirror)
    assert refusal(mirror, bad, tip) is HealReason.REVERT_CONFLICT
    assert _refs_and_files(mirror)[1] == before[1]


def _refs_and_files(mirror: Mirror) -> tuple[str, list[str]]:
    kept = sorted(p.name for p in mirror.git.folder.iterdir())
    return says(mirror.git.folder, "for-each-ref"), kept


@pytest.mark.shows("T26", "RB-3", "D9")
@pytest.mark.parametrize("attribute", ["merge=union", "-merge", "merge=trap", "merge=ours", "merge=binary"])
def test_attributes_of_the_tree_have_no_part_in_a_revert(mirror: Mirror, there: Maker, attribute: str) -> None:
    files: dict[str, Content] = {".gitattributes": f"* {attribute}\n".encode(), "a": LINES}
    root = there.commit(files)
    bad = there.commit({"a": LINES.replace(b"line 3\n", b"broken\n")}, root)
    conflict = there.commit({"a": LINES.replace(b"line 3\n", b"third\n")}, bad)
    assert refusal(mirror, bad, conflict) is HealReason.REVERT_CONFLICT
    clean = there.commit({"a": LINES.replace(b"line 3\n", b"broken\n") + b"more\n"}, bad)
    assert revert(mirror, bad, clean).tree == there.tree_of({**files, "a": LINES + b"more\n"})


@pytest.mark.shows("F27")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"sub": ("160000", b"ab" * 20)}, {"sub": ("160000", b"cd" * 20)}),
        ({}, {"sub": ("160000", b"ab" * 20), ".gitmodules": b'[submodule "sub"]\n'}),
        ({"big": b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n"}, {"big": b"another pointer\n"}),
        ({"link": ("120000", b"../out")}, {"link": ("120000", b"/etc/passwd")}),
        ({"link": ("120000", b"a")}, {"link": b"a file now\n"}),
        ({"run": b"#!/bin/sh\n"}, {"run": ("100755", b"#!/bin/sh\n")}),
        ({"Read": b"1\n", "READ": b"2\n"}, {"Read": b"3\n", "read": b"4\n"}),
        ({"dos": b"1\r\n2\r\n", ".gitattributes": b"* text=auto eol=lf\n"}, {"dos": b"1\r\n2\r\n3\r\n"}),
        ({"-n": b"1\n", "--output=x": b"1\n"}, {"-n": b"2\n", "--output=x": None, ":(top)": b"3\n"}),
        ({"tab\there": b"1\n", 'q"uo\\te': b"1\n"}, {"tab\there": b"2\n", "new\nline": b"3\n"}),
        ({"latin-\udce9": b"1\n"}, {"latin-\udce9": b"2\n"}),
        ({"encoded": b"\xff\xfea\0", ".gitattributes": b"* working-tree-encoding=UTF-16\n"}, {"encoded": b"plain"}),
        ({"id": b"$Id$\n", ".gitattributes": b"* ident\n"}, {"id": b"$Id: x $\n"}),
        ({"x/y": b"1\n"}, {"x/y": None, "x": b"a file where a folder was\n"}),
    ],
)
def test_special_files_come_back_byte_for_byte(
    mirror: Mirror, there: Maker, before: dict[str, Content], after: dict[str, Content]
) -> None:
    root = there.commit({"a": b"1\n", **before})
    bad = there.commit(after, root)
    later = there.commit({"unrelated": b"1\n"}, bad)
    assert revert(mirror, bad, later).tree == there.tree_of({"a": b"1\n", **before, "unrelated": b"1\n"})
    there.commit({}, bad)
    git(there.folder, "update-ref", "refs/heads/main", bad)
    assert revert(mirror, bad, bad).tree == there.tree(root)


@pytest.mark.shows("F20", "RB-4")
def test_a_wrong_tree_is_never_accepted(mirror: Mirror, there: Maker) -> None:
    root = there.commit({"a": LINES, "b": b"1\n"})
    bad = there.commit({"a": LINES.replace(b"line 3\n", b"broken\n"), "new": b"n\n"}, root)
    tip = there.commit({"c": b"1\n"}, bad)
    right = {"a": LINES, "b": b"1\n", "c": b"1\n"}
    spoilt: list[dict[str, Content]] = [
        {name: content for name, content in right.items() if name != "b"},
        {**right, "b": b"2\n"},
        {**right, "a": LINES + b" "},
        {**right, "a": LINES.replace(b"line 3\n", b"line  3\n")},
        {**right, "a": ("100755", LINES)},
        {**right, "extra": b"1\n"},
        {**right, "new": b"n\n"},
        {},
    ]
    trees = [there.tree_of(files) for files in spoilt]
    good = there.tree_of(right)
    mirror.fetch()
    assert judged(mirror.git, target=bad, parent=root, tip=tip, tree=good) == ("new",)
    for tree in (*trees, there.tree(tip)):
        with pytest.raises(RevertRefused) as caught:
            judged(mirror.git, target=bad, parent=root, tip=tip, tree=tree)
        assert caught.value.reason is HealReason.WRONG_TREE


@pytest.mark.shows("F20", "RB-4")
def test_only_files_that_the_commit_added_may_go(mirror: Mirror, there: Maker) -> None:
    root = there.commit({"a": LINES, "b": b"1\n"})
    bad = there.commit({"a": None, "new": b"n\n"}, root)
    tip = there.commit({"c": b"1\n"}, bad)
    good, wrong = there.tree_of({"b": b"1\n", "c": b"1\n"}), there.tree_of({"c": b"1\n"})
    mirror.fetch()
    assert removed(mirror.git, target=bad, parent=root, tip=tip, tree=good) == ("new",)
    for tree in (wrong, there.tree_of({})):
        mirror.fetch()
        with pytest.raises(RevertRefused, match="did not add"):
            removed(mirror.git, target=bad, parent=root, tip=tip, tree=tree)


@pytest.mark.shows("F20", "RB-4")
def test_undoing_the_tip_must_give_its_parents_very_tree(mirror: Mirror, there: Maker) -> None:
    root = there.commit({"a": LINES})
    tip = there.commit({"a": LINES + b"more\n"}, root)
    wrong = there.tree_of({"a": LINES, "b": b"1\n"})
    mirror.fetch()
    with pytest.raises(RevertRefused, match="the tree before it"):
        judged(mirror.git, target=tip, parent=root, tip=tip, tree=wrong)


@pytest.mark.shows("F20", "RB-4", "B1")
def test_a_git_that_answers_with_an_empty_tree_is_caught(mirror: Mirror, there: Maker, tmp_path: Path) -> None:
    root = there.commit({"a": b"1\n"})
    bad = there.commit({"a": b"2\n"}, root)
    tip = there.commit({"b": b"1\n"}, bad)
    mirror.fetch()
    liar = tmp_path / "liar"
    liar.write_text(
        f'#!/bin/sh\nfor word; do [ "$word" = write-tree ] && echo {EMPTY_TREE} && exit 0; done\nexec git "$@"\n'
    )
    liar.chmod(0o700)
    git(mirror.git.folder, "hash-object", "-w", "-t", "tree", "--stdin")
    lying = Mirror(git=type(mirror.git)(folder=mirror.git.folder, program=str(liar)), remote=mirror.remote)
    with pytest.raises(RevertRefused) as caught:
        lying.revert(bad, tip=tip, author=US, date=THEN, message="Undo\n")
    assert caught.value.reason is HealReason.WRONG_TREE


FILES = st.dictionaries(
    st.sampled_from(["a", "b", "d/e", "-x", "w s"]),
    st.lists(st.sampled_from([b"1\n", b"2\n", b"3\n", b"\r\n", b"no end"]), max_size=6).map(b"".join),
    max_size=4,
)


@pytest.mark.shows("F20", "RB-4")
@given(stages=st.lists(FILES, min_size=3, max_size=3), at=st.integers(1, 2))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_git_itself_would_revert_is_the_judge(
    mirror: Mirror, there: Maker, tmp_path: Path, stages: list[dict[str, bytes]], at: int
) -> None:
    """Either the tree of `git revert`, or a refusal; never another tree."""
    commits: list[str] = []
    for files in stages:
        base = commits[-1:]
        gone: dict[str, Content] = dict.fromkeys(there.trees[base[0]]) if base else {}
        commits.append(there.commit({**gone, **files}, *base))
    target, tip = commits[at], commits[-1]
    try:
        ours = revert(mirror, target, tip).tree
    except RevertRefused:
        return
    assert ours == _as_git_does(there, target, tip, tmp_path)


def _as_git_does(there: Maker, target: str, tip: str, place: Path) -> str:
    folder = place / f"judge-{len(list(place.iterdir()))}"
    git(there.folder, "worktree", "add", "--quiet", "--detach", str(folder), tip)
    git(folder, "-c", "merge.renames=false", "revert", "--no-edit", target)
    return says(folder, "rev-parse", "HEAD^{tree}")
