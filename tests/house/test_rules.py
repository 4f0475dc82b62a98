"""The house's rules as tests: each fails when somebody breaks the rule, and says where."""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cicatrix.core.facts import Receipt
from cicatrix.core.operations import Verb
from cicatrix.github import GitHub

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "cicatrix"
DATA = ROOT.parent / "shared" / "data"

CORE_IMPORTS = (
    "__future__",
    "base64",
    "bisect",
    "collections",
    "dataclasses",
    "datetime",
    "difflib",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "hmac",
    "itertools",
    "json",
    "math",
    "operator",
    "re",
    "tomllib",
    "types",
    "typing",
    "unicodedata",
    "urllib.parse",
)
"""What of the standard library the core may use: nothing in it does I/O, reads a clock or draws at random."""
CLOCKS = frozenset({"now", "today", "utcnow", "time_ns", "monotonic", "perf_counter", "localtime", "gmtime"})
DOING = frozenset({"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"})

SUPPRESSION = re.compile(r"#\s*(?:ruff:\s*)?(?:noqa|type:\s*ignore)(?::\s*[A-Z0-9, ]+\b)?(?:\[[a-z0-9, -]+\])?")
WITHOUT_REASON: dict[str, int] = {}
"""Suppressions that still lack their reason. This list may only shrink."""

REGISTRIES = tuple(
    f"{name}.{end}"
    for name, end in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("proxy.golang", "org"),
        ("crates", "io"),
        ("rubygems", "org"),
        ("maven.apache", "org"),
        ("maven", "org"),
        ("nuget", "org"),
        ("packagist", "org"),
        ("debian", "org"),
        ("archive.ubuntu", "com"),
        ("alpinelinux", "org"),
        ("docker", "io"),
    )
)
MACHINE_PATHS = re.compile(r"(?<![\w.$}-])/(?:work|root)" + r"/|/tmp" + r"/\w")


def python_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def called(node: ast.AST) -> str:
    """The last word of what is called; empty when nothing is called."""
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def imported(path: Path) -> dict[str, str]:
    """Name in the file -> dotted name of what was imported."""
    found: dict[str, str] = {}
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {(a.asname or a.name): a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {(a.asname or a.name): f"{'.' * node.level}{node.module or ''}.{a.name}" for a in node.names}
    return found


def house_files() -> list[Path]:
    """Every file that is, or is about to be, part of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout, so nobody can say which files belong to the repository")
    return [ROOT / entry for entry in listed.stdout.decode().split("\0") if entry and (ROOT / entry).is_file()]


# --- rule 1: the core decides and does nothing ---


def core_sins(path: Path) -> list[str]:
    found = []
    for node in nodes(path):
        line = getattr(node, "lineno", 0)
        if called(node) in CLOCKS | DOING:
            attribute = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if called(node) in CLOCKS or not attribute:
                found.append(f"{path.name}:{line}: calls {called(node)}()")
    for target in imported(path).values():
        allowed = target.startswith((".", "cicatrix.core")) or any(
            f"{target}.".startswith(f"{a}.") for a in CORE_IMPORTS
        )
        if not allowed:
            found.append(f"{path.name}: imports {target}")
    return found


def test_the_core_does_no_io_reads_no_clock_and_uses_the_standard_library_only() -> None:
    assert [sin for path in python_files("src/cicatrix/core") for sin in core_sins(path)] == []


@pytest.mark.parametrize(
    "text",
    [
        "import time\n",
        "from random import random\n",
        "import httpx\n",
        "from urllib.request import urlopen\n",
        "import urllib\n",
        "from cicatrix.ledger import Tx\n",
        "from datetime import datetime\nat = datetime.now()\n",
        "text = open('x').read()\n",
        "print('x')\n",
    ],
)
def test_the_rule_of_the_core_bites(tmp_path: Path, text: str) -> None:
    (tmp_path / "sinner.py").write_text(text, encoding="utf-8")
    assert core_sins(tmp_path / "sinner.py") != []


# --- rule 2: no write to GitHub without a receipt ---


@pytest.mark.shows("GE-5")
def test_only_the_ledger_makes_receipts() -> None:
    makers = {name(path) for path in python_files("src") for node in nodes(path) if called(node) == "Receipt"}
    assert makers == {"src/cicatrix/ledger/ledger.py"}


@pytest.mark.shows("GE-5")
def test_every_writing_call_requires_a_receipt() -> None:
    writing = {
        (path.name, method.name)
        for path in python_files("src/cicatrix/github")
        for node in nodes(path)
        if isinstance(node, ast.ClassDef)
        for method in node.body
        if isinstance(method, ast.FunctionDef) and any(called(inner) == "_write" for inner in ast.walk(method))
    }
    assert {name for name, _ in writing} == {"writes.py"}, "one file holds the writing methods"
    assert {method for _, method in writing} == {verb.replace("-", "_") for verb in Verb if "push" not in verb}
    senders = [path.name for path in python_files("src/cicatrix/github") if ".write(ask" in path.read_text()]
    assert senders == ["writes.py"], "one place sends writes"
    for _, method in writing:
        receipt = inspect.signature(getattr(GitHub, method)).parameters["receipt"]
        assert receipt.default is inspect.Parameter.empty, method
        assert receipt.annotation in {Receipt, "Receipt"}, method


def test_each_call_to_github_links_its_page() -> None:
    own = {"close", "requests"}
    methods: dict[str, Callable[..., object]] = dict(inspect.getmembers(GitHub, inspect.isfunction))
    public = {n: m for n, m in methods.items() if not n.startswith("_") and n not in own}
    assert [n for n, m in public.items() if "https://docs.github.com/" not in (m.__doc__ or "")] == []


# --- rule 3: fake the far side, never our side ---


def mocks(path: Path) -> list[str]:
    names = imported(path)
    found = [
        f"{name_}: imports {target}"
        for name_, target in names.items()
        if target.split(".")[0] in {"mock", "pytest_mock"} or target.startswith("unittest.mock")
    ]
    for node in nodes(path):
        if called(node) not in {"setattr", "delattr"} or not isinstance(node, ast.Call) or not node.args:
            continue
        first = node.args[0]
        ours = isinstance(first, ast.Constant) and str(first.value).startswith(("cicatrix", "tests"))
        base = first
        while isinstance(base, ast.Attribute):
            base = base.value
        if ours or (isinstance(base, ast.Name) and names.get(base.id, "").startswith("cicatrix")):
            found.append(f"line {node.lineno}: patches our own code")
    return found


def test_no_test_mocks_or_patches_our_own_modules() -> None:
    assert {name(path): sins for path in python_files("tests") if (sins := mocks(path))} == {}


@pytest.mark.parametrize(
    "text",
    [
        "from unittest import mock\n",
        "from unittest.mock import patch\n",
        "def test(monkeypatch):\n    monkeypatch.setattr('cicatrix.flows.rerun.act', None)\n",
        "from cicatrix.flows import rerun\ndef test(monkeypatch):\n    monkeypatch.setattr(rerun, 'act', None)\n",
        "from cicatrix import flows\nsetattr(flows.rerun, 'act', None)\n",
    ],
)
def test_the_rule_against_mocks_bites(tmp_path: Path, text: str) -> None:
    (tmp_path / "sinner.py").write_text(text, encoding="utf-8")
    assert mocks(tmp_path / "sinner.py") != []


# --- rooms ---


def test_the_import_contracts_hold(tmp_path: Path) -> None:
    command = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [str(command), "--no-logo", "--cache-dir", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        name(path)
        for path in python_files("src")
        for node in nodes(path)
        if isinstance(node, ast.Attribute)
        and node.attr in {"environ", "environb", "getenv"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    }
    readers |= {name(path) for path in python_files("src") for t in imported(path).values() if t.startswith("os.env")}
    assert readers, "the settings do read it"
    assert {reader for reader in readers if not reader.startswith("src/cicatrix/settings/")} == set()


# --- reasons, strangers, places ---


def bare_suppressions(text: str) -> list[int]:
    """Lines with a suppression that says no reason: neither behind it nor in a comment shortly above."""
    lines, found = text.splitlines(), []
    for place, line in enumerate(lines):
        marks = list(SUPPRESSION.finditer(line))
        if not marks or line[: marks[0].start()].count('"') % 2:
            continue
        said = line[marks[-1].end() :].strip(" #-\u2013")
        above = any(x.strip().startswith("#") for x in lines[max(0, place - 8) : place])
        if not said and not above:
            found.append(place + 1)
    return found


def test_every_suppression_bears_its_reason() -> None:
    bare = {
        name(path): len(found)
        for path in python_files("src", "tests", "tools")
        if (found := bare_suppressions(path.read_text(encoding="utf-8")))
    }
    assert bare == WITHOUT_REASON


def test_the_rule_of_suppressions_bites() -> None:
    mark = "# no" + "qa: E501"
    assert bare_suppressions(f"x = 1  {mark}\n") == [1]
    assert bare_suppressions("x = 1  # type" + ": ignore[assignment]\n") == [1]
    assert bare_suppressions(f"x = 1  {mark} -- one pattern, read in one piece\n") == []


def test_no_file_names_a_package_registry() -> None:
    found = [
        f"{name(path)} names {host}"
        for path in house_files()
        for host in REGISTRIES
        if host.encode() in path.read_bytes()
    ]
    assert found == []


def test_no_file_holds_a_path_of_one_machine() -> None:
    found = [
        f"{name(path)}:{number}: {line.strip()[:80]}"
        for path in house_files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if MACHINE_PATHS.search(line)
    ]
    assert found == []


def test_no_file_is_copied_from_the_shared_data() -> None:
    if not DATA.is_dir():
        pytest.skip("the shared data is not beside this checkout")
    theirs = {hashlib.sha256(p.read_bytes()).digest() for p in DATA.rglob("*") if p.is_file() and p.stat().st_size}
    theirs -= {hashlib.sha256((ROOT / "LICENSE").read_bytes()).digest()}  # the licence text itself is nobody's data
    assert len(theirs) > 100
    assert [name(p) for p in house_files() if hashlib.sha256(p.read_bytes()).digest() in theirs] == []
