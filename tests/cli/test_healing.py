"""`cicatrix heal` at a shell, on a real checkout with the real ruff."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.desk import Desk

MESSY = "import os\nimport sys\nx   =  {  'a':1 }\nprint( x,sys.argv )\n"
LAWBOOK = """
version: deployment.1
remediation: {allow: [python.ruff-format, python.ruff-fix]}
checks:
  - {name: ruff, component: lint, command: [ruff, check, --no-cache, --output-format, json, .], parser: ruff}
"""


@pytest.fixture
def checkout(desk: Desk) -> Path:
    folder = desk.folder / "shop"
    folder.mkdir()
    desk.set(PATH=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin")
    (folder / "main.py").write_text(MESSY)
    (folder / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "1.0.0"\n')
    committed(folder)
    return folder


def committed(folder: Path) -> None:
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    for words in (("init", "--quiet", "--initial-branch=main"), ("add", "-A"), (*who, "commit", "--quiet", "-m", "x")):
        subprocess.run(["git", *words], cwd=folder, check=True)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def deployed(desk: Desk) -> str:
    place = desk.folder / "deployment.yml"
    place.write_text(LAWBOOK)
    return str(place)


@pytest.mark.shows("RM-1", "RM-3", "RM-5")
def test_a_dry_run_shows_numbers_changes_and_refusals_and_touches_nothing(desk: Desk, checkout: Path) -> None:
    before = files(checkout)
    ended = desk.cicatrix("heal", "--path", checkout, "--lawbook", deployed(desk), "--json")
    told = ended.json
    assert ended.code == 0
    assert files(checkout) == before
    assert (told["before"]["health"], told["after"]["health"], told["improvement"]) == (55, 100, 45)
    assert [fix["id"] for fix in told["applied"]] == ["python.ruff-fix", "python.ruff-format"]
    assert told["changes"] == [{"path": "main.py", "status": "M", "added": 3, "removed": 3}]
    assert told["declined"][0]["reasonCode"] == "remedy_not_allowed"
    assert (told["proposes"], told["commit"], told["remediationApplied"]) == (True, None, False)
    table = desk.cicatrix("heal", "--path", checkout, "--lawbook", deployed(desk), "-o", "table").out
    assert "health 55, and health 100 after the fixes" in table
    assert "M main.py +3 -3" in table
    assert "--yes proposes this" in table
    assert desk.writes == []


def test_a_repository_cannot_allow_its_own_fixes_by_itself(desk: Desk, checkout: Path) -> None:
    (checkout / ".github").mkdir()
    (checkout / ".github" / "cicatrix.yml").write_text(LAWBOOK)
    committed(checkout)
    ended = desk.cicatrix("heal", "--path", checkout, "-o", "table")
    assert ended.code == 3
    assert "remedy_not_allowed" in ended.out
    assert "list `remediation.allow` under `delegated:`" in ended.out


def test_what_cannot_be_healed_is_told_in_three_lines(desk: Desk, checkout: Path) -> None:
    for words, code in (
        (("heal", "--path", desk.folder), 1),
        (("heal", "--path", checkout, "--ref", "nothing"), 1),
        (("heal", "--path", checkout, "--yes"), 2),
        (("heal", "run:5", "-R", "acme/shop"), 2),
    ):
        ended = desk.cicatrix(*words)
        assert ended.code == code, (words, ended.err)
        assert ended.three_lines
