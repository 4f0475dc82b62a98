"""The access policy: what is not named is refused, and nothing that looks alike gains by it."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cicatrix.core.access import DENY_ALL, AccessPolicy, matches


def policy(*entries: dict[str, Any]) -> AccessPolicy:
    found = AccessPolicy.parse(json.dumps({"allowlist": list(entries)}))
    assert isinstance(found, AccessPolicy), found
    return found


SITE = {"owner": "acme", "repo": "site"}


def code(refusal: Any) -> str | None:
    return None if refusal is None else refusal.code


@pytest.mark.shows("AU-1")
def test_the_seed_s_shape_with_its_default_branch() -> None:
    found = policy(SITE)
    assert found.refusal("acme", "site") is None
    assert found.branch_refusal("acme", "site", "main") is None
    assert code(found.branch_refusal("acme", "site", "dev")) == "BRANCH_NOT_ALLOWED"
    assert code(found.refusal("acme", "shop")) == "REPO_NOT_ALLOWED"
    assert code(found.branch_refusal("other", "site", "main")) == "REPO_NOT_ALLOWED"
    assert found.path_refusal("acme", "site", "src/app.py") is None


@pytest.mark.shows("AU-1")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not valid JSON"),
        ("{", "is not valid JSON"),
        ("NaN", "NaN is no JSON"),
        ("[]", "must be a mapping, not a list"),
        ("{}", "needs allowlist"),
        ('{"allowlist": {}}', "allowlist must be a list"),
        ('{"allowlist": [{"owner": "acme"}]}', "allowlist[0] needs repo"),
        ('{"allowlist": [{"owner": "*", "repo": "site"}]}', "allowlist[0].owner must be an owner's name"),
        ('{"allowlist": [{"owner": "acme", "repo": "a/b"}]}', "allowlist[0].repo must be a repository's name"),
        ('{"allowlist": [{"owner": "acme", "repo": ".."}]}', "allowlist[0].repo must be a repository's name"),
        ('{"allowlist": [{"owner": "acme", "repo": "x", "branch": ["a"]}]}', "did you mean branches?"),
        ('{"allowlist": [{"owner": "acme", "repo": "x", "branches": "main"}]}', "branches must be a list"),
        ('{"allowlist": [{"owner": "acme", "repo": "x", "branches": null}]}', "branches must be a list"),
        ('{"allowlist": [{"owner": "acme", "owner": "evil", "repo": "x"}]}', "stands twice"),
        ('{"allowlist": [], "allowList": []}', "did you mean allowlist?"),
        ("[" * 100_000, "is not valid JSON"),
        ('{"allowlist": [{"owner": "a", "repo": "b", "branches": ["\\ud800"]}]}', "must be a pattern"),
    ],
)
def test_what_is_malformed_is_said_and_is_no_policy(text: str, says: str) -> None:
    problems = AccessPolicy.parse(text)
    assert isinstance(problems, tuple)
    assert says in problems[0]
    assert "GITHUB_REPO_ALLOWLIST" in problems[0]


@pytest.mark.shows("AU-1")
def test_a_missing_or_malformed_policy_denies_everything() -> None:
    denied = DENY_ALL("GITHUB_REPO_ALLOWLIST is not set")
    for refusal in (
        denied.refusal("acme", "site"),
        denied.branch_refusal("acme", "site", "main"),
        denied.tag_refusal("acme", "site", "v1"),
        denied.path_refusal("acme", "site", "a"),
    ):
        assert refusal is not None
        assert refusal.code == "POLICY_CONFIG_ERROR"
        assert "is not set" in refusal.why
    empty = policy()
    assert code(empty.refusal("acme", "site")) == "REPO_NOT_ALLOWED"
    assert denied.hash != empty.hash


@pytest.mark.shows("AU-1")
def test_owner_and_repository_differ_in_case_only_by_accident_and_branches_by_meaning() -> None:
    found = policy({"owner": "Acme", "repo": "Site", "branches": ["Release"]})
    assert found.refusal("aCME", "sITE") is None
    assert found.branch_refusal("ACME", "SITE", "Release") is None
    assert code(found.branch_refusal("ACME", "SITE", "release")) == "BRANCH_NOT_ALLOWED"


@pytest.mark.shows("AU-1")
def test_a_star_stays_inside_one_part_and_two_cross() -> None:
    found = policy({**SITE, "branches": ["release/*", "team/**"], "paths": ["docs/*", "src/**/*.py"]})
    allowed = ["release/1", "team/a", "team/a/b"]
    refused = ["release/1/hotfix", "release", "releases/1", "xrelease/1", "teams/a", ""]
    assert [b for b in allowed if found.branch_refusal("acme", "site", b)] == []
    assert [b for b in refused if not found.branch_refusal("acme", "site", b)] == []
    assert found.path_refusal("acme", "site", "docs/a.md") is None
    assert found.path_refusal("acme", "site", "src/a/b/c.py") is None
    for path in (
        "docs/a/b.md",
        "src/a/b/c.js",
        "x",
        "",
        "docs/",
        "/docs/a",
        "docs/../x",
        "docs//a",
        "docs\\a",
        "./docs/a",
    ):
        assert code(found.path_refusal("acme", "site", path)) == "PATH_NOT_ALLOWED", path


def test_dots_and_brackets_in_patterns_are_themselves() -> None:
    assert matches("v1.0", "v1.0")
    assert not matches("v1.0", "v1x0")
    assert matches("[a]?", "[a]?")
    assert not matches("[a]", "a")


@pytest.mark.shows("AU-1")
def test_a_tag_is_no_branch_and_a_branch_no_tag() -> None:
    found = policy({**SITE, "branches": ["main", "refs/tags/v*"]})
    assert found.branch_refusal("acme", "site", "main") is None
    assert found.branch_refusal("acme", "site", "refs/heads/main") is None
    assert found.tag_refusal("acme", "site", "v1") is None
    assert found.tag_refusal("acme", "site", "refs/tags/v1") is None
    assert code(found.tag_refusal("acme", "site", "main")) == "BRANCH_NOT_ALLOWED"
    assert code(found.branch_refusal("acme", "site", "v1")) == "BRANCH_NOT_ALLOWED"
    assert code(found.branch_refusal("acme", "site", "refs/tags/v1")) == "BRANCH_NOT_ALLOWED"
    anything = policy({**SITE, "branches": ["**"]})
    assert anything.branch_refusal("acme", "site", "a/b") is None
    assert code(anything.branch_refusal("acme", "site", "refs/tags/v1")) == "BRANCH_NOT_ALLOWED"
    assert code(anything.tag_refusal("acme", "site", "v1")) == "BRANCH_NOT_ALLOWED"


def test_several_entries_of_one_repository_add_up() -> None:
    found = policy(SITE, {**SITE, "branches": ["dev"], "paths": []}, {"owner": "acme", "repo": "lib-*", "branches": []})
    assert found.branch_refusal("acme", "site", "dev") is None
    assert found.branch_refusal("acme", "site", "main") is None
    assert found.refusal("acme", "lib-a") is None
    assert code(found.branch_refusal("acme", "lib-a", "main")) == "BRANCH_NOT_ALLOWED"
    assert code(policy({**SITE, "paths": []}).path_refusal("acme", "site", "a")) == "PATH_NOT_ALLOWED"


@pytest.mark.shows("AU-2")
def test_the_hash_is_that_of_the_meaning() -> None:
    one = policy(SITE, {"owner": "acme", "repo": "lib", "branches": ["a", "b"]})
    same = policy(
        {"owner": "ACME", "repo": "LIB", "branches": ["b", "refs/heads/a"]},
        {**SITE, "branches": ["main"], "paths": None},
    )
    assert one.hash == same.hash
    assert re.fullmatch(r"[0-9a-f]{64}", one.hash)
    others = [policy(SITE), policy({**SITE, "paths": []}), policy({**SITE, "branches": ["dev"]}), policy()]
    assert len({one.hash, *(p.hash for p in others)}) == 5


def test_a_refusal_says_what_is_allowed_and_what_would_help() -> None:
    refusal = policy({**SITE, "branches": ["main", "release/*"]}).branch_refusal("acme", "site", "x\x1b[31m")
    assert refusal is not None
    assert "allows main, release/*" in refusal.why
    assert "add x?[31m to branches" in refusal.why


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([], "has no entry"),
        ([SITE], "the one entry of GITHUB_REPO_ALLOWLIST is for another repository"),
        ([SITE, {**SITE, "repo": "b"}], "none of the 2 entries of GITHUB_REPO_ALLOWLIST is for it"),
    ],
)
def test_a_repository_that_is_not_listed_is_told_so_in_plain_words(entries: list[dict[str, Any]], says: str) -> None:
    refusal = policy(*entries).refusal("acme", "other")
    assert refusal is not None
    assert says in refusal.why


TEXT = st.text(alphabet="ab/*.", max_size=8)


@settings(max_examples=300, deadline=None)
@given(TEXT, st.text(alphabet="ab/.", max_size=10))
def test_matching_is_that_of_the_regular_expression(pattern: str, text: str) -> None:
    parts = re.split(r"(\*+)", pattern)
    wanted = "".join("[^/]*" if p == "*" else ".*" if p.startswith("*") else re.escape(p) for p in parts)
    assert matches(pattern, text) == (re.fullmatch(wanted, text, re.DOTALL) is not None)


def test_a_pattern_of_many_stars_takes_no_long_time() -> None:
    began = time.perf_counter()
    assert not matches("*a" * 150, "a" * 255 + "/b")
    assert time.perf_counter() - began < 2
