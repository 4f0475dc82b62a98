"""What a command tells GitHub's runner: step outputs, the step summary, annotations, and lines that are no commands.

The only writer of all four (behaviour VA-4, reliability T8). Values are written so that the runner reads back exactly
what was given, whatever stands in them; outside GitHub Actions nothing is written.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from cicatrix.core.redact import clean
from cicatrix.core.report.cut import within
from cicatrix.settings import Settings

from . import state
from .screen import Screen

LONGEST_OUTPUT = 500_000
"""Bytes of one output as UTF-16, half of what GitHub takes for all outputs of a job
(https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idoutputs)."""
LARGEST_SUMMARY = 1024 * 1024
"""Bytes of a step's summary; the runner refuses a larger one as a whole."""
MOST_ANNOTATIONS = 10
"""Annotations of one level that GitHub shows for a step; later ones it drops in silence."""
LONGEST_MESSAGE = 4_000

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Level(StrEnum):
    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One line that GitHub shows beside the run, and in the file when `file` is given. The text may be foreign."""

    level: Level
    message: str
    title: str = ""
    file: str = ""
    line: int | None = None


def step_outputs(settings: Settings, values: Mapping[str, object]) -> None:
    """Writes the outputs of this step; nothing when the runner names no file for them.

    None becomes `unknown`, a truth value `true` or `false`, a list or mapping JSON. Secrets are masked. A value that is
    too long for GitHub is left out, and standard error says so. Raises ValueError for a name that no output may bear.
    """
    if settings.step_output is None:
        return
    screen = state.screen
    told = {name: shown(screen.masked(value)) for name, value in values.items()}
    short = {name: text for name, text in told.items() if len(text.encode("utf-16-le", "replace")) <= LONGEST_OUTPUT}
    for name in told.keys() - short.keys():
        screen.say(f"warning: the output {name} is too long for GitHub and was left out")
    _append(settings.step_output, "".join(entry(name, text) for name, text in short.items()))


def step_summary(settings: Settings, markdown: str) -> None:
    """Adds Markdown to the summary of this step; nothing when the runner names no file for it.

    Secrets are masked. What would exceed GitHub's limit is cut at a line, and the last line says how much is missing. A
    file that cannot be written is told on standard error: the command's work is not undone by it.
    """
    file = settings.step_summary
    if file is None:
        return
    try:
        room = LARGEST_SUMMARY - (file.stat().st_size if file.exists() else 0) - 1  # 1: the line break before it
        _append(file, within(state.screen.redact(markdown), room, "GitHub takes 1 MiB for a step."))
    except OSError as trouble:
        state.screen.say(f"warning: the step summary cannot be written: {trouble.strerror}")


def annotate(notes: Sequence[Annotation]) -> None:
    """Shows the annotations beside the run; nothing outside GitHub Actions.

    At most ten of a level, the last of which counts those that were left out. They go to standard error, which the
    runner reads as well, so that standard output stays data.
    """
    screen = state.screen
    if not screen.inside_actions:
        return
    for level in Level:
        for note in _most([note for note in notes if note.level is level]):
            screen.err.write(command(note, screen) + "\n")
    screen.err.flush()


@contextmanager
def no_commands(stream: TextIO, *, token: str = "") -> Iterator[TextIO]:
    """Whatever is written to the stream inside is no command to the runner: for the raw output of a tool.

    Outside GitHub Actions the stream is left alone. The token is random unless a test gives one.
    """
    if not state.screen.inside_actions:
        yield stream
        return
    token = token or secrets.token_hex(16)
    stream.write(f"::stop-commands::{token}\n")
    stream.flush()
    try:
        yield stream
    finally:
        # foreign text may end within a line, and a command is one only at a line's start
        stream.write(f"\n::{token}::\n")
        stream.flush()


def shown(value: object) -> str:
    """A value as the text of an output."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


def entry(name: str, text: str, fresh: Callable[[], str] = lambda: secrets.token_hex(16)) -> str:
    """One output as the runner reads it from the file: a delimiter that does not stand in the text, then the text."""
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no name of an output")
    delimiter = f"cicatrix_{fresh()}"
    while delimiter in text:
        delimiter = f"cicatrix_{fresh()}"
    return f"{name}<<{delimiter}\n{text}\n{delimiter}\n"


def command(note: Annotation, screen: Screen) -> str:
    """The annotation as one line that the runner reads as one command, with the text in it as data."""
    text = screen.redact(clean(note.message))
    if len(text) > LONGEST_MESSAGE:
        text = text[: LONGEST_MESSAGE - 1] + "\u2026"
    given = {"file": screen.safe(note.file), "line": str(note.line or ""), "title": screen.safe(note.title)}
    properties = ",".join(f"{name}={_escaped(value, in_property=True)}" for name, value in given.items() if value)
    return f"::{note.level.value}{' ' if properties else ''}{properties}::{_escaped(text)}"


def _most(notes: Sequence[Annotation]) -> Sequence[Annotation]:
    if len(notes) <= MOST_ANNOTATIONS:
        return notes
    kept = notes[: MOST_ANNOTATIONS - 1]
    more = Annotation(level=notes[0].level, message=f"{len(notes) - len(kept)} more; the report lists them.")
    return [*kept, more]


def _escaped(text: str, *, in_property: bool = False) -> str:
    """https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts"""
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if in_property else text


def _append(file: Path, text: str) -> None:
    """Adds whole lines, also when an earlier writer left its last line open."""
    if not text:
        return
    with file.open("a+b") as stream:
        if stream.tell():
            stream.seek(-1, 2)
            if stream.read(1) != b"\n":
                text = "\n" + text
        stream.write(text.encode("utf-8", "replace"))
