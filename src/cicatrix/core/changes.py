"""What one commit changes against another, file by file: what a fix is judged by before anybody sees it."""

from __future__ import annotations

from dataclasses import dataclass

SYMLINK = "120000"
SUBMODULE = "160000"
ABSENT = "000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One changed path. A rename is a deletion and an addition. The path is text of strangers: escape it."""

    path: str
    status: str
    """git's letter: A added, D deleted, M modified, T another type (file, symbolic link, submodule)."""
    added: int
    """Lines, counted as if every file were text."""
    removed: int
    old_mode: str
    """Six octal digits as git writes them; `000000` when the path was not there."""
    new_mode: str
