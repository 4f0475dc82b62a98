"""A remediation on real git with real tools: what is kept, what is refused, and that nothing else is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.health.model import Check, Component
from cicatrix.core.lawbook.model import Remediation
from cicatrix.core.remedy.model import Remedy, Risk, Stage
from cicatrix.flows.heal import Bench, Healing, heal
from cicatrix.flows.heal_bench import bench_of
from cicatrix.git import Mirror, local_worktree
from cicatrix.git.lone import lone_mirror

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
TOOLS = str(Path(sys.executable).parent)
PATH = f"{TOOLS}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
ENVIRON = {
    "PATH": PATH,
    "GITHUB_TOKEN": TOKEN,
    "GH_TOKEN": TOKEN,
    "CI_REDISPATCH_TOKEN": TOKEN,
    "CICATRIX_DATABASE_URL": "postgresql://someone:secret@localhost/x",
    "ACTIONS_RUNTIME_TOKEN": TOKEN,
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "http.extraHeader",
    "GIT_CONFIG_VALUE_0": f"Authorization: Bearer {TOKEN}",
    "SSH_AUTH_SOCK": "agent.sock",
}
UNFORMATTED = "import os\nimport sys\nx   =  {  'a':1 }\nprint( x,sys.argv )\n"
RUFF = Check(
    name="ruff",
    component=Component.LINT,
    command=("ruff", "check", "--no-cache", "--output-format", "json", "."),
    parser="ruff",
)
BUILD = Check(
    name="build",
    component=Component.BUILD,
    command=(sys.executable, "-m", "compileall", "-q", "-f", "."),
    parser="exit-code",
)
PYPROJECT = '[project]\nname = "shop"\nversion = "1.0.0"\ndependencies = ["requests>=2,<3"]\n'


class Checkout:
    """Somebody's checkout, made with git itself."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        folder.mkdir()
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main")
        self.write(files)
        self.git("add", "--all")
        self.git("-c", "user.name=Ann", "-c", "user.email=ann@example.com", "commit", "--quiet", "-m", "one")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text, encoding="utf-8")

    def state(self) -> list[tuple[str, bytes]]:
        return [
            (path.relative_to(self.folder).as_posix(), path.read_bytes())
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        ]


@contextmanager
def workbench(checkout: Checkout, *checks: Check) -> Iterator[tuple[Bench, Mirror, str]]:
    with local_worktree(checkout.folder) as tree, lone_mirror(tree) as mirror:
        yield bench_of(mirror, checks or (RUFF,), now=NOW, environ=ENVIRON), mirror, tree.sha


def healed(
    checkout: Checkout, *allow: str, own: tuple[Remedy, ...] = (), checks: tuple[Check, ...] = (RUFF,), **limits: int
) -> Healing:
    given = {"max_files": 20, "max_lines": 500} | limits
    with workbench(checkout, *checks) as (bench, _, sha):
        return heal(bench, sha, case="case-1", remediation=Remediation(allow=allow, **given), own=own)


def own(code: str, *paths: str, stage: Stage = Stage.OWN, about: str = "A script of ours.") -> Remedy:
    """A fix of a registry that runs Python code."""
    return Remedy(
        id="own.script",
        ecosystem="own",
        trigger=None,
        stage=stage,
        command=(sys.executable, "-c", code),
        risk=Risk.LOW,
        paths=paths or ("**",),
        about=about,
    )


def reasons(healing: Healing) -> dict[str, HealReason]:
    return {declined.id: declined.reason for declined in healing.declined}


def why(healing: Healing, name: str = "own.script") -> str:
    return next(declined.why for declined in healing.declined if declined.id == name)


@pytest.fixture
def messy(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "shop", {"shop/main.py": UNFORMATTED, "pyproject.toml": PYPROJECT})


@pytest.mark.shows("RM-2", "RM-5")
def test_real_fixes_of_ruff_become_one_commit_that_is_better(messy: Checkout) -> None:
    kept = messy.state()
    with workbench(messy) as (bench, mirror, sha):
        remediation = Remediation(allow=("python.ruff-format", "python.ruff-fix"), max_files=20, max_lines=500)
        healing = heal(bench, sha, case="case-1", remediation=remediation)
        assert healing.commit is not None
        made = mirror.commit(healing.commit)
        content = mirror.file(healing.commit, "shop/main.py")
    assert [fix.id for fix in healing.applied] == ["python.ruff-fix", "python.ruff-format"]
    assert content == b'import sys\n\nx = {"a": 1}\nprint(x, sys.argv)\n'
    assert made is not None
    assert made.parents == (sha,)
    assert made.trailers["Cicatrix-Case"] == "case-1"
    assert healing.branch == "cicatrix/fix/case-1"
    assert healing.after is not None
    assert (healing.before.health, healing.after.health) == (55, 100), "two errors of 15, one blocker of 15"
    assert healing.improvement == 45
    assert healing.outputs()["remediation_applied"] == "true"
    assert messy.state() == kept, "somebody's checkout is not touched"


@pytest.mark.shows("RM-1")
def test_only_what_the_lawbook_lists_runs_and_high_risk_never_does(messy: Checkout) -> None:
    healing = healed(messy, "python.ruff-fix-unsafe", "python.nonsense")
    assert healing.commit is None
    assert healing.reason is HealReason.NOTHING_TO_FIX
    assert reasons(healing) == {
        "python.ruff-format": HealReason.REMEDY_NOT_ALLOWED,
        "python.ruff-fix": HealReason.REMEDY_NOT_ALLOWED,
        "python.ruff-fix-unsafe": HealReason.HIGH_RISK,
        "python.nonsense": HealReason.REMEDY_NOT_ALLOWED,
    }
    assert healing.outputs()["remediation_applied"] == "false"


PROJECT = "t = open('pyproject.toml').read(); open('pyproject.toml', 'w').write(CHANGE)"
REFUSED = [
    ("a new folder", "open('extra.py', 'w').write('x = 1')", HealReason.UNEXPECTED_PATH, "extra.py is new"),
    (
        "a workflow",
        "import os; os.makedirs('.github/workflows'); open('.github/workflows/ci.yml', 'w').write('on: push')",
        HealReason.UNEXPECTED_PATH,
        ".github/workflows/ci.yml decides about checks",
    ),
    ("a deletion", "import os; os.unlink('shop/main.py')", HealReason.UNEXPECTED_PATH, "shop/main.py was deleted"),
    ("a mode", "import os; os.chmod('shop/main.py', 0o755)", HealReason.UNEXPECTED_PATH, "changed its mode"),
    (
        "a link out of the tree",
        "import os; os.unlink('shop/main.py'); os.symlink('/etc/hostname', 'shop/main.py')",
        HealReason.UNEXPECTED_PATH,
        "is no regular file",
    ),
    (
        "a dependency",
        PROJECT.replace("CHANGE", "t.replace(',<3', ',<3\", \"left-pad')"),
        HealReason.NEW_DEPENDENCY,
        "left-pad would be a new dependency",
    ),
    (
        "a major upgrade",
        PROJECT.replace("CHANGE", "t.replace('>=2,<3', '>=3,<4')"),
        HealReason.MAJOR_UPGRADE,
        "requests from '>=2,<3' to '>=3,<4'",
    ),
    (
        "a broken manifest",
        "open('pyproject.toml', 'w').write('[project')",
        HealReason.NEW_DEPENDENCY,
        "cannot be read",
    ),
    ("nothing", "pass", HealReason.NOTHING_TO_FIX, "changed nothing"),
    ("a crash", "raise SystemExit(3)", HealReason.REMEDY_FAILED, "ended with 3"),
]


@pytest.mark.shows("RM-2")
@pytest.mark.parametrize(("code", "reason", "told"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_change_that_may_not_be_proposed_leaves_nothing(
    messy: Checkout, code: str, reason: HealReason, told: str
) -> None:
    healing = healed(messy, "own.script", "python.ruff-format", "python.ruff-fix", own=(own(code),))
    assert reasons(healing) == {"own.script": reason, "python.ruff-fix-unsafe": HealReason.REMEDY_NOT_ALLOWED}
    assert told in why(healing)
    assert [change.path for change in healing.changes] == ["shop/main.py"], "the good fixes are kept without it"
    assert healing.commit is not None


@pytest.mark.shows("RM-2")
def test_limits_bind_each_fix_and_all_of_them_together(tmp_path: Path) -> None:
    files = {f"shop/m{n}.py": UNFORMATTED for n in range(3)} | {"pyproject.toml": PYPROJECT}
    checkout = Checkout(tmp_path / "shop", files)
    wide = healed(checkout, "python.ruff-format", max_files=2)
    assert reasons(wide)["python.ruff-format"] is HealReason.DIFF_TOO_LARGE
    assert wide.commit is None
    assert "3 files changed" in why(wide, "python.ruff-format")
    long = healed(checkout, "python.ruff-format", max_lines=12)
    assert why(long, "python.ruff-format") == "15 lines changed, remediation.maxLines is 12"
    both = healed(checkout, "python.ruff-format", "python.ruff-fix", max_lines=17)
    assert [fix.id for fix in both.applied] == ["python.ruff-fix"]
    assert why(both, "python.ruff-format") == "18 lines changed, remediation.maxLines is 17, all fixes together"


@pytest.mark.shows("RM-3")
def test_a_fix_sees_no_credential_and_reaches_no_remote(messy: Checkout, tmp_path: Path) -> None:
    messy.git("remote", "add", "origin", f"https://x:{TOKEN}@localhost/acme/shop.git")
    seen = tmp_path / "seen"
    code = (
        "import os, subprocess, pathlib\n"
        "def git(*a): return subprocess.run(['git', *a], capture_output=True, text=True)\n"
        "told = [repr(dict(os.environ)), git('remote', '-v').stdout, git('config', '--list').stdout]\n"
        "push = git('push', 'origin', 'HEAD:main')\n"
        "home = [str(p) for p in pathlib.Path.home().rglob('*')]\n"
        f"pathlib.Path({str(seen)!r}).write_text('\\n'.join([*told, *home, f'push={{push.returncode}}']))\n"
    )
    healing = healed(messy, "own.script", own=(own(code),))
    told = seen.read_text()
    assert reasons(healing)["own.script"] is HealReason.NOTHING_TO_FIX
    assert TOKEN not in told
    assert "secret" not in told
    for name in ("GITHUB_TOKEN", "GH_TOKEN", "CICATRIX_", "ACTIONS_", "GIT_CONFIG", "SSH_AUTH_SOCK", "origin"):
        assert name not in told, name
    assert "push=0" not in told
    assert "push=" in told


def test_what_a_fix_plants_in_its_worktree_reaches_no_later_one(messy: Checkout, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    plant = (
        "import pathlib, os\n"
        "hook = pathlib.Path('.git/hooks/post-commit'); hook.parent.mkdir(exist_ok=True)\n"
        f"hook.write_text('#!/bin/sh\\ntouch {canary}\\n'); os.chmod(hook, 0o755)\n"
        f"open('.git/config', 'a').write('[core]\\n fsmonitor = touch {canary}\\n hooksPath = .git/hooks\\n')\n"
    )
    healing = healed(
        messy, "own.script", "python.ruff-format", "python.ruff-fix", own=(own(plant, stage=Stage.FORMAT),)
    )
    assert healing.commit is not None
    assert not canary.exists()


@pytest.mark.shows("RM-2")
def test_a_result_that_is_worse_is_not_proposed(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "shop", {"a.py": "import os\n", "pyproject.toml": PYPROJECT})
    worse = own("open('a.py', 'a').write('import sys\\nimport json\\n')", "a.py")
    healing = healed(checkout, "own.script", own=(worse,))
    assert healing.commit is None
    assert healing.reason is HealReason.NOT_IMPROVED
    assert healing.why == "health went from 70 to 25"
    assert healing.outputs()["remediation_applied"] == "false"


@pytest.mark.shows("RM-2")
def test_a_result_whose_health_is_unknown_is_not_proposed(tmp_path: Path) -> None:
    """The fix breaks what the check reads, so that nobody can say whether it is better."""
    text = '[project]\nname = "shop"\nversion = "1.0.0"\n'
    checkout = Checkout(tmp_path / "shop", {"a.py": "import os\n", "lint.py": LINT, "pyproject.toml": text})
    check = Check(name="lint", component=Component.LINT, command=(sys.executable, "lint.py"), parser="ruff")
    breaks = own("open('lint.py', 'w').write('print(1 / 0)')", "lint.py")
    healing = healed(checkout, "own.script", own=(breaks,), checks=(check,))
    assert healing.before.health is not None
    assert healing.commit is None
    assert healing.reason is HealReason.HEALTH_UNKNOWN


@pytest.mark.shows("GK-4", "RM-2")
def test_measurements_with_different_checks_are_not_compared(messy: Checkout) -> None:
    remediation = Remediation(allow=("python.ruff-fix",), max_files=20, max_lines=500)
    with workbench(messy) as (bench, _, sha):
        first = heal(bench, sha, case="case-1", remediation=remediation)
        other = replace(first.before, set_hash="other checks")
        healing = heal(bench, sha, case="case-1", remediation=remediation, before=other)
    assert first.commit is not None
    assert healing.commit is None
    assert (healing.reason, "same checks" in healing.why) == (HealReason.HEALTH_UNKNOWN, True)


LINT = """
import json, sys
place = {"row": 1, "column": 1}
found = {"code": "F401", "message": "unused", "filename": "a.py", "location": place, "end_location": place, "fix": None}
print(json.dumps([found | {"url": None, "noqa_row": 1, "cell": None}]))
sys.exit(1)
"""


def test_text_of_a_registry_cannot_tell_github_to_skip_ci(messy: Checkout) -> None:
    told = own("open('shop/main.py', 'w').write('x = 1\\n')", "shop/*.py", about="[skip ci] of ours")
    with workbench(messy) as (bench, _, sha):
        healing = heal(
            bench,
            sha,
            case="case-1",
            remediation=Remediation(allow=("own.script",), max_files=1, max_lines=50),
            own=(told,),
        )
    assert healing.commit is not None
    assert "[" not in healing.message
    assert healing.message == "Apply 1 fix of case case-1\n\n- own.script\n\nCicatrix-Case: case-1\n"
    for hostile in ("x\nskip-checks: true", "[skip ci]", "../main", ""):
        with pytest.raises(ValueError, match="no id of a case"), workbench(messy) as (bench, _, sha):
            heal(bench, sha, case=hostile, remediation=Remediation(allow=(), max_files=1, max_lines=1))


@pytest.mark.shows("RM-5")
def test_a_failed_build_is_diagnosed_from_its_log_and_redacted(tmp_path: Path) -> None:
    files = {"a.py": f"# {TOKEN}\nimport nothing.there\n", "pyproject.toml": PYPROJECT}
    checkout = Checkout(tmp_path / "shop", files)
    build = Check(
        name="build",
        component=Component.BUILD,
        command=(sys.executable, "-c", "print(open('a.py').read()); import nothing"),
        parser="exit-code",
    )
    healing = healed(checkout, checks=(build,))
    assert healing.diagnostics is not None
    assert healing.outputs()["build_diagnostic_available"] == "true"
    told = healing.diagnostics.as_json()
    assert told["buildSucceeded"] is False
    assert told["categories"] == {"import": 1}
    assert told["errors"][0]["code"] == "ModuleNotFoundError"
    assert TOKEN not in str(told)
