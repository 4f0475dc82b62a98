"""Registry documents from bytes: where a mistake stands, in YAML and in JSON, and what a hostile file can not do."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cicatrix.core.registry import Registry, advice, restore
from cicatrix.lawbook.registry import load_registry

FILE = "registries/site.yml"

TEXT = """\
version: 1.0.0
registryId: acme-site
repository: acme/site
allowedActions:
  - actionType: rerun_failed_jobs
    maxRetries: 3
    cooldownMinutes: 5
    preconditions:
      - type: pr_not_draft
      - {type: label_absent, value: hold}
  - actionType: rerun_checks     # maxRetries is missing here
requiredChecks:
  - name: build.linux
    allowedStatuses: [success]
approvalRules:
  minApprovers: 1
createdAt: 2026-11-21
"""


def loaded(text: str | bytes) -> Registry:
    found, problems = load_registry(text, FILE)
    assert found is not None, [str(p) for p in problems]
    return found


def said(text: str | bytes) -> list[str]:
    found, problems = load_registry(text, FILE)
    assert (found is None) == bool(problems)
    return [str(problem) for problem in problems]


def test_a_document_becomes_a_registry_with_the_lines_of_its_places() -> None:
    found = loaded(TEXT)
    assert found.origin("allowedActions.rerun_failed_jobs.maxRetries") == f"{FILE}:6"
    assert found.origin("allowedActions.rerun_failed_jobs.preconditions.1") == f"{FILE}:10"
    assert found.origin("allowedActions.rerun_checks.maxRetries") == f"{FILE}:11"
    assert found.origin("requiredChecks.build.linux.allowedStatuses") == f"{FILE}:14"
    assert found.origin("approvalRules.minApprovers") == f"{FILE}:16"
    assert found.origin("failClosed") == FILE
    assert found.version == "1.0.0"
    assert restore(json.loads(json.dumps(found.tree)), FILE, found.lines) == found


@pytest.mark.shows("RG-2")
def test_what_is_valid_and_hardly_meant_is_told_with_its_line() -> None:
    assert [str(problem).split(":")[1] for problem in advice(loaded(TEXT))] == [
        "11 allowedActions.rerun_checks.maxRetries is not set, which means no rerun at all"
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    maxRetries: 3", "    maxRetry: 3", ":6:5 allowedActions[0].maxRetry is no key here: did you mean maxRet"),
        ("    maxRetries: 3", "    maxRetries: -3", ":6:5 allowedActions[0].maxRetries must be 0..1000, not -3"),
        ("    maxRetries: 3", "    maxRetries: 3\n    maxRetries: 5", ":7:5 allowedActions.0.maxRetries stands twice"),
        (
            "value: hold",
            "valeu: hold",
            ":10:30 allowedActions[0].preconditions[1].valeu is no key here: did you mean",
        ),
        ("pr_not_draft", "not_draft", ":9:9 allowedActions[0].preconditions[0].type must be one of 11 words (did you"),
        (
            "rerun_checks ",
            "rerun_failed_jobs ",
            ":11:5 allowedActions[1] is a second entry for rerun_failed_jobs",
        ),
        (
            "[success]",
            "[success, ok]",
            ":14:32 requiredChecks[0].allowedStatuses[1] must be error or failure or",
        ),
        ("createdAt", "failClose", ":17:1 failClose is no key here: did you mean failClosed?"),
        ("version: 1.0.0", "version: 1.0", ":1:1 version must be a version such as 1.0.0 (put it in quotes)"),
        ("repository: acme/site", "repository: [", "is not valid YAML"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_column(old: str, new: str, says: str) -> None:
    assert old in TEXT
    found = said(TEXT.replace(old, new))
    assert any(says in line for line in found), found
    assert found[0].startswith(f"{FILE}:")


def test_all_mistakes_are_told_in_the_order_of_the_file() -> None:
    text = TEXT.replace("maxRetries: 3", "maxRetries: x").replace("minApprovers: 1", "minApprover: 1")
    assert [line.split(":")[1] for line in said(text)] == ["6", "16"]


@pytest.mark.shows("RG-7")
def test_yaml_and_json_of_one_content_are_one_registry() -> None:
    found = loaded(TEXT)
    compact = loaded(json.dumps(found.tree))
    indented = loaded(json.dumps(found.tree, indent=2).encode())
    assert compact.hash == indented.hash == found.hash
    assert indented.lines["allowedActions.rerun_checks"] > 1
    # a canonical text spells every default out, so nothing is missing there
    assert not advice(indented)


@pytest.mark.parametrize(
    "text", ["", "~", "- a\n", "text", b"\xff\xfe", "notes: \ud800", 'notes: "\\ud800"', "a: &x [*x]"]
)
def test_what_is_no_document_is_refused_and_nothing_is_raised(text: str | bytes) -> None:
    assert said(text)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=60), st.integers(0, len(TEXT)))
def test_no_text_raises(text: str | bytes, at: int) -> None:
    said(text)
    if isinstance(text, str):
        said(TEXT[:at] + text + TEXT[at:])
