"""One file a language: which checks its projects need."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cicatrix.checks.ecosystems.compiled import go, java, rust
from cicatrix.checks.ecosystems.look import Choice, Left, Look
from cicatrix.checks.ecosystems.node import node
from cicatrix.checks.ecosystems.python import python

__all__ = ["FINDERS", "Choice", "Left"]

FINDERS: tuple[Callable[[Look], Iterator[Choice | Left]], ...] = (python, node, go, rust, java)
