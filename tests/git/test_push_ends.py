"""A push whose end the remote did not tell, though git ended in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from cicatrix.git import Mirror, PushUnanswered
from tests.git.http_remote import HttpRemote
from tests.git.races import RECEIPT
from tests.git.repositories import THEN, US, Maker


@pytest.mark.shows("F25")
def test_a_remote_that_did_not_tell_the_end_is_settled_by_reading(
    mirror: Mirror, there: Maker, served: HttpRemote, tmp_path: Path
) -> None:
    """To git that is a refusal of the ref, though everything was sent."""
    del served
    tip = there.commit({"a": b"2\n"}, there.commit({"a": b"1\n"}))
    mirror.fetch()
    sha = mirror.revert(tip, tip=tip, author=US, date=THEN, message="Undo\n").sha
    silent = tmp_path / "silent-git"
    silent.write_text(
        '#!/bin/sh\ngit "$@" > /dev/null 2>&1\n'
        f"printf '!\\t{sha}:refs/heads/main\\t[remote failure] (remote failed to report status)\\n'\nexit 1\n"
    )
    silent.chmod(0o700)
    told = Mirror(git=type(mirror.git)(folder=mirror.git.folder, program=str(silent)), remote=mirror.remote)
    with pytest.raises(PushUnanswered):
        told.push(sha, "main", expected=tip, receipt=RECEIPT)
    assert mirror.remote_tip("main") == sha, "and this one did take effect"
