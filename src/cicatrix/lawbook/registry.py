"""One registry document, from bytes to a registry."""

from __future__ import annotations

from cicatrix.core.facts import Problem
from cicatrix.core.registry import Registry, advice_in_file, validate
from cicatrix.lawbook.positions import load_yaml


def load_registry(text: str | bytes, file: str) -> tuple[Registry | None, tuple[Problem, ...]]:
    """The registry that a YAML or JSON text makes, or everything wrong with it, each with line and column.

    `file` is only shown. Never raises for what the text holds. JSON counts as YAML here, so write characters beyond
    U+FFFF as themselves: YAML does not join the two halves of an escaped surrogate pair.
    """
    if isinstance(text, str):
        text = text.encode("utf-8", "surrogatepass")
    tree, positions, problems = load_yaml(text, file)
    if problems:
        return None, problems
    return validate(tree, positions, file)


def check_registry(text: bytes, file: str) -> tuple[Registry | None, tuple[Problem, ...]]:
    """As `load_registry`, with the advice on rerun actions among the problems, in the file's order (RG-2).

    A registry comes back also where there is nothing but advice.
    """
    tree, positions, problems = load_yaml(text, file)
    if problems:
        return None, problems
    registry, problems = validate(tree, positions, file)
    found = (*problems, *advice_in_file(tree, positions, file))
    return registry, tuple(sorted(found, key=lambda p: (p.line or 0, p.column or 0, p.path, p.message)))
