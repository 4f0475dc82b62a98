"""The kinds of values a lawbook holds. Each knows how to read, describe, compare and write its values.

`stricter(a, b)` is the value under which no more is allowed than under `a` and under `b`. It is commutative,
associative and idempotent (a test shows it), so layers resolve to the same lawbook in any grouping.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from cicatrix.core.redact import redact

Path = tuple[str | int, ...]
Report = Callable[[Path, str], None]
Schema = dict[str, Any]


class Invalid(Exception):  # noqa: N818 - it is a verdict about a value, caught within this package
    """The value was refused; what is wrong has been reported."""


class Form(Protocol):
    """How a value in a file is read, described and written."""

    def read(self, value: object, path: Path, report: Report) -> Any:
        """The value in its inner form. Reports every problem in it, then raises Invalid if there was one."""

    def schema(self) -> Schema:
        """JSON Schema 2020-12 that accepts exactly what `read` accepts."""

    def plain(self, value: Any) -> object:
        """The value as a JSON tree, in one canonical form."""


class Kind(Form, Protocol):
    """A form whose values can be compared by strictness: what `keys.py` needs."""

    def stricter(self, a: Any, b: Any) -> Any: ...


def shown(value: object) -> str:
    """A short, harmless form of what a stranger wrote."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else redact(str(value))
    text = " ".join(text.split())
    return text if len(text) <= 40 else f"{text[:37]}..."


def near(word: object, words: Sequence[str]) -> str:
    """`did you mean ...?` for a word that is nearly one of those, else the empty text."""
    found = difflib.get_close_matches(str(word)[:60], words, 1)
    return f"did you mean {found[0]}?" if found else ""


def refuse(value: object, path: Path, report: Report, expected: str) -> Invalid:
    report(path, f"must be {expected}, not {_named(value)}")
    return Invalid()


def _named(value: object) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return shown(value) or "empty text"


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if isinstance(value, int) or value.is_integer() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A whole number from `low` to `high`; null, where allowed, is no limit."""

    low: int
    high: int
    nullable: bool = False
    larger_is_stricter: bool = False

    def read(self, value: object, path: Path, report: Report) -> int | None:
        if value is None and self.nullable:
            return None
        number = _whole(value)
        if number is None or not self.low <= number <= self.high:
            raise refuse(value, path, report, f"{self.low}..{self.high}{' or null' * self.nullable}")
        return number

    def schema(self) -> Schema:
        return {
            "type": ["integer", "null"] if self.nullable else "integer",
            "minimum": self.low,
            "maximum": self.high,
        }

    def stricter(self, a: int | None, b: int | None) -> int | None:
        if a is None or b is None:
            return a if b is None else b
        return max(a, b) if self.larger_is_stricter else min(a, b)

    def plain(self, value: int | None) -> object:
        return value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words, the strictest first."""

    words: tuple[str, ...]

    def read(self, value: object, path: Path, report: Report) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise refuse(value, path, report, self._expected(value))
        return value

    def _expected(self, value: object) -> str:
        """All the words, unless there are many and one of them is near."""
        hint = near(value, self.words) if len(self.words) > 6 and isinstance(value, str) else ""
        return f"one of {len(self.words)} words ({hint})" if hint else " or ".join(self.words)

    def schema(self) -> Schema:
        return {"enum": list(self.words)}

    def stricter(self, a: str, b: str) -> str:
        return min(a, b, key=self.words.index)

    def plain(self, value: str) -> object:
        return str(value)


@dataclass(frozen=True, slots=True)
class Flag:
    """A right: false is stricter. With `duty`, true is stricter."""

    duty: bool = False

    def read(self, value: object, path: Path, report: Report) -> bool:
        if not isinstance(value, bool):
            raise refuse(value, path, report, "true or false")
        return value

    def schema(self) -> Schema:
        return {"type": "boolean"}

    def stricter(self, a: bool, b: bool) -> bool:
        return (a or b) if self.duty else (a and b)

    def plain(self, value: bool) -> object:
        return value


_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_END = r"(?![\s\S])"
"""The end of the text. `$` would, in some engines, allow a line feed after it."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A time such as `30s`, `10m`, `2h` or `3d`."""

    larger_is_stricter: bool = False

    def read(self, value: object, path: Path, report: Report) -> timedelta:
        if not isinstance(value, str) or not re.fullmatch(r"[1-9][0-9]{0,4}[smhd]", value, re.ASCII):
            raise refuse(value, path, report, "a time such as 30s, 10m, 2h or 3d")
        return timedelta(seconds=int(value[:-1]) * _UNITS[value[-1]])

    def schema(self) -> Schema:
        return {"type": "string", "pattern": f"^[1-9][0-9]{{0,4}}[smhd]{_END}"}

    def stricter(self, a: timedelta, b: timedelta) -> timedelta:
        return max(a, b) if self.larger_is_stricter else min(a, b)

    def plain(self, value: timedelta) -> object:
        seconds = int(value.total_seconds())
        unit, size = next((u, s) for u, s in _UNITS.items() if seconds % s == 0)
        return f"{seconds // size}{unit}"


@dataclass(frozen=True, slots=True)
class Text:
    """Text of one form. `expected` says which, in words. It limits nothing, so the nearer layer wins: `b`."""

    pattern: str
    expected: str
    never: str | None = None

    def read(self, value: object, path: Path, report: Report) -> str:
        if not isinstance(value, str) or not re.fullmatch(self.pattern, value, re.ASCII):
            hint = " (put it in quotes)" if isinstance(value, int | float) and not isinstance(value, bool) else ""
            raise refuse(value, path, report, self.expected + hint)
        if self.never and re.fullmatch(self.never, value, re.ASCII):
            raise refuse(value, path, report, self.expected)
        return value

    def schema(self) -> Schema:
        schema: Schema = {"type": "string", "pattern": f"^(?:{self.pattern}){_END}"}
        if self.never:
            schema["not"] = {"pattern": f"^(?:{self.never}){_END}"}
        return schema

    def stricter(self, a: str, b: str) -> str:
        return max(a, b)

    def plain(self, value: str) -> object:
        return value


@dataclass(frozen=True, slots=True)
class Names:
    """A list of distinct values, kept in order. Stricter is what both hold, or, for `forbids`, what either holds."""

    item: Kind
    forbids: bool = False
    most: int = 100
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Other spellings that are accepted -> the one that is kept."""

    def read(self, value: object, path: Path, report: Report) -> tuple[str, ...]:
        items = read_list(value, path, report, self.most)
        found: list[str] = []
        ok = True
        for index, item in enumerate(items):
            try:
                name = (
                    item
                    if isinstance(item, str) and item in self.renamed
                    else self.item.read(item, (*path, index), report)
                )
                found.append(self.renamed.get(name, name))
            except Invalid:
                ok = False
        if not ok:
            raise Invalid
        return tuple(sorted(set(found)))

    def schema(self) -> Schema:
        items = self.item.schema()
        if self.renamed:
            items = {"anyOf": [items, {"enum": sorted(self.renamed)}]}
        return list_schema(items, self.most)

    def stricter(self, a: Sequence[str], b: Sequence[str]) -> tuple[str, ...]:
        return tuple(sorted(set(a) | set(b) if self.forbids else set(a) & set(b)))

    def plain(self, value: Sequence[str]) -> object:
        return sorted(value)


@dataclass(frozen=True, slots=True)
class Reserved:
    """A list that a later part fills. Anything in it is refused: a rule that is not applied is a false promise."""

    part: int

    def read(self, value: object, path: Path, report: Report) -> tuple[str, ...]:
        if not isinstance(value, list | tuple):
            raise refuse(value, path, report, "a list")
        if value:
            report(path, f"comes with part {self.part}: leave it empty or out until then")
            raise Invalid
        return ()

    def schema(self) -> Schema:
        return {"type": "array", "maxItems": 0}

    def stricter(self, a: Sequence[str], b: Sequence[str]) -> tuple[str, ...]:
        return tuple(item for item in a if item in b)

    def plain(self, value: Sequence[str]) -> object:
        return list(value)


def read_list(value: object, path: Path, report: Report, most: int) -> Sequence[object]:
    """The value as a list of at most `most` distinct items; else reports and raises Invalid."""
    if not isinstance(value, list | tuple):
        raise refuse(value, path, report, "a list")
    if len(value) > most:
        report(path, f"must hold at most {most} items, not {len(value)}")
        raise Invalid
    for index, item in enumerate(value):
        if any(_equal(item, other) for other in value[:index]):
            report((*path, index), f"repeats {_named(item)}: say it once")
            raise Invalid
    return value


def _equal(a: object, b: object) -> bool:
    """Equality of JSON: true is not 1."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    return a == b


def list_schema(items: Schema, most: int) -> Schema:
    return {"type": "array", "items": items, "uniqueItems": True, "maxItems": most}
