"""CODEOWNERS by GitHub's rules: the examples of its page, the order of lines, and what never matches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cicatrix.core.codeowners import CodeOwners, Rule

MATCHES = [
    # pattern, files it covers, files it does not
    ("*", ["a", "a/b.py", ".github/CODEOWNERS"], []),
    ("**", ["a", "a/b.py"], []),
    ("*.js", ["app.js", "src/app.js"], ["app.jsx", "app.JS", "js"]),
    ("/build/logs/", ["build/logs/a", "build/logs/b/c.txt"], ["build/logs", "x/build/logs/a", "build/log/a"]),
    ("docs/*", ["docs/getting-started.md"], ["docs/build-app/troubleshooting.md", "x/docs/a.md"]),
    ("apps/", ["apps/a", "x/y/apps/b/c"], ["apps", "apps2/a"]),
    ("/docs/", ["docs/a", "docs/b/c"], ["x/docs/a", "docs"]),
    ("/scripts", ["scripts", "scripts/a/b"], ["x/scripts", "scripts2"]),
    ("**/logs", ["logs/a", "build/logs/a", "deeply/nested/logs/x/y", "logs"], ["log/a", "build/catalogs/a"]),
    ("src/**/test_?.py", ["src/test_a.py", "src/a/b/test_b.py"], ["src/test_ab.py", "test_a.py"]),
    ("/a/**", ["a/b", "a/b/c"], ["a", "b/a/c"]),
    ("a*b/c", ["ab/c", "axxb/c", "ab/c/d"], ["a/b/c", "xab/c"]),
    ("foo", ["foo", "x/foo", "foo/bar"], ["food", "x/food/bar"]),
    ("/", [], ["a", "a/b"]),
]


@pytest.mark.shows("RG-5")
@pytest.mark.parametrize(("pattern", "covered", "not_covered"), MATCHES, ids=[row[0] for row in MATCHES])
def test_a_pattern_covers_what_githubs_page_says(pattern: str, covered: list[str], not_covered: list[str]) -> None:
    rule = Rule(pattern, ("@x",), 1)
    assert [path for path in covered if not rule.matches(path)] == []
    assert [path for path in not_covered if rule.matches(path)] == []


@pytest.mark.shows("RG-5")
def test_the_last_line_that_matches_counts_alone() -> None:
    owners = CodeOwners.parse(
        "# who owns what\n"
        "*            @acme/everybody\n"
        "*.js         @jane docs@example.com  #an inline comment\n"
        "/apps/       @octocat\n"
        "/apps/github\n"
        "a\\ b.txt     @spaces\n"
    )
    found = {path: owners.rule_for(path) for path in ("x.py", "x.js", "apps/x.js", "apps/github/x.js", "a b.txt")}
    assert {path: rule and rule.owners for path, rule in found.items()} == {
        "x.py": ("@acme/everybody",),
        "x.js": ("@jane", "docs@example.com"),
        "apps/x.js": ("@octocat",),
        "apps/github/x.js": (),
        "a b.txt": ("@spaces",),
    }
    assert found["x.js"] is not None
    assert found["x.js"].line == 3
    groups = owners.groups(["x.js", "y.js", "apps/1", "apps/github/2"])
    assert groups == (("@jane", "docs@example.com"), ("@octocat",))


def test_lines_that_github_cannot_take_are_left_out() -> None:
    text = "* @all\n!*.js @no\nfile[0-9] @no\n\\#odd @no\na***b @no\n*.py not-an-owner\n"
    assert [rule.pattern for rule in CodeOwners.parse(text).rules] == ["*"]


PATTERNS = st.text(alphabet="ab*?/.", min_size=1, max_size=12)
PATHS = st.lists(st.text(alphabet="ab.", min_size=1, max_size=4), min_size=1, max_size=5).map("/".join)


@given(PATTERNS, PATHS)
def test_no_pattern_fails_and_anchoring_never_covers_more(pattern: str, path: str) -> None:
    anywhere, anchored = Rule(pattern, (), 1), Rule("/" + pattern.lstrip("/"), (), 1)
    assert anywhere.matches(path) or not anchored.matches(path)


def test_a_hostile_pattern_costs_little() -> None:
    assert not Rule("**/a" * 200 + "/b", (), 1).matches("/".join(["a"] * 500))
    assert not Rule("a*" * 60 + "b", (), 1).matches("a" * 4000)
