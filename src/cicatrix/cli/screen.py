"""Where output goes and how it is made safe: data to standard output, prose to standard error.

Text of strangers never drives a terminal (control characters are removed), is never Rich markup, and is never read by
GitHub's runner as a command.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO

from cicatrix.core.redact import REDACTED, clean, redact

from .errors import usage

if TYPE_CHECKING:
    from rich.console import RenderableType

PLAIN_WIDTH = 120
"""Columns of a table that is not on a terminal."""


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"


@dataclass(slots=True, kw_only=True)
class Screen:
    """The two streams of one command. `redact` masks the configured secrets once the settings are known."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    verbose: bool = False
    color: bool = True
    inside_actions: bool = False
    redact: Callable[[str], str] = redact

    @property
    def on_terminal(self) -> bool:
        return self.out.isatty()

    @property
    def width(self) -> int:
        """Columns of a line."""
        return shutil.get_terminal_size().columns if self.on_terminal else PLAIN_WIDTH

    def format(self, asked: Format | None, as_json: bool) -> Format:
        """Table on a terminal, JSON in pipes, unless something was asked for. Raises Stop for both at once."""
        if as_json and asked not in {None, Format.JSON}:
            raise usage("Two formats were asked for.", f"--json and --output {asked}.", "Leave one of them out.")
        if as_json:
            return Format.JSON
        return asked or (Format.TABLE if self.on_terminal else Format.JSON)

    def safe(self, text: object) -> str:
        """Foreign text for a table or a sentence: no control characters, no secrets, one line."""
        return " ".join(self.redact(clean(str(text))).split())

    def safe_spaced(self, text: object) -> str:
        """The same with runs of spaces kept, for lines of our own whose columns line up."""
        return self.redact(clean(str(text))).replace("\n", " ")

    def json(self, value: object, *, compact: bool = False) -> None:
        """One JSON document. Everything beyond ASCII is escaped, so that no invisible character gets through."""
        separators = (",", ":") if compact else None
        text = json.dumps(self.masked(value), indent=None if compact else 2, separators=separators)
        # both marks stand inside strings only, where an escape changes nothing but the looks
        self._write(self.out, text.replace("##[", "\\u0023#[") if self.inside_actions else text)

    def show(self, *items: RenderableType) -> None:
        """Rich renderables to standard output: colours on a terminal only."""
        from rich.console import Console  # noqa: PLC0415 -- only a person's view pays for Rich

        colored = self.on_terminal and self.color
        buffer = io.StringIO()
        console = Console(
            file=buffer,
            force_terminal=colored,
            no_color=not colored,
            color_system="auto" if colored else None,
            width=self.width,
            markup=False,
            highlight=False,
            emoji=False,
            legacy_windows=False,
        )
        for item in items:
            console.print(item)
        self._write(self.out, self._without_tails(buffer.getvalue()), end="")

    def line(self, text: str = "") -> None:
        """One line of data."""
        self._write(self.out, text)

    def folded(self, text: str, *, hang: int) -> None:
        """One line of data, which a terminal gets between words, its later lines this far in; a pipe gets it whole."""
        lines = [text]
        if self.on_terminal:
            indent = " " * hang
            lines = textwrap.wrap(
                text, self.width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
            )
        for line in lines or [""]:
            self._write(self.out, line)

    def raw(self, lines: Iterable[str]) -> None:
        """Lines that must arrive byte for byte, such as an export."""
        for line in lines:
            self.out.write(line)
        self.out.flush()

    def say(self, text: str) -> None:
        """Prose for a person."""
        self._write(self.err, self.safe(text))

    def fail(self, what: str, why: str, following: str) -> None:
        """The three lines of an error; the first begins with a capital unless it begins with a name."""
        what = what[:1].upper() + what[1:] if _WORD.match(what) else what
        for text in (what, why, following):
            self._write(self.err, self.safe(text))

    def trace(self, text: str) -> None:
        """A traceback, for -v; secrets masked."""
        self._write(self.err, self.redact(text).rstrip("\n"))

    def masked(self, value: Any) -> Any:
        """The value with secrets masked; text without any stays as it is, to the byte."""
        if isinstance(value, str):
            masked = self.redact(value)
            return masked if REDACTED in masked and masked != value else value
        if isinstance(value, dict):
            return {self.masked(str(name)): self.masked(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.masked(item) for item in value]
        return value

    def _write(self, stream: TextIO, text: str, *, end: str = "\n") -> None:
        stream.write((defused(text) if self.inside_actions else text) + end)
        stream.flush()

    @staticmethod
    def _without_tails(text: str) -> str:
        return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


_WORD = re.compile(r"[a-z]+[ ,:]")
"""How a sentence begins that does not begin with a path, an option or somebody's name."""

_COMMAND = re.compile(r"^(\s*):(?=:)", re.MULTILINE)


def defused(text: str) -> str:
    """Text in which GitHub's runner recognises no command: no `::name::` at a line's start, no `##[name]` anywhere.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
    """
    return _COMMAND.sub(r"\1.:", text).replace("##[", "#.#[")
