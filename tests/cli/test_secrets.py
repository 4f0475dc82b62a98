"""No configured secret is ever printed or stored, whatever command runs and however it fails (reliability T14)."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from tests.cli.desk import Desk

CANARY = "github_pat_11CANARYcanary0123456789_abcdefghij"
FORMS = (CANARY, base64.b64encode(CANARY.encode()).decode(), quote(CANARY), CANARY[::-1][::-1])


def leaks(text: str) -> bool:
    return any(form in text for form in FORMS)


@pytest.mark.shows("T14")
def test_a_canary_token_never_comes_out_of_any_command(desk: Desk) -> None:
    desk.world.token(CANARY, login="canary")
    desk.set(GITHUB_TOKEN=CANARY)
    desk.red(log=f"npm error code ECONNRESET Authorization: Bearer {CANARY}\nnpm error network {CANARY}")
    log = desk.folder / "a.log"
    log.write_text(f"##[error]src/a.c:1:5: error: unknown type name '{CANARY}'\n")
    commands = [
        ["rerun", "acme/shop#1", "-o", "table", "-v"],
        ["rerun", "acme/shop#1", "--json"],
        ["rerun", "acme/nothing#1", "-v"],
        ["rerun", f"acme/{CANARY}#1", "-v"],
        ["rerun", CANARY],
        ["rerun", "acme/shop#1", "--request-id", CANARY],
        ["explain", "acme/shop#1", "-o", "table", "-v"],
        ["explain", "acme/shop#1", "--json"],
        ["explain", CANARY],
        ["diagnose", str(log)],
        ["diagnose", f"/{CANARY}/x.log"],
        ["config", "show", "-o", "table"],
        ["config", "show", "--json"],
        ["doctor", "-R", "acme/shop", "-o", "table", "-v"],
        ["doctor", "--json"],
        ["tick", "-v"],
        ["ledger", "list", "-o", "table"],
        ["ledger", "list", "--json"],
        ["ledger", "show", "0"],
        ["ledger", "export"],
        ["ledger", "head"],
        ["operation", "list", "--all", "--json"],
        ["operation", "resolve", CANARY, "--as", "happened", "--reason", CANARY],
        ["lawbook", "show"],
    ]
    for words in commands:
        ended = desk.cicatrix(*words)
        assert not leaks(ended.out + ended.err), words
    stored = b"".join(path.read_bytes() for path in desk.folder.rglob("*") if path.is_file() and path != log)
    assert CANARY.encode() not in stored


def test_a_secret_in_a_name_is_masked_where_it_is_shown(desk: Desk) -> None:
    desk.world.token(CANARY, login="canary")
    desk.set(GITHUB_TOKEN=CANARY)
    desk.red(job=f"unit {CANARY}")
    for words in (["explain", "acme/shop#1"], ["rerun", "acme/shop#1", "-o", "table"], ["ledger", "show", "0"]):
        ended = desk.cicatrix(*words)
        assert "[redacted]" in ended.out
        assert not leaks(ended.out + ended.err)


@pytest.mark.shows("T14")
def test_a_wrong_key_is_not_quoted_back(bare: Desk) -> None:
    bare.set(GITHUB_TOKEN=None, CICATRIX_GITHUB_APP_ID="7", CICATRIX_GITHUB_APP_PRIVATE_KEY=f"-----BEGIN {CANARY}")
    ended = bare.cicatrix("rerun", "acme/shop#1", "-v")
    assert ended.code == 1
    assert not leaks(ended.out + ended.err)


def test_the_bearer_is_in_no_call_that_v_shows(desk: Desk) -> None:
    desk.red()
    err = desk.cicatrix("rerun", "acme/shop#1", "-v").err
    assert "github.call" in err
    assert "earer" not in err
