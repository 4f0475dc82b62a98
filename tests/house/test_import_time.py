"""The import budget (stack 6): which modules a command may load, judged by name, not by milliseconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "alembic",
    "cryptography",
    "httpx",
    "hyperscan",
    "jwt",
    "platformdirs",
    "pydantic",
    "pydantic_settings",
    "rfc8785",
    "rich",
    "ruamel",
    "sqlalchemy",
    "structlog",
}
TYPERS_OWN = {"pydantic"}
"""Typer 0.29 checks a command's parameters with pydantic; nothing of ours does in these commands."""
OFFLINE = {"alembic", "httpx", "sqlalchemy", "jwt", "cryptography"}


def loaded(*arguments: str) -> set[str]:
    """Top-level names of the modules that a command imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "cicatrix", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:") and line.count("|") == 2]
    assert len(lines) > 50
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_version_and_help_load_nothing_but_typer(word: str) -> None:
    assert loaded(word) & HEAVY == set()


@pytest.mark.parametrize("noun", ["rerun", "ledger"])
def test_help_of_a_command_loads_nothing_but_typer(noun: str) -> None:
    assert loaded(noun, "--help") & (HEAVY - TYPERS_OWN) == set()


def test_ledger_verify_needs_no_database_no_settings_and_no_network(tmp_path: Path) -> None:
    export, head = tmp_path / "e.jsonl", tmp_path / "h.json"
    export.write_text("")
    root = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    head.write_text(json.dumps({"size": 0, "root": root}))
    assert loaded("ledger", "verify", str(export), "--head", str(head)) & (HEAVY - TYPERS_OWN) == set()


def test_lawbook_check_needs_no_database_and_no_network(tmp_path: Path) -> None:
    file = tmp_path / "cicatrix.yml"
    file.write_text("mode: shadow\n")
    assert loaded("lawbook", "check", str(file)) & (OFFLINE | {"pydantic_settings"}) == set()


def test_diagnose_needs_no_database_and_no_network(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("nothing\n")
    assert loaded("diagnose", str(file)) & (OFFLINE | {"pydantic_settings"}) == set()
