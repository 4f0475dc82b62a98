"""One lawbook file, checked: which keys it sets, to what, and on which line."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cicatrix.core.facts import Problem
from cicatrix.core.lawbook.keys import DELEGATED, DELEGATED_KIND, KEYS, RENAMED, SECTIONS
from cicatrix.core.lawbook.kinds import Invalid, Path
from cicatrix.core.lawbook.problems import Positions, Problems


class LayerKind(StrEnum):
    """Whose file it is, the widest first."""

    DEPLOYMENT = "deployment"
    """Given by `--lawbook` or `CICATRIX_LAWBOOK`: the base, in place of the built-in one."""
    ORGANISATION = "organisation"
    REPOSITORY = "repository"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A valid file. `values` holds only the keys that it sets, by dotted name and in inner form."""

    kind: LayerKind
    file: str
    values: Mapping[str, Any]
    lines: Mapping[str, int]
    delegated: frozenset[str] = frozenset()

    def origin(self, key: str) -> str:
        """File and line, such as `.github/cicatrix.yml:7`; the file alone where the line is unknown."""
        line = self.lines.get(key)
        return f"{self.file}:{line}" if line else self.file


def validate(
    tree: object, positions: Positions, file: str, *, kind: LayerKind = LayerKind.REPOSITORY
) -> tuple[Layer | None, tuple[Problem, ...]]:
    """The layer that the parsed file makes, or every problem in it with line and column, in the file's order.

    An empty file (None) is a layer that sets nothing. With any problem there is no layer: half a lawbook would be a
    guess at what its author meant.
    """
    problems = Problems(positions, file)
    reader = _Reader(problems)
    if tree is not None and not isinstance(tree, Mapping):
        problems.report((), "must be a mapping of keys such as `mode: shadow`")
    else:
        reader.read(tree or {})
    if problems:
        return None, problems.in_order()
    delegated = frozenset(reader.values.pop(DELEGATED, ()))
    return Layer(kind=kind, file=file, values=reader.values, lines=reader.lines, delegated=delegated), ()


class _Reader:
    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self.values: dict[str, Any] = {}
        self.lines: dict[str, int] = {}

    def read(self, tree: Mapping[object, object]) -> None:
        for name, value in tree.items():
            if isinstance(name, str) and name in SECTIONS:
                self._section(name, value)
            else:
                self._value(name, (name,), value)

    def _section(self, section: str, value: object) -> None:
        if not isinstance(value, Mapping):
            self._problems.report((section,), f"must be a mapping with {', '.join(_names_in(section))}")
            return
        for name, item in value.items():
            self._value(f"{section}.{name}", (section, name), item)

    def _value(self, key: object, path: tuple[object, ...], value: object) -> None:
        place: Path = tuple(map(str, path))
        if self._problems.full:
            return
        if not isinstance(key, str) or not (key in KEYS or key == DELEGATED) or not isinstance(path[-1], str):
            self._problems.report(place, f"is no key of a lawbook{_hint(key)}")
            return
        kind = DELEGATED_KIND if key == DELEGATED else KEYS[key].kind
        try:
            self.values[key] = kind.read(value, place, self._problems.report)
        except Invalid:
            return
        if position := self._problems.position(place):
            self.lines[key] = position[0]


def _names_in(section: str) -> list[str]:
    return [name.partition(".")[2] for name in KEYS if name.startswith(f"{section}.")]


def _hint(key: object) -> str:
    name = str(key).rpartition(".")[2]
    if name in RENAMED:
        return f": use {RENAMED[name]}"
    names = [*KEYS, DELEGATED]
    by_last = {n.rpartition(".")[2]: n for n in reversed(names)}
    near = difflib.get_close_matches(str(key)[:60], names, 1) or [
        by_last[n] for n in difflib.get_close_matches(name[:60], list(by_last), 1)
    ]
    return f": did you mean {near[0]}?" if near else "; `cicatrix lawbook schema` lists them"
