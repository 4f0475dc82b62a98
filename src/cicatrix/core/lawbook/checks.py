"""The lawbook's list of stability checks (GK-4)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cicatrix.core.health.model import PARSERS, Check, Component
from cicatrix.core.lawbook.kinds import (
    Choice,
    Duration,
    Flag,
    Form,
    Invalid,
    Path,
    Report,
    Schema,
    Text,
    Whole,
    list_schema,
    read_list,
    refuse,
)
from cicatrix.core.lawbook.records import Field, read_record, record_schema

_ARGUMENT = Text(r"[^\x00-\x1f\x7f]{1,500}", "one argument of 1..500 characters on one line")


@dataclass(frozen=True, slots=True)
class Timeout(Duration):
    """A time up to an hour: whoever waits for a check holds a worker."""

    def read(self, value: object, path: Path, report: Report) -> timedelta:
        if not isinstance(value, str) or not re.fullmatch(_HOUR, value, re.ASCII):
            raise refuse(value, path, report, "a time up to 1h, such as 30s or 10m")
        return Duration().read(value, path, report)

    def schema(self) -> Schema:
        return Text(_HOUR, "").schema()


_HOUR = r"(?:[1-9]\d{0,2}|[12]\d{3}|3[0-5]\d{2}|3600)s|(?:[1-9]|[1-5]\d|60)m|1h"


@dataclass(frozen=True, slots=True)
class Command:
    """An argument list: the program first. No shell reads it, so nothing in it is expanded."""

    most: int = 50

    def read(self, value: object, path: Path, report: Report) -> tuple[str, ...]:
        if isinstance(value, str):
            report(path, "must be a list of arguments, such as [python, -m, pytest]: no shell reads it")
            raise Invalid
        if not isinstance(value, list | tuple) or not 1 <= len(value) <= self.most:
            report(path, f"must be a list of 1..{self.most} arguments")
            raise Invalid
        return tuple(_ARGUMENT.read(word, (*path, index), report) for index, word in enumerate(value))

    def schema(self) -> Schema:
        return {"type": "array", "items": _ARGUMENT.schema(), "minItems": 1, "maxItems": self.most}

    def plain(self, value: Sequence[str]) -> object:
        return list(value)


@dataclass(frozen=True, slots=True)
class OrNull:
    """A form whose value may be left out."""

    form: Form

    def read(self, value: object, path: Path, report: Report) -> Any:
        return None if value is None else self.form.read(value, path, report)

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "null"}, self.form.schema()]}

    def plain(self, value: Any) -> object:
        return None if value is None else self.form.plain(value)


_INSIDE = Text(
    r"(?!/)(?!(?:.*/)?\.\.(?:/|$))[A-Za-z0-9._@+ /-]{1,200}",
    "a path inside the repository, without .. and not absolute",
)
CHECK_FIELDS: Mapping[str, Field[Form]] = {
    "name": Field(
        Text(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}", "a name of 1..60 letters, digits, blanks and . _ -"), required=True
    ),
    "component": Field(Choice(tuple(Component)), required=True, about="What it measures."),
    "command": Field(Command(), required=True, about="Program and arguments; no shell reads them."),
    "parser": Field(Choice(PARSERS), "exit-code", about="Format of the report."),
    "report": Field(OrNull(_INSIDE), about="The report's file, where it is not the standard output."),
    "weight": Field(Whole(low=1, high=100), 1, about="Its share in the component's mean."),
    "blocking": Field(Flag(duty=True), default=True, about="Whether its failure blocks; else it warns."),
    "timeout": Field(Timeout(), timedelta(minutes=5), about="After this it is unknown; 1h at most."),
    "directory": Field(_INSIDE, ".", about="Where it runs, below the repository's root."),
}


@dataclass(frozen=True, slots=True)
class Checks:
    """Stability checks, each with a name of its own. They limit nothing: the nearer layer's list holds."""

    most: int = 30

    def read(self, value: object, path: Path, report: Report) -> tuple[Check, ...]:
        found: list[Check] = []
        ok = True
        for index, item in enumerate(read_list(value, path, report, self.most)):
            try:
                fields = read_record(item, (*path, index), report, CHECK_FIELDS)
            except Invalid:
                ok = False
                continue
            if fields["name"] in {check.name for check in found}:
                report((*path, index, "name"), f"repeats {fields['name']}: each check has a name of its own")
                ok = False
            found.append(_check(fields))
        if not ok:
            raise Invalid
        return tuple(found)

    def schema(self) -> Schema:
        return list_schema(record_schema(CHECK_FIELDS), self.most)

    def stricter(self, a: Sequence[Check], b: Sequence[Check]) -> tuple[Check, ...]:
        return max(tuple(a), tuple(b), key=lambda checks: str(self.plain(checks)))

    def plain(self, value: Sequence[Check]) -> object:
        return [check_tree(check) for check in value]


def _check(fields: Mapping[str, Any]) -> Check:
    return Check(
        name=fields["name"],
        component=Component(fields["component"]),
        command=tuple(fields["command"]),
        parser=fields["parser"],
        report=fields["report"],
        weight=fields["weight"],
        blocking=fields["blocking"],
        timeout=fields["timeout"],
        directory=fields["directory"],
    )


def check_tree(check: Check) -> dict[str, object]:
    """The check as a lawbook writes it."""
    return {
        "name": check.name,
        "component": check.component.value,
        "command": list(check.command),
        "parser": check.parser,
        "report": check.report,
        "weight": check.weight,
        "blocking": check.blocking,
        "timeout": Duration().plain(check.timeout),
        "directory": check.directory,
    }
