"""What a check is about, by its name alone: a label for people, never a reason to rerun."""

from __future__ import annotations

import re

_WORDS: tuple[tuple[str, str], ...] = (
    (
        "lint",
        (
            r"lint\w*|eslint|tslint|stylelint|pylint|prettier|format\w*|fmt|style|checkstyle|ruff|flake8|black|isort"
            r"|clippy|rubocop|shellcheck|yamllint|actionlint|spellcheck"
        ),
    ),
    ("e2e", r"e2e|end to end|playwright|cypress|selenium|webdriver"),
    ("test", r"tests?|testing|unittests?|pytest|tox|jest|vitest|mocha|junit|rspec|specs?|unit|integration|coverage"),
    ("infra", r"infra\w*|docker|container\w*|terraform|tofu|ansible|kubernetes|k8s|helm|setup|provision\w*|runner"),
    ("build", r"builds?|compil\w*|bundle|package|webpack|tsc|typecheck|type check|types|mypy|assemble|make"),
    ("deploy", r"deploy\w*|release|publish|rollout|migrat\w*|promote"),
)
TYPES = (*(name for name, _ in _WORDS), "unknown")
"""In the seed's order: the first one whose words a name holds is the type."""

_PATTERNS = tuple((name, re.compile(rf"(?<!\w)(?:{words})(?!\w)")) for name, words in _WORDS)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN = re.compile(r"[^0-9A-Za-z]+")
_LONGEST = 300


def check_type(name: str) -> str:
    """The type of the check called `name`, by whole words: `contest` is no test, and `latest` is none either."""
    words = _BETWEEN.sub(" ", _CAMEL.sub(" ", name[:_LONGEST])).casefold()
    return next((found for found, pattern in _PATTERNS if pattern.search(words)), "unknown")
