"""Names of strangers never become options, revisions or other refs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cicatrix.git import Remote, names
from tests.git.repositories import git

HOSTILE = st.one_of(
    st.text(max_size=30),
    st.text(alphabet="-ab/.@{}~^:*?[\\ \x00\x1b\n\u202e", max_size=12),
    st.sampled_from(["--upload-pack=x", "-x", "refs/..", "HEAD", "@", "a..b", "a.lock", "x/-y", "+a", "a:b", "^a"]),
)


@pytest.mark.shows("T25", "RB-3")
@given(text=HOSTILE)
@settings(max_examples=150, deadline=None)
def test_whatever_we_take_as_a_branch_git_takes_too_and_it_is_no_option(text: str) -> None:
    try:
        full = names.branch_ref(text)
    except ValueError:
        return
    assert full.startswith("refs/heads/")
    assert not names.branch(text).startswith("-")
    assert ":" not in full
    assert git(Path.cwd(), "check-ref-format", full, ok=False).returncode == 0


@pytest.mark.shows("T25", "RB-3")
@pytest.mark.parametrize("good", ["main", "cicatrix/revert/0123456789ab", "rel/1.2", "ü", "a-b", "refs/heads/main"])
def test_ordinary_branches_are_taken(good: str) -> None:
    assert names.branch_ref(good) == f"refs/heads/{good.removeprefix('refs/heads/')}"


@pytest.mark.shows("T25", "RB-3")
@given(text=st.one_of(HOSTILE, st.text(alphabet="0123456789abcdefABCDEF\n", min_size=38, max_size=66)))
def test_only_a_whole_object_name_is_one(text: str) -> None:
    whole = len(text) in (40, 64) and set(text) <= set("0123456789abcdef")
    if whole:
        assert names.sha(text) == text
        return
    with pytest.raises(ValueError, match="SHA"):
        names.sha(text)


@pytest.mark.shows("T25")
@pytest.mark.parametrize(
    "url",
    [
        "http://example.test/a/b.git",
        "ssh://example.test/a",
        "git@example.test:a/b",
        "ext::sh -c true",
        "file:///etc",
        "/etc",
        "--upload-pack=x",
        "https://user:word@example.test/a",
        "https://token@example.test/a",
        "https://example.test",
        "https://example.test/a?x=1",
        "https://example.test/a\nhttps://other.test/b",
        "https://exa mple.test/a",
    ],
)
def test_a_remote_is_behind_https_or_on_this_machine(url: str) -> None:
    with pytest.raises(ValueError, match="remote's URL"):
        Remote(url, lambda: None)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:1", "[::1]:99"])
def test_plain_http_is_for_loopback_alone(host: str) -> None:
    assert Remote(f"http://{host}/a/b.git", lambda: None).transports == ("http",)
