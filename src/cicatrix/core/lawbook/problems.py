"""What is wrong in a file that a person wrote, collected with line and column."""

from __future__ import annotations

from collections.abc import Mapping

from cicatrix.core.facts import Problem
from cicatrix.core.lawbook.kinds import Path, shown

Position = tuple[int, int]
"""Line and column, both from 1."""
Positions = Mapping[Path, Position]
"""Path of a mapping's entry or a list's item -> where its key or item stands. `()` is the whole file."""

MOST_PROBLEMS = 100
"""What a person reads at once; a hostile file could have a million."""


class Problems:
    """Collects problems of one file; `report` is what the kinds ask for."""

    def __init__(self, positions: Positions, file: str) -> None:
        self._positions = positions
        self._file = file
        self._found: list[Problem] = []

    @property
    def full(self) -> bool:
        return len(self._found) >= MOST_PROBLEMS

    def __bool__(self) -> bool:
        return bool(self._found)

    def report(self, path: Path, message: str) -> None:
        if not self.full:
            line, column = self.position(path) or (None, None)
            where = dotted(path) or "the file"
            self._found.append(Problem(path=where, message=message, line=line, column=column, file=self._file))

    def position(self, path: Path) -> Position | None:
        """Where the path stands, else its nearest parent."""
        return next((self._positions[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self._positions), None)

    def in_order(self) -> tuple[Problem, ...]:
        """All of them in the order of the file."""
        return tuple(sorted(self._found, key=lambda p: (p.line or 0, p.column or 0, p.path, p.message)))


def dotted(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' * bool(text)}{shown(part)}"
    return text
