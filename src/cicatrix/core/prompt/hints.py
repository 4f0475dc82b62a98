"""Which files an excerpt points at: `path:line` and its kin, as compilers, linters and test runners write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_EXTENSIONS = frozenset(
    re.findall(
        r"\w+",
        """
        c cc cpp cxx h hh hpp m mm cs fs vb java kt kts scala groovy gradle py pyi pyx rb erb php pl pm go rs
        swift zig js jsx mjs cjs ts tsx mts cts vue svelte astro css scss sass less html htm xml xaml json jsonc
        json5 yaml yml toml ini cfg conf properties sql graphql proto tf tfvars hcl sh bash zsh fish ps1 bat cmd
        mk cmake md mdx rst txt ex exs erl hrl clj cljs elm hs lhs ml mli nim lua r jl dart sol vy lock csproj
        vcxproj sln razor cshtml
        """,
    )
)
_PATH = r"(?<![\w.@+\-/\\])(?P<path>(?:[A-Za-z]:[\\/])?[\w.@+\-/\\]{1,300}\.(?P<ending>[A-Za-z][A-Za-z0-9]{0,7}))"
_PLACES = (
    re.compile(_PATH + r":(?P<line>\d{1,7})(?!\d)"),
    re.compile(_PATH + r"\((?P<line>\d{1,7})(?:,\d{1,5})?\)"),
    re.compile(_PATH + r"\"?'?,? (?:on )?line (?P<line>\d{1,7})"),
)
_HOME = re.compile(r"^(?:[A-Za-z]:)?/(?:home/[^/]+/work|Users/[^/]+/work|a|__w|github/workspace)/(?:[^/]+/[^/]+/)?")
_FOREIGN = re.compile(r"(?:^|/)(?:node_modules|site-packages|dist-packages|vendor|\.cargo|\.rustup|\.venv|\.m2)/")
_LINE_CAP = 1_000
_LINES_SHOWN = 5


@dataclass(slots=True)
class FileHint:
    path: str
    lines: list[int] = field(default_factory=list)
    seen: int = 0


def file_hints(excerpts: Iterable[str], most: int) -> tuple[FileHint, ...]:
    """At most `most` files of the repository that the excerpts name with a line, the most named first.

    What lies outside of the repository (system folders, installed packages) and what is no file of source text or
    configuration is left out: a host with its port is no file.
    """
    hints: dict[str, FileHint] = {}
    for excerpt in excerpts:
        for text in excerpt.splitlines():
            for path, line in _places(text[:_LINE_CAP]):
                hint = hints.setdefault(path, FileHint(path))
                hint.seen += 1
                if line not in hint.lines and len(hint.lines) < _LINES_SHOWN:
                    hint.lines.append(line)
    order = {path: place for place, path in enumerate(hints)}
    return tuple(sorted(hints.values(), key=lambda h: (-h.seen, order[h.path]))[: max(0, most)])


def _places(text: str) -> list[tuple[str, int]]:
    found = []
    for pattern in _PLACES:
        for match in pattern.finditer(text):
            if match["ending"].lower() in _EXTENSIONS and not text[: match.start()].endswith("://"):
                path = _own(match["path"])
                if path is not None:
                    found.append((path, int(match["line"])))
    return found


def _own(raw: str) -> str | None:
    """The path as it stands in the repository, or None for one that lies elsewhere."""
    path = _HOME.sub("", raw.replace("\\", "/")).removeprefix("./")
    parts = path.split("/")
    if path.startswith(("/", "//")) or re.match(r"[A-Za-z]:", path) or ".." in parts or _FOREIGN.search(path):
        return None
    return path
