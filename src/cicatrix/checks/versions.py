"""Which tool a command is, and its version: two measurements by different versions do not compare quietly."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from cicatrix.checks.process import Ran
from cicatrix.core.redact import clean

_FLAG = {"go": "version"}
"""How a tool is asked, where `--version` is not it."""
_ASKED = frozenset(
    {
        *("ruff", "mypy", "pytest", "pip-audit", "python", "python3", "node", "npm", "eslint", "tsc", "go"),
        *("govulncheck", "cargo", "rustc", "mvn", "gradle", "java"),
    }
)
"""Tools that are asked. No others: `./build.sh --version` might build."""
_INTERPRETERS = frozenset({"python", "python3"})
_RUNNERS = frozenset({"npx"})
_NUMBER = re.compile(r"\d+(?:\.\d+)+[\w.+-]*")
_PATIENCE = timedelta(seconds=30)


def tool_of(command: Sequence[str]) -> str:
    """The name of the tool: `pytest` of `python3 -m pytest`, `eslint` of `npx --no-install eslint`."""
    return _front(command)[-1].rsplit("/", 1)[-1]


def version_of(command: Sequence[str], folder: Path, environ: Mapping[str, str], run: Callable[..., Ran]) -> str:
    """The tool's version as it tells it; empty when it is no tool that is asked, or does not say."""
    front = _front(command)
    tool = front[-1]
    if tool not in _ASKED or (front[0] not in _ASKED | _RUNNERS):
        return ""
    ran = run([*front, _FLAG.get(tool, "--version")], folder, environ=environ, timeout=_PATIENCE)
    if ran.exit_code != 0:
        return ""
    found = _NUMBER.search((ran.stdout or ran.stderr).decode("utf-8", "replace"))
    return clean(found[0])[:100] if found else ""


def _front(command: Sequence[str]) -> list[str]:
    """The words that start the tool, without what it is told to do."""
    program, rest = command[0], list(command[1:])
    if program in _INTERPRETERS and rest[:1] == ["-m"] and len(rest) > 1 and rest[1] in _ASKED:
        return [program, "-m", rest[1]]
    if program in _RUNNERS:
        flags = [word for word in rest if word.startswith("-")]
        named = next((word for word in rest if not word.startswith("-")), "")
        if named:
            return [program, *flags[: rest.index(named)], named]
    return [program]
