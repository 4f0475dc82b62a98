"""The last gate before the wire: a secret that this service knows leaves it in no answer, wherever it came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from cicatrix.core.actions import Role
from tests.web.desk import RESET, desk_at

KNOWN = "correct-horse-battery-staple"
"""Nothing in its shape tells that it is a secret: only the settings know."""


@pytest.mark.shows("PG-4", "TR-2")
def test_a_known_secret_in_foreign_text_leaves_in_no_answer(tmp_path: Path) -> None:
    with desk_at(tmp_path, secrets=(KNOWN,)) as desk:
        desk.red(job=f"test {KNOWN}", log=f"{RESET}\nfailed with {KNOWN}")
        key = desk.key(Role.OPERATOR)
        where = {"owner": "acme", "repo": "shop"}
        answers = [
            desk.rerun(key, dryRun=True),
            desk.ask("GET", "/api/github/prs/1/checks/triage?owner=acme&repo=shop", key),
            desk.ask("POST", "/api/github/prs/1/checks/prompt", key, json=where),
            desk.rerun(key),
            desk.ask("POST", "/api/github/checks/rerun-batch", key, json={"items": [where | {"prNumber": 1}]}),
            desk.rerun(key, requestId=f"r {KNOWN}"),
            desk.rerun(key, mode=KNOWN),
        ]
    assert [answer.status_code for answer in answers] == [200] * 5 + [400] * 2
    assert [answer.text for answer in answers if KNOWN in answer.text] == []
    assert "test " in answers[0].text
