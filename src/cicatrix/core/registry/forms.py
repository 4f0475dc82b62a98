"""Forms of values that a registry has and a lawbook has not: nested mappings, lists of them, and preconditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cicatrix.core.lawbook.kinds import Form, Invalid, Path, Report, Schema, list_schema, near, read_list, refuse
from cicatrix.core.lawbook.records import Field, read_record, record_schema

Fields = Mapping[str, Field[Form]]


@dataclass(frozen=True, slots=True)
class Maybe:
    """A value or null, which is the same as leaving it out."""

    form: Form

    def read(self, value: object, path: Path, report: Report) -> Any:
        return None if value is None else self.form.read(value, path, report)

    def schema(self) -> Schema:
        return {"anyOf": [self.form.schema(), {"type": "null"}]}

    def plain(self, value: Any) -> object:
        return None if value is None else self.form.plain(value)


@dataclass(frozen=True, slots=True)
class Only:
    """Exactly this value."""

    value: str | bool

    def read(self, value: object, path: Path, report: Report) -> str | bool:
        if type(value) is not type(self.value) or value != self.value:
            wanted = str(self.value).lower() if isinstance(self.value, bool) else self.value
            raise refuse(value, path, report, wanted)
        return self.value

    def schema(self) -> Schema:
        return {"const": self.value}

    def plain(self, value: Any) -> object:
        return value


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with these fields, every default filled in.

    Fields in `later` joined after documents were stored: they stay out of the canonical form while they are empty, so
    that an old document keeps its hash.
    """

    fields: Fields
    later: frozenset[str] = frozenset()

    def read(self, value: object, path: Path, report: Report) -> dict[str, Any]:
        return read_record(value, path, report, self.fields)

    def schema(self) -> Schema:
        return record_schema(self.fields)

    def plain(self, value: Mapping[str, Any]) -> object:
        shown = (name for name in self.fields if value[name] or name not in self.later)
        return {name: self.fields[name].kind.plain(value[name]) for name in shown}


@dataclass(frozen=True, slots=True)
class Tagged:
    """A mapping whose field `tag` tells which other fields it has."""

    tag: str
    variants: Mapping[str, Fields]

    def read(self, value: object, path: Path, report: Report) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise refuse(value, path, report, "a mapping")
        if self.tag not in value:
            report(path, f"needs {self.tag}")
            raise Invalid
        word = value[self.tag]
        if not isinstance(word, str) or word not in self.variants:
            hint = near(word, list(self.variants)) if isinstance(word, str) else ""
            words = f"one of {len(self.variants)} words ({hint})" if hint else " or ".join(self.variants)
            raise refuse(word, (*path, self.tag), report, words)
        return read_record(value, path, report, self.variants[word])

    def schema(self) -> Schema:
        return {"anyOf": [record_schema(fields) for fields in self.variants.values()]}

    def plain(self, value: Mapping[str, Any]) -> object:
        return Record(self.variants[value[self.tag]]).plain(value)


@dataclass(frozen=True, slots=True)
class Several:
    """A list in its order. With `by`, no two items agree in that field, and they are kept in its order."""

    item: Form
    most: int
    by: str = ""

    def read(self, value: object, path: Path, report: Report) -> tuple[dict[str, Any], ...]:
        found: list[dict[str, Any]] = []
        seen: set[str] = set()
        ok = True
        for index, item in enumerate(read_list(value, path, report, self.most)):
            try:
                entry = self.item.read(item, (*path, index), report)
            except Invalid:
                ok = False
                continue
            name = str(entry[self.by]) if self.by else str(index)
            if name in seen:
                report((*path, index), f"is a second entry for {entry[self.by]}: keep one")
                ok = False
            seen.add(name)
            found.append(entry)
        if not ok:
            raise Invalid
        return tuple(sorted(found, key=lambda entry: str(entry[self.by]))) if self.by else tuple(found)

    def schema(self) -> Schema:
        return list_schema(self.item.schema(), self.most)

    def plain(self, value: Sequence[Any]) -> object:
        return [self.item.plain(item) for item in value]
