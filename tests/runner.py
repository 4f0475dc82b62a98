"""GitHub's runner, as far as it reads what a step writes: the output file, and commands in lines.

Written from the rules of https://github.com/actions/runner (FileCommandManager.cs, ActionCommand.cs).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field


class RunnerError(Exception):
    """The runner would fail the step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    name: str
    data: str
    properties: dict[str, str] = field(default_factory=dict)


def outputs_of(data: bytes) -> dict[str, str]:
    """The outputs in the file that GITHUB_OUTPUT names. Raises RunnerError where the runner does."""
    lines = data.decode("utf-8").split("\n")
    found: dict[str, str] = {}
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line:
            continue
        equals, arrows = line.find("="), line.find("<<")
        if equals >= 0 and (arrows < 0 or equals < arrows):
            name, value = line[:equals], line[equals + 1 :]
        elif arrows >= 0:
            name, delimiter = line[:arrows], line[arrows + 2 :]
            if not name or not delimiter or delimiter not in lines[at:]:
                raise RunnerError(f"no value for {line!r}")
            end = lines.index(delimiter, at)
            value, at = "\n".join(lines[at:end]), end + 1
        else:
            raise RunnerError(f"invalid line {line!r}")
        if not name:
            raise RunnerError(f"no name in {line!r}")
        found[name] = value
    return found


def commands_of(text: str) -> list[Command]:
    """The commands that the runner recognises in what a step prints, stopped ones left out."""
    found, token = [], ""
    for line in re.split(r"\r\n|\n|\r", text):
        if token:
            token = "" if line.strip() == f"::{token}::" else token
            continue
        if (one := _command(line)) is not None:
            found.append(one)
            token = one.data if one.name == "stop-commands" else ""
    return found


_SECOND = re.compile(r"\s*::(?P<name>[^\s:]+)(?:\s+(?P<properties>.*?))?::(?P<data>.*)", re.DOTALL)
_FIRST = re.compile(r"##\[(?P<name>[^\s\]]+)(?:\s+(?P<properties>[^\]]*))?\](?P<data>.*)", re.DOTALL)


def _command(line: str) -> Command | None:
    match = _SECOND.match(line) or _FIRST.search(line)
    if match is None:
        return None
    pairs = [part.split("=", 1) for part in (match["properties"] or "").split(",") if "=" in part]
    properties = {name.strip(): _unescaped(value, in_property=True) for name, value in pairs}
    return Command(name=match["name"], data=_unescaped(match["data"]), properties=properties)


def _unescaped(text: str, *, in_property: bool = False) -> str:
    if in_property:
        text = text.replace("%3A", ":").replace("%2C", ",")
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
