"""One lawbook file, from bytes to a layer."""

from __future__ import annotations

from cicatrix.core.facts import Problem
from cicatrix.core.lawbook import Layer, LayerKind, validate
from cicatrix.lawbook.positions import load_yaml


def load(text: bytes, file: str, *, kind: LayerKind = LayerKind.REPOSITORY) -> tuple[Layer | None, tuple[Problem, ...]]:
    """The layer that a lawbook file makes, or everything wrong with it, each with line and column.

    `file` is only shown. Never raises for what the bytes hold.
    """
    tree, positions, problems = load_yaml(text, file)
    if problems:
        return None, problems
    return validate(tree, positions, file, kind=kind)
