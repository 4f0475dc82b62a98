"""Which requirement is shown by which test: `python -m tools.assurance [--list]`. Exit 1 when one has none.

Ids come from docs/requirements.md, tests from the syntax trees below tests/: every `shows("ID", ...)` counts, as a
decorator, in `pytestmark` or in `pytest.param(..., marks=...)`.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| (?P<id>[A-Z]+-?\d+) \| (?P<text>.*?) \| (?P<part>\d+) \| (?P<later>.*?) ?\|$")


def requirements(text: str) -> dict[str, str]:
    """Requirement id -> what a later part brings (empty when it is all here), in the table's order."""
    return {m["id"]: m["later"] for line in text.splitlines() if (m := ROW.match(line))}


def shown(tests: Path) -> dict[str, list[str]]:
    """Requirement id -> the tests that bear it, as `file::name`."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(tests.rglob("*.py")):
        place = path.relative_to(tests.parent).as_posix()
        _collect(ast.parse(path.read_text(encoding="utf-8")), place, found)
    return found


def _collect(tree: ast.AST, place: str, found: dict[str, list[str]]) -> None:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            _collect(node, f"{place.partition('::')[0]}::{node.name}", found)
            continue
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "shows":
                for argument in call.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        found[argument.value].append(place)


def main(arguments: list[str]) -> int:
    wanted = requirements((ROOT / "docs" / "requirements.md").read_text(encoding="utf-8"))
    found = shown(ROOT / "tests")
    missing = [name for name in wanted if not found.get(name)]
    if "--list" in arguments:
        for name in wanted:
            for test in dict.fromkeys(found.get(name, [])):
                print(f"{name:6} {test}")
    for name, later in wanted.items():
        if later:
            print(f"{name:6} later: {later}")
    print(f"{len(wanted) - len(missing)} of {len(wanted)} requirements are shown by a test")
    for name in missing:
        print(f"{name:6} has no test", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
