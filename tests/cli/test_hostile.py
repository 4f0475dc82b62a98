"""Strangers' text on its way to a terminal, a pipe and GitHub's runner (reliability T6, T8)."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator

import pytest

from cicatrix.cli.screen import defused
from cicatrix.simulator import JobSpec, Outcome
from tests.cli.desk import CI, Desk

PIECES = (
    *(chr(code) for code in [*range(0x20), *range(0x7F, 0xA0)]),
    *"\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufeff\u00ad\u2060",
    "\x1b[31m",
    "\x1b[2J\x1b[H",
    "\x1b]0;title\x07",
    "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1bP$q\x1b\\",
    "\x9b31m",
    "\x1b(0",
    "a\rb",
    "\b\b\b",
)
MARKUP = (
    "[bold red]x[/]",
    "[link=https://evil.example]x[/link]",
    "[/]",
    "[[",
    ":warning:",
    "\\[x]",
    "{0}",
    "%s",
    "$(id)",
    "`id`",
)
COMMANDS = (
    "::error::x",
    "::set-output name=a::b",
    "  ::add-mask::x",
    "::stop-commands::x",
    "##[error]x",
    "x ##[set-env name=A]b",
    "\u00a0::warning::x",
    "::group::x\n::endgroup::",
    "\r::debug::x",
)
HOSTILE = tuple(
    f"{before}{piece}{after}"
    for piece in (*PIECES, *MARKUP, *COMMANDS)
    for before, after in (("", ""), ("job ", " end"))
)
RUNNER_V1 = re.compile(r"##\[")


def bad_characters(text: str) -> set[str]:
    """Everything that could drive a terminal or hide text, but line feed and tab."""
    return {c for c in text if c not in "\n\t" and unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp", "Cs"}}


def runner_commands(text: str) -> Iterator[str]:
    """The lines that GitHub's runner would take for commands
    (https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs).
    """
    for line in re.split(r"[\r\n]+", text):
        if line.lstrip().startswith("::") and "::" in line.lstrip()[2:]:
            yield line
        if RUNNER_V1.search(line):
            yield line


def hostile_run(desk: Desk) -> None:
    repo = desk.world.repository("acme/shop")
    jobs = [JobSpec(id=f"j{n}", name=f"{name}{n}", outcomes=[Outcome.lost_runner()]) for n, name in enumerate(HOSTILE)]
    repo.workflow(CI, jobs)
    repo.run(CI, pull_request=repo.pull_request(1, head_branch="x\x1b[31m\u202e::error::"), finished=True)


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 200


@pytest.mark.shows("T6", "T8")
@pytest.mark.parametrize("inside", [False, True], ids=["terminal", "actions"])
def test_hostile_names_through_every_view_of_a_run(desk: Desk, inside: bool) -> None:
    hostile_run(desk)
    if inside:
        desk.set(GITHUB_ACTIONS="true")
    seen = ""
    for words in (
        ["rerun", "acme/shop#1", "-o", "table"],
        ["rerun", "acme/shop#1", "--json", "--dry-run"],
        ["explain", "acme/shop#1", "-o", "table"],
        ["ledger", "list", "-o", "table"],
        ["ledger", "show", "0"],
    ):
        ended = desk.cicatrix(*words)
        assert ended.code in {0, 3}, ended.err
        assert ended.out.count("\n") > 3
        seen += ended.out + ended.err
    assert bad_characters(seen) == set()
    if inside:
        assert list(runner_commands(seen)) == []


@pytest.mark.shows("T6", "T8")
@pytest.mark.parametrize("shape", ["table", "json"])
def test_hostile_log_lines_through_diagnose(bare: Desk, shape: str) -> None:
    bare.set(GITHUB_ACTIONS="true")
    files = []
    for n, text in enumerate(HOSTILE):
        file = bare.folder / f"{n}.log"
        line = f"##[error]src/a.c:1:5: error: unknown type name '{text}'\n"
        file.write_bytes(f"##[group]Run make {text}\n##[endgroup]\n{line}{text}\n".encode("utf-8", "surrogatepass"))
        files.append(file)
    ended = bare.cicatrix("diagnose", "-o", shape, *files)
    assert ended.code == 0, ended.err
    assert bad_characters(ended.out + ended.err) == set()
    assert list(runner_commands(ended.out + ended.err)) == []
    if shape == "json":
        assert len([json.loads(line) for line in ended.out.splitlines()]) == len(HOSTILE)


def test_hostile_arguments_come_back_harmless(bare: Desk) -> None:
    bare.set(GITHUB_ACTIONS="true")
    for text in (*PIECES, *MARKUP, *COMMANDS):
        ended = bare.cicatrix("rerun", "--", text)
        assert ended.code == 2
        assert bad_characters(ended.err) == set()
        assert list(runner_commands(ended.err)) == []


def test_markup_is_shown_and_not_interpreted(desk: Desk) -> None:
    desk.red(job="[bold red]unit[/] :warning:")
    out = desk.cicatrix("rerun", "acme/shop#1", "-o", "table").out
    assert "[bold red]unit[/] :warning:" in out


@pytest.mark.parametrize("text", COMMANDS)
def test_a_defused_text_holds_no_command_and_still_says_the_same(text: str) -> None:
    once = defused(text)
    assert list(runner_commands(once)) == []
    assert once.count("x") == text.count("x")


def test_json_says_the_same_inside_actions(desk: Desk) -> None:
    desk.red(job="##[error]unit")
    outside = desk.cicatrix("rerun", "acme/shop#1", "--dry-run").json
    desk.set(GITHUB_ACTIONS="true")
    inside = desk.cicatrix("rerun", "acme/shop#1", "--dry-run").json
    assert [job["jobName"] for job in inside["jobs"]] == [job["jobName"] for job in outside["jobs"]]
