"""Lawbook files from bytes: where a mistake stands, and what a hostile file can not do."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cicatrix.core.lawbook import BUILT_IN, LayerKind, bound, resolve
from cicatrix.lawbook import LARGEST, load, load_workflow, load_yaml

FILE = ".github/cicatrix.yml"

DAY_ONE = b"""\
version: 2026-11-21.1
mode: shadow                 # off | shadow | act
eligible: [infra_transient, flaky_probable]
attempts: {perJob: 2, perJobAndSha: 2, perPullRequest: 5, perPullRequestDay: 15}
minutes: {perPullRequestDay: null, perRepositoryDay: ~}
storm:
  failedJobs: 5
  window: 2h
sideEffects:
  allow:
    - "docs deploy"
    - &x preview deploy
owners: ['@octo/team', {path: services/**, owners: ['@octo']}]
"""


def said(text: bytes) -> list[str]:
    found, problems = load(text, FILE)
    assert (found is None) == bool(problems)
    return [str(problem) for problem in problems]


def test_a_file_becomes_a_layer_with_lines() -> None:
    found, problems = load(DAY_ONE, FILE, kind=LayerKind.DEPLOYMENT)
    assert not problems
    assert found is not None
    assert found.lines["attempts.perJob"] == 4
    assert found.lines["storm.window"] == 8
    resolved = resolve([found])
    assert bound(resolved, "attempts.perJob") == "lawbook attempts.perJob (.github/cicatrix.yml:4)"
    assert resolved.lawbook.side_effects.allow == ("docs deploy", "preview deploy")
    assert [owner.path for owner in resolved.lawbook.owners] == ["**", "services/**"]
    assert resolved.lawbook.attempts == BUILT_IN.attempts


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"\n\n\n\nattempts: {perJob: 9}", ":5:12 attempts.perJob must be 0..5"),
        (b"attempts:\n  perJob: 9\n", ":2:3 attempts.perJob must be 0..5"),
        (b"eligible:\n  - infra_transient\n  - tests\n", ":3:5 eligible[1] must be"),
        (b"mode: on\n", ":1:1 mode must be off or shadow or act, not on"),
        (b"a: [1\nb: 2", ":2:2 the file is not valid YAML"),
        (b"mode: act\nmode: off", ":2:1 mode stands twice: keep one"),
        (b"\tmode: act", ":1:1 the file is not valid YAML"),
        (b"mode: act\nx: \xff", ":2 the file is not UTF-8 text"),
        (b"mode: act\n  x: \x00", ":2:6 the file is not valid YAML"),
        (b"mode: *gone", ":1:7 the file is not valid YAML"),
        (b"mode: !!python/object:os.system x", ":1:7 mode has the tag"),
        (b"mode: !mine act", ":1:7 mode has the tag !mine"),
        (b"? [a]\n: 1", ":1:3 the file has a key that is not text"),
        (b"attempts:\n  1: 2", ":2:3 attempts has a key that is not text"),
        (b"attempts: {<<: {perJob: 1}}", "has a key that is not text"),
        (b"mode: act\n---\nmode: off", ":2:1 the file is not valid YAML"),
        (b"- mode", ":1:1 the file must be a mapping"),
        (b"version: 1.0", "(put it in quotes)"),
        (b"attempts: {perJob: .inf}", "must be 0..5, not inf"),
        (b"attempts: {perJob: " + b"9" * 5_000 + b"}", ":1:20 attempts.perJob is a number that cannot be read"),
    ],
)
@pytest.mark.shows("LB-1")
def test_mistakes_are_found_with_line_and_column(text: bytes, says: str) -> None:
    found = said(text)
    assert len(found) == 1
    assert says in found[0]
    assert found[0].startswith(FILE)
    assert "\n" not in found[0]


@pytest.mark.parametrize(
    "text", [b"", b"# only a comment\n", b"---\n", b"\xef\xbb\xbfmode: act\n", b"version: 2026-11-21\n"]
)
def test_empty_files_marks_and_dates_are_fine(text: bytes) -> None:
    assert said(text) == []


def test_dates_stay_text_and_numbers_are_read_as_yaml_writes_them() -> None:
    tree, _, _ = load_yaml(b"a: 2026-11-21\nb: 0x1F\nc: 0o17\nd: 1_000\ne: -3\nf: 2.5\ng: off\nh: true\ni: ''", "f")
    expected = {"a": "2026-11-21", "b": 31, "c": 15, "d": 1000, "e": -3, "f": 2.5, "g": "off", "h": True, "i": ""}
    assert tree == expected


def laughs(levels: int) -> bytes:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines).encode()


HOSTILE = {
    "aliases": laughs(12),
    "a circle": b"a: &a [*a]",
    "brackets": b"[" * 20_000,
    "braces": b"{a: " * 20_000,
    "dashes": b"- " * 20_000,
    "indents": b"".join(b" " * n + b"a:\n" for n in range(400)),
    "too large": b"a: " + b"x" * LARGEST,
    "many keys": b"".join(b"k%d: 1\n" % n for n in range(25_000)),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_refused_soon(kind: str) -> None:
    began = time.process_time()
    assert said(HOSTILE[kind])
    assert time.process_time() - began < 4
    began = time.process_time()
    load_workflow(HOSTILE[kind])
    assert time.process_time() - began < 12


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | st.text("a:-[]{},&*!|>'\"%@# \n\t?1", max_size=40).map(str.encode))
def test_any_bytes_end_in_a_layer_or_in_problems(text: bytes) -> None:
    said(text)
    load_workflow(text)


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text("abc: #-'\"\n\u00e9", max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcde", min_size=1), inner, max_size=3),
        max_leaves=8,
    )
)
def test_plain_data_is_read_back_as_it_was_written(tree: object) -> None:
    found, positions, problems = load_yaml(json.dumps(tree, indent=1).encode(), "f")  # JSON is YAML
    assert not problems
    assert found == tree
    assert positions[()][0] >= 1


# --- workflow files


def test_workflow_files_are_read_as_github_reads_them() -> None:
    tree = load_workflow(b"on: push\njobs:\n  a:\n    steps: &s [{run: x}]\n  b:\n    steps: *s\n    if: off\n")
    assert tree is not None
    assert tree["on"] == "push"
    jobs = tree["jobs"]
    assert isinstance(jobs, dict)
    assert jobs["b"] == {"steps": [{"run": "x"}], "if": "off"}


@pytest.mark.parametrize(
    "text", [b"", b"- a", b"a: [", b"\xff", b"a: 1\na: 2", b"x: !!python/object:os.system 1", b"a: " + b"x" * 600_000]
)
def test_unreadable_workflow_files_are_none(text: bytes) -> None:
    assert load_workflow(text) is None


def test_equal_content_is_parsed_once() -> None:
    text = b"jobs: {once: {}}"
    assert load_workflow(text) is load_workflow(bytes(bytearray(text)))
