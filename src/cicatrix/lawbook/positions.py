"""YAML 1.2 with the line and column of every key, for files whose authors want to know where they erred.

Built from the node graph, so that positions are exact, nothing but plain data can come out, and a file that is small as
text but huge once its aliases are followed is refused before it grows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from cicatrix.core.facts import Problem
from cicatrix.core.redact import redact

LARGEST = 1_048_576
"""Bytes of the largest file that is read (1 MiB)."""
MOST_NODES = 5_000
"""Values in one file, each alias counted as often as it is used."""
DEEPEST = 40
MOST_BRACKETS = 400
"""Brackets open at once, those in scripts and texts included."""

_BRACKETS = re.compile(r"[\[\]{}]")
_DASHES = re.compile(r"^(?:[ \t]*[-?:](?=[ \t]))+", re.MULTILINE)

Path = tuple[str | int, ...]
Positions = dict[Path, tuple[int, int]]

_TAG = "tag:yaml.org,2002:"
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS = {"true": True, "false": False}


def load_yaml(text: bytes, file: str) -> tuple[object, Mapping[Path, tuple[int, int]], tuple[Problem, ...]]:
    """The file as plain data, where each key and item stands (from 1), and what is wrong with it as YAML.

    With a problem the tree is None. Dates stay text. Keys must be text and may not repeat; `<<`, tags of one's own,
    more than one document, 1 MiB, 5,000 values or 40 levels are refused.
    """
    if len(text) > LARGEST:
        return None, {}, (Problem("the file", f"is larger than {LARGEST:,} bytes: shorten it", file=file),)
    try:
        source = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        return None, {}, (Problem("the file", "is not UTF-8 text: save it as UTF-8", line=line, file=file),)
    if nests_too_deeply(source):
        return None, {}, (Problem("the file", f"is nested deeper than {DEEPEST} levels: flatten it", file=file),)
    try:
        node = bounded_yaml("rt", MOST_NODES).compose(source)
        builder = _Builder()
        tree = builder.build(node, (), 0) if node is not None else None
    except TooMany as many:
        what = f"holds more than {MOST_NODES:,} values: shorten it"
        return None, {}, (Problem("the file", what, line=many.line, column=1, file=file),)
    except _Refused as refused:
        return None, {}, (Problem(refused.where, refused.what, line=refused.line, column=refused.column, file=file),)
    except RecursionError:
        return None, {}, (Problem("the file", f"is nested deeper than {DEEPEST} levels: flatten it", file=file),)
    except YAMLError as error:
        return None, {}, (_syntax(error, source, file),)
    return tree, builder.positions, ()


def nests_too_deeply(source: str) -> bool:
    """Whether brackets or list dashes nest so deeply that the parser, quadratic in the depth, would take seconds."""
    if any(len(dashes) > MOST_BRACKETS for dashes in _DASHES.findall(source)):
        return True
    depth = 0
    for bracket in _BRACKETS.findall(source):
        depth = depth + 1 if bracket in "[{" else max(0, depth - 1)
        if depth > MOST_BRACKETS:
            return True
    return False


class TooMany(Exception):  # noqa: N818 - caught in this room, becomes a Problem or None
    """The file holds more values than allowed. `line` is where the first one too many starts."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def bounded_yaml(typ: str, most: int) -> Any:
    """A pure parser of YAML 1.2 that raises TooMany once it has met `most` values, long before a large file is read."""
    yaml = YAML(typ=typ, pure=True)
    inner = yaml.composer.compose_node
    count = 0

    def compose_node(parent: Any, index: Any) -> Any:
        nonlocal count
        count += 1
        if count > most:
            raise TooMany(yaml.parser.peek_event().start_mark.line + 1)
        return inner(parent, index)

    yaml.composer.compose_node = compose_node
    return yaml


class _Refused(Exception):  # noqa: N818 - caught right above, becomes a Problem
    def __init__(self, node: Any, path: Path, what: str) -> None:
        super().__init__(what)
        self.where = ".".join(redact(str(part)) for part in path) or "the file"
        self.what = what
        self.line: int = node.start_mark.line + 1
        self.column: int = node.start_mark.column + 1


class _Builder:
    def __init__(self) -> None:
        self.positions: Positions = {}
        self._count = 0

    def build(self, node: Any, path: Path, depth: int) -> object:
        self._count += 1
        if self._count > MOST_NODES:
            raise _Refused(node, path, f"makes more than {MOST_NODES:,} values: shorten the file, or use fewer aliases")
        if depth > DEEPEST:
            raise _Refused(node, path, f"is nested deeper than {DEEPEST} levels: flatten it")
        self.positions.setdefault(path, _place(node))
        kind = node.id
        if kind == "mapping":
            return self._mapping(node, path, depth)
        if kind == "sequence":
            return [self.build(item, (*path, index), depth + 1) for index, item in enumerate(node.value)]
        return _scalar(node, path)

    def _mapping(self, node: Any, path: Path, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = key_node.value if key_node.id == "scalar" else None
            if not isinstance(key, str) or _tag(key_node) not in {"str", "timestamp"}:
                raise _Refused(key_node, path, "has a key that is not text: put it in quotes")
            if key in found:
                raise _Refused(key_node, (*path, key), "stands twice: keep one")
            self.positions[*path, key] = _place(key_node)
            found[key] = self.build(value_node, (*path, key), depth + 1)
        return found


def _place(node: Any) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _tag(node: Any) -> str:
    tag = str(node.tag or "")
    return tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag


def _scalar(node: Any, path: Path) -> object:
    tag, text = _tag(node), str(node.value)
    if tag in {"str", "timestamp"}:
        if _SURROGATE.search(text):
            raise _Refused(node, path, "holds half a character (a lone surrogate): write the character itself")
        return text
    if tag == "null":
        return None
    if tag == "bool" and text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        if tag == "int":
            return _integer(text)
        if tag == "float":
            return _float(text)
    except (ValueError, OverflowError):
        raise _Refused(node, path, "is a number that cannot be read: put it in quotes if it is text") from None
    raise _Refused(node, path, f"has the tag {redact(str(node.tag))[:60]}: plain values only")


def _integer(text: str) -> int:
    plain = text.replace("_", "")
    if len(plain) > 40:  # nobody writes such a number, and reading one of a million digits takes minutes
        raise ValueError(text[:40])
    return int(plain, 10) if re.fullmatch(r"[-+]?[0-9]+", plain) else int(plain, 0)


def _float(text: str) -> float:
    plain = text.replace("_", "").lower()
    return float(re.sub(r"\.(inf|nan)$", r"\1", plain))


def _syntax(error: YAMLError, source: str, file: str) -> Problem:
    line: int | None = None
    column: int | None = None
    if isinstance(error, MarkedYAMLError) and (mark := error.problem_mark or error.context_mark):
        line, column = mark.line + 1, mark.column + 1
    elif isinstance(at := getattr(error, "position", None), int):  # a forbidden character
        line, column = source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at)
    what = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read")
    what = " ".join(redact(what).split())[:160]
    return Problem("the file", f"is not valid YAML: {what}", line=line, column=column, file=file)
