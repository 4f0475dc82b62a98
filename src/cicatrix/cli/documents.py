"""Files that a person names: folders spread out, bytes read with a bound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cicatrix.core.facts import Problem

from .errors import Stop

SUFFIXES = (".yml", ".yaml")


def spread(files: Sequence[Path]) -> list[Path]:
    """The files, with each folder replaced by the YAML files right in it, in the order of their names.

    Raises Stop for a folder without any.
    """
    found: list[Path] = []
    for file in files:
        if not file.is_dir():
            found.append(file)
            continue
        inside = sorted(path for path in file.iterdir() if path.suffix in SUFFIXES and path.is_file())
        if not inside:
            raise Stop(
                f"The folder {file} holds no document.",
                "Files that end in .yml or .yaml count; folders below it do not.",
                "Name the file, or another folder.",
            )
        found += inside
    return found


def content(file: Path, most: int, advice: str) -> bytes:
    """The bytes of a file, one more than `most` at the most: whoever parses it then says that it is too large.

    Raises Stop with `advice` as its third line.
    """
    try:
        with file.open("rb") as stream:
            return stream.read(most + 1)
    except OSError as trouble:
        raise Stop(f"The file {file} cannot be read.", f"{trouble.strerror}.", advice) from None


def told(problem: Problem) -> dict[str, object]:
    """A problem as JSON."""
    return {
        "line": problem.line,
        "column": problem.column,
        "path": problem.path,
        "message": problem.message,
        "text": str(problem),
    }


def first(problems: Sequence[object]) -> str:
    """The first problem, and how many follow."""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0]}{more}"
