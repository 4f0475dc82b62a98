"""Outputs, summaries, annotations and stopped commands, read back as GitHub's runner reads them (VA-4, T8)."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cicatrix.cli import state
from cicatrix.cli.actions_output import (
    LARGEST_SUMMARY,
    LONGEST_OUTPUT,
    Annotation,
    Level,
    annotate,
    command,
    entry,
    no_commands,
    step_outputs,
    step_summary,
)
from cicatrix.cli.screen import Screen
from cicatrix.core.redact import redactor
from cicatrix.settings import Settings, load
from tests.cli.test_hostile import COMMANDS, HOSTILE
from tests.runner import commands_of, outputs_of

HOSTILE_VALUES = (
    "two\nlines",
    "a=b",
    "x<<EOF",
    "x<<EOF\nrollback_required=true\nEOF",
    "\nrollback_required=true\n",
    "ends in a line feed\n",
    "\n\n",
    "",
    "carriage\r\nreturn\r",
    "cicatrix_",
    "::set-output name=rollback_required::true",
    "${{ secrets.GITHUB_TOKEN }}",
    "$(id) `id` ; id",
)


@pytest.fixture
def screen() -> Iterator[Screen]:
    before = state.screen
    state.screen = Screen(out=io.StringIO(), err=io.StringIO(), inside_actions=True)
    yield state.screen
    state.screen = before


def settings(tmp_path: Path) -> Settings:
    return load(environ={"GITHUB_OUTPUT": str(tmp_path / "out"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")})


def read(stream: object) -> str:
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


@pytest.mark.shows("VA-4", "T8", "B7", "C18")
@pytest.mark.parametrize("value", [*HOSTILE_VALUES, *HOSTILE], ids=range(len(HOSTILE_VALUES) + len(HOSTILE)))
def test_the_runner_reads_back_what_was_written(tmp_path: Path, screen: Screen, value: str) -> None:
    step_outputs(settings(tmp_path), {"why": value, "rollback_required": False})
    read_back = outputs_of((tmp_path / "out").read_bytes())
    assert read_back == {"why": value, "rollback_required": "false"}


@pytest.mark.shows("VA-4")
@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,9}", fullmatch=True), st.text(max_size=200)))
def test_any_text_is_read_back(values: dict[str, str]) -> None:
    written = "".join(entry(name, text) for name, text in values.items())
    expected = {name: text.encode("utf-8", "replace").decode() for name, text in values.items()}
    assert outputs_of(written.encode("utf-8", "replace")) == expected


def test_a_delimiter_that_stands_in_the_text_is_not_used() -> None:
    fresh = iter(["taken", "taken", "free"])
    text = "before\ncicatrix_taken\nrollback_required=true"
    assert outputs_of(entry("why", text, lambda: next(fresh)).encode()) == {"why": text}


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a<<b", "a\nb", "1a", "ä"])
def test_a_name_that_could_be_read_otherwise_is_refused(tmp_path: Path, screen: Screen, name: str) -> None:
    with pytest.raises(ValueError, match="no name of an output"):
        step_outputs(settings(tmp_path), {name: "x"})


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "unknown"), (True, "true"), (False, "false"), (0, "0"), (0.5, "0.5"), ("", ""), ({"a": [1]}, '{"a":[1]}')],
)
def test_kinds_of_values(tmp_path: Path, screen: Screen, value: object, text: str) -> None:
    step_outputs(settings(tmp_path), {"x": value})
    assert outputs_of((tmp_path / "out").read_bytes()) == {"x": text}


def test_an_open_last_line_of_somebody_else_swallows_nothing(tmp_path: Path, screen: Screen) -> None:
    (tmp_path / "out").write_text("theirs=1")
    step_outputs(settings(tmp_path), {"ours": "2"})
    assert outputs_of((tmp_path / "out").read_bytes()) == {"theirs": "1", "ours": "2"}


@pytest.mark.shows("T14")
def test_secrets_leave_by_no_channel(tmp_path: Path, screen: Screen) -> None:
    screen.redact = redactor(["c4n4ry-secret"])
    step_outputs(settings(tmp_path), {"a": "x c4n4ry-secret", "b": {"deep": ["c4n4ry-secret"]}})
    step_summary(settings(tmp_path), "x c4n4ry-secret")
    annotate([Annotation(level=Level.ERROR, message="c4n4ry-secret", title="c4n4ry-secret", file="c4n4ry-secret")])
    everything = (tmp_path / "out").read_text() + (tmp_path / "summary").read_text() + read(screen.err)
    assert "c4n4ry-secret" not in everything
    assert json.loads(outputs_of((tmp_path / "out").read_bytes())["b"]) == {"deep": ["[redacted]"]}


def test_outside_of_actions_nothing_is_written(screen: Screen) -> None:
    screen.inside_actions = False
    nowhere = load(environ={})
    step_outputs(nowhere, {"a": "b"})
    step_summary(nowhere, "x")
    annotate([Annotation(level=Level.ERROR, message="x")])
    with no_commands(screen.out) as stream:
        stream.write("x\n")
    assert (read(screen.out), read(screen.err)) == ("x\n", "")


def test_an_output_that_is_too_long_is_left_out_and_said(tmp_path: Path, screen: Screen) -> None:
    step_outputs(settings(tmp_path), {"long": "x" * (LONGEST_OUTPUT // 2 + 1), "fits": "x" * (LONGEST_OUTPUT // 2)})
    assert list(outputs_of((tmp_path / "out").read_bytes())) == ["fits"]
    assert "long" in read(screen.err)


def test_a_summary_stays_within_the_limit_and_says_what_is_missing(tmp_path: Path, screen: Screen) -> None:
    line = "one line of the report\n"
    for _ in range(3):
        step_summary(settings(tmp_path), line * 30_000)
    data = (tmp_path / "summary").read_bytes()
    assert len(data) <= LARGEST_SUMMARY
    assert "bytes are not shown" in data.decode()


def test_a_summary_that_cannot_be_written_is_told(tmp_path: Path, screen: Screen) -> None:
    step_summary(load(environ={"GITHUB_STEP_SUMMARY": str(tmp_path)}), "x")
    assert "cannot be written" in read(screen.err)


@pytest.mark.shows("T8")
@pytest.mark.parametrize("text", [*HOSTILE, *COMMANDS, "100%25", "a:b,c", "a\nb\r\nc"])
def test_an_annotation_is_one_command_whatever_stands_in_it(screen: Screen, text: str) -> None:
    annotate([Annotation(level=Level.WARNING, message=f"m{text}", title=f"t{text}", file=f"f{text}", line=7)])
    found = commands_of(read(screen.err))
    assert [(one.name, set(one.properties)) for one in found] == [("warning", {"file", "line", "title"})]
    assert found[0].properties["line"] == "7"
    assert found[0].data.startswith("m")


def test_an_annotation_is_read_back(screen: Screen) -> None:
    text = "50% of a:b,\nc"
    found = commands_of(command(Annotation(level=Level.ERROR, message=text, title="a: b, c%", file="x,y.py"), screen))
    assert [(one.data, one.properties) for one in found] == [(text, {"file": "x,y.py", "title": "a: b, c%"})]


def test_the_tenth_annotation_counts_the_rest(screen: Screen) -> None:
    annotate([Annotation(level=Level.ERROR, message=f"{n}") for n in range(25)])
    found = commands_of(read(screen.err))
    assert len(found) == 10
    assert found[-1].data.startswith("16 more")


@pytest.mark.shows("T8")
@pytest.mark.parametrize("ending", ["", "\n", "x"])
def test_foreign_lines_between_the_marks_are_no_commands(screen: Screen, ending: str) -> None:
    with no_commands(screen.out) as stream:
        stream.write("\n".join(COMMANDS) + ending)
    screen.out.write("::notice::ours\n")
    assert [one.name for one in commands_of(read(screen.out))] == ["stop-commands", "notice"]


def test_commands_work_again_when_the_tool_fails(screen: Screen) -> None:
    with pytest.raises(RuntimeError), no_commands(screen.out, token="t0k3n"):
        raise RuntimeError
    assert read(screen.out) == "::stop-commands::t0k3n\n\n::t0k3n::\n"
