"""Fixes run with real tools, each in a folder of its own, without anything of this process's credentials."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cicatrix.checks.fixes import apply_fix, preview
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.remedy.catalogue import CATALOGUE
from cicatrix.core.remedy.model import Remedy
from tests.checks.toolchains import bin_folder, environ

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return environ(bin_folder(tmp_path_factory.mktemp("tools")))


def python(code: str) -> Remedy:
    return replace(CATALOGUE["python.ruff-format"], id="own.script", command=(sys.executable, "-c", code))


def test_ruff_formats_and_shows_it_first(tmp_path: Path, around: dict[str, str]) -> None:
    (tmp_path / "a.py").write_text("x   =  1\n")
    shown = preview(CATALOGUE["python.ruff-format"], tmp_path, environ=around)
    assert shown is not None
    assert "+x = 1" in shown
    assert (tmp_path / "a.py").read_text() == "x   =  1\n", "a preview writes nothing"
    assert apply_fix(CATALOGUE["python.ruff-format"], tmp_path, environ=around).declined is None
    assert (tmp_path / "a.py").read_text() == "x = 1\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.py"], "and no cache is left"


def test_go_formats(tmp_path: Path, around: dict[str, str]) -> None:
    (tmp_path / "go.mod").write_text("module example.com/x\n\ngo 1.22\n")
    (tmp_path / "a.go").write_text("package x\nfunc  F( ) int {\nreturn 1 }\n")
    done = apply_fix(CATALOGUE["go.fmt"], tmp_path, environ=around)
    assert done.declined is None
    assert (tmp_path / "a.go").read_text() == "package x\n\nfunc F() int {\n\treturn 1\n}\n"


def test_go_mod_tidy_rewrites_go_mod(tmp_path: Path, around: dict[str, str]) -> None:
    (tmp_path / "go.mod").write_text("module   example.com/x\n\ngo   1.22\n")
    (tmp_path / "a.go").write_text("package x\n")
    done = apply_fix(CATALOGUE["go.mod-tidy"], tmp_path, environ=around)
    assert done.declined is None
    assert (tmp_path / "go.mod").read_text() == "module example.com/x\n\ngo 1.22\n"


def test_npm_brings_the_lockfile_in_line_and_runs_no_script(tmp_path: Path, around: dict[str, str]) -> None:
    script = "node -e \"require('fs').writeFileSync('canary', '')\""
    package = {"name": "shop", "version": "2.0.0", "scripts": {"preinstall": script, "postinstall": script}}
    (tmp_path / "package.json").write_text(json.dumps(package))
    lock = {"name": "shop", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": {"name": "shop"}}}
    (tmp_path / "package-lock.json").write_text(json.dumps(lock))
    done = apply_fix(CATALOGUE["node.lock-refresh"], tmp_path, environ=around)
    assert done.declined is None
    assert json.loads((tmp_path / "package-lock.json").read_text())["version"] == "2.0.0"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["package-lock.json", "package.json"]


def test_a_linter_that_the_repository_does_not_bring_is_missing(tmp_path: Path, around: dict[str, str]) -> None:
    """`npm ci` of an empty lockfile installs nothing; then there is no eslint, and no other one is fetched."""
    package = {"name": "shop", "version": "1.0.0"}
    (tmp_path / "package.json").write_text(json.dumps(package))
    lock = {**package, "lockfileVersion": 3, "requires": True, "packages": {"": package}}
    (tmp_path / "package-lock.json").write_text(json.dumps(lock))
    done = apply_fix(CATALOGUE["node.eslint-fix"], tmp_path, environ=around)
    assert done.declined is not None
    assert done.declined.reason is HealReason.TOOL_MISSING
    assert not (tmp_path / "node_modules").exists(), "what only served to run it is gone"


def test_folders_that_were_there_before_stay(tmp_path: Path, around: dict[str, str]) -> None:
    (tmp_path / "kept").mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x")
    folder = tmp_path / "repository"
    (folder / "kept").mkdir(parents=True)
    code = "import os; os.mkdir('made'); os.symlink('../outside', 'link')"
    fix = replace(python(code), leaves=("kept", "made", "link"))
    assert apply_fix(fix, folder, environ=around).declined is None
    assert [path.name for path in folder.iterdir()] == ["kept"]
    assert (outside / "file").read_text() == "x", "a link is removed, never followed"


@pytest.mark.parametrize(
    ("command", "reason", "says"),
    [
        (("no-such-tool-of-ours",), HealReason.TOOL_MISSING, "is not installed"),
        ((sys.executable, "-c", "raise SystemExit(7)"), HealReason.REMEDY_FAILED, "ended with 7: it said nothing"),
        ((sys.executable, "-c", f"raise SystemExit('no: {TOKEN}')"), HealReason.REMEDY_FAILED, "no: [redacted]"),
        ((sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"), HealReason.REMEDY_FAILED, "ended with -9"),
        ((sys.executable, "-c", "import signal; signal.pause()"), HealReason.REMEDY_FAILED, "did not end in time"),
    ],
)
def test_what_a_tool_does_is_a_value(
    tmp_path: Path, around: dict[str, str], command: tuple[str, ...], reason: HealReason, says: str
) -> None:
    fix = replace(python(""), command=command, timeout=timedelta(seconds=1))
    done = apply_fix(fix, tmp_path, environ=around)
    assert done.declined is not None
    assert done.declined.reason is reason
    assert says in done.declined.why


@pytest.mark.shows("RM-3")
def test_a_fix_gets_no_credential_of_this_process(tmp_path: Path, around: dict[str, str]) -> None:
    names = ("GITHUB_TOKEN", "GH_TOKEN", "CI_REDISPATCH_TOKEN", "CICATRIX_API_KEY", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    secret = {**around, **dict.fromkeys(names, TOKEN), "SSH_AUTH_SOCK": "x", "GIT_ASKPASS": "x", "PIP_INDEX_URL": ""}
    secret["HTTPS_PROXY"] = f"http://user:{TOKEN}@localhost:1"
    code = "import os, json; json.dump(dict(os.environ), open('seen', 'w'))"
    assert apply_fix(python(code), tmp_path, environ=secret).declined is None
    seen = json.loads((tmp_path / "seen").read_text())
    assert TOKEN not in str(seen)
    assert not {*names, "SSH_AUTH_SOCK", "GIT_ASKPASS", "HTTPS_PROXY"} & set(seen)
    assert seen["HOME"] != os.environ.get("HOME")


AUDIT = """#!{python}
import json, sys
assert "--no-deps" in sys.argv and "--disable-pip" in sys.argv
known = [{{"id": "X-1", "fix_versions": ["2.11.3", "3.0.0"]}}]
print(json.dumps({{"dependencies": [{{"name": "jinja2", "version": "2.11.1", "vulns": known}}], "fixes": []}}))
sys.exit(1)
"""


def auditor(folder: Path, text: str, around: dict[str, str]) -> dict[str, str]:
    """A pip-audit that says what the test wants, since the real one asks a server."""
    tool = folder / "bin" / "pip-audit"
    tool.parent.mkdir()
    tool.write_text(text.format(python=sys.executable))
    tool.chmod(0o755)
    return {**around, "PATH": f"{tool.parent}{os.pathsep}{around['PATH']}"}


@pytest.mark.shows("RM-4")
def test_a_safe_bump_edits_the_one_line(tmp_path: Path, around: dict[str, str]) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "requirements.txt").write_bytes(b"# ours\r\nJinja2==2.11.1\r\nother==1.0\r\n")
    done = apply_fix(CATALOGUE["python.safe-bump"], repository, environ=auditor(tmp_path, AUDIT, around))
    assert done.declined is None
    assert (repository / "requirements.txt").read_bytes() == b"# ours\r\nJinja2==2.11.3\r\nother==1.0\r\n"
    assert [(a.package, a.target, a.applied) for a in done.attempts] == [("jinja2", "2.11.3", True)]


@pytest.mark.shows("RM-4")
def test_a_report_that_cannot_be_read_or_a_link_in_place_of_the_file_changes_nothing(
    tmp_path: Path, around: dict[str, str]
) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    elsewhere = tmp_path / "elsewhere.txt"
    elsewhere.write_text("Jinja2==2.11.1\n")
    (repository / "requirements.txt").symlink_to(elsewhere)
    linked = apply_fix(CATALOGUE["python.safe-bump"], repository, environ=auditor(tmp_path, AUDIT, around))
    assert linked.declined is not None
    assert linked.declined.reason is HealReason.REMEDY_FAILED
    assert elsewhere.read_text() == "Jinja2==2.11.1\n"
    (tmp_path / "bin" / "pip-audit").write_text(f"#!{sys.executable}\nprint('Found 1 known vulnerability')\n")
    silent = apply_fix(
        CATALOGUE["python.safe-bump"], repository, environ={**around, "PATH": f"{tmp_path / 'bin'}:{around['PATH']}"}
    )
    assert silent.declined is not None


def test_pip_audit_knows_the_options_that_we_give(around: dict[str, str]) -> None:
    """The real tool, asked for its help alone: nothing leaves."""
    done = subprocess.run(["pip-audit", "--help"], env=around, capture_output=True, text=True, check=True)
    options = [word for word in CATALOGUE["python.safe-bump"].command if word.startswith("--")]
    assert [option for option in options if option not in done.stdout] == []
