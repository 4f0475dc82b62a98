"""An old, broken or lying git is found out before anything is done with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cicatrix.git import GitUnsafe, Mirror, Remote, safety

REMOTE = Remote("https://example.test/a/b.git", lambda: None)


def stub(place: Path, *lines: str) -> str:
    """A program that stands in for git."""
    program = place / "stub-git"
    program.write_text("#!/bin/bash\n" + "\n".join(lines) + "\n")
    program.chmod(0o700)
    return str(program)


def without(*settings: str) -> list[str]:
    """Lines of a git that does not know these settings: they are dropped from its command line."""
    cases = "|".join(settings)
    return [
        "words=()",
        'while [ $# -gt 0 ]; do case "$1 ${2%%=*}" in',
        f'  {cases}) shift 2;; *) words+=("$1"); shift;; esac; done',
        'exec git "${words[@]}"',
    ]


@pytest.mark.shows("T24")
def test_the_git_of_this_machine_holds_every_guard() -> None:
    safety.check("git")


@pytest.mark.shows("T24")
@pytest.mark.parametrize(
    "lines",
    [
        ["exit 0"],
        ["echo 'git version 1.7.1'; exit 1"],
        ['exec git "$@" 2>/dev/null | head -c 10'],
        without('"-c core.hooksPath"'),
        without('"-c core.fsmonitor"'),
        without('"-c protocol.allow"'),
        ['for word; do [ "$word" = --is-shallow-repository ] && echo false && exit 0; done; exec git "$@"'],
        ['for word; do [ "$word" = --is-shallow-repository ] && echo true && exit 0; done; exec git "$@"'],
        ['for word; do [ "$word" = merge-file ] && echo merged && exit 0; done; exec git "$@"'],
        [
            'for word; do [ "$word" = write-tree ] && echo 4b825dc642cb6eb9a060e54bf8d69288fbee4904 && exit 0; done',
            'exec git "$@"',
        ],
    ],
    ids=["mute", "old", "cut", "hooks", "fsmonitor", "transports", "not-shallow", "all-shallow", "merges", "trees"],
)
def test_an_old_or_lying_git_makes_no_mirror(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(GitUnsafe) as caught:
        Mirror.open(tmp_path / "mirror", REMOTE, git=stub(tmp_path, *lines))
    assert caught.value.diagnostics().next
    assert not (tmp_path / "mirror").exists()


@pytest.mark.shows("T24")
def test_a_git_that_runs_filters_is_refused(tmp_path: Path) -> None:
    lines = ['for word; do case "$word" in --git-dir=*) echo > "${word#--git-dir=}/info/attributes";; esac; done']
    with pytest.raises(GitUnsafe, match="filters"):
        safety.check(stub(tmp_path, 'case "$*" in *read-tree*)', *lines, ';; esac; exec git "$@"'))


def test_a_missing_git_is_named(tmp_path: Path) -> None:
    with pytest.raises(GitUnsafe, match="no git here"):
        Mirror.open(tmp_path / "mirror", REMOTE, git="no-such-git")


@pytest.mark.shows("F20", "T23")
@pytest.mark.parametrize("planted", ["shallow", "info/grafts", "objects/info/alternates", "commondir"])
def test_a_mirror_that_somebody_wrote_to_is_not_opened(tmp_path: Path, planted: str) -> None:
    Mirror.open(tmp_path / "mirror", REMOTE)
    (tmp_path / "mirror" / planted).parent.mkdir(exist_ok=True)
    (tmp_path / "mirror" / planted).write_text("x\n")
    with pytest.raises(GitUnsafe):
        Mirror.open(tmp_path / "mirror", REMOTE)


@pytest.mark.shows("T23")
def test_configuration_that_somebody_put_into_the_mirror_does_not_stay(tmp_path: Path) -> None:
    Mirror.open(tmp_path / "mirror", REMOTE)
    config = tmp_path / "mirror" / "config"
    config.write_text(config.read_text() + "[core]\n\tsshCommand = trap\n")
    (tmp_path / "mirror" / "info" / "attributes").write_text("* filter=trap\n")
    Mirror.open(tmp_path / "mirror", REMOTE)
    assert "trap" not in config.read_text() + (tmp_path / "mirror" / "info" / "attributes").read_text()
