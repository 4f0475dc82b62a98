"""The health report: JSON by its schema, the seed's sections in its order, numbers before and after (RP-1 to RP-4)."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given as having
from hypothesis import settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from cicatrix.core.health.model import Component, Gate
from cicatrix.core.operations import OperationState
from cicatrix.core.report.build import build_report
from cicatrix.core.report.inputs import Attempt, Redispatch, RollbackTold
from cicatrix.core.report.render import SECTIONS, TITLES, render_markdown
from cicatrix.core.report.schema import report_schema
from cicatrix.core.rollback.plan import RollbackStatus
from tests.cli.test_hostile import COMMANDS, MARKUP
from tests.report.reports import FIXED, SHA, full, given, measured, write

DOCS = Path(__file__).resolve().parents[2] / "docs"
GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])
SEED = [
    "Auto-Healing Summary",
    "Remediation Actions Taken",
    "Rollback Safety Status",
    "System Health Overview",
    "Auto-Fixes Applied",
    "Blocking Issues",
    "Warnings",
    "Manual Actions Required",
    "CI Decision Matrix",
    "Health Metrics",
    "System Configuration",
]
QUIET = {
    *("text", "softbreak", "code_inline", "inline", "heading_open", "heading_close", "strong_open", "strong_close"),
    *("paragraph_open", "paragraph_close", "bullet_list_open", "bullet_list_close", "list_item_open"),
    *("list_item_close", "ordered_list_open", "ordered_list_close", "hr"),
    *(f"{part}_{end}" for part in ("table", "thead", "tbody", "tr", "th", "td") for end in ("open", "close")),
}
HOSTILE = (
    "![x](https://evil.example/beacon.png)",
    "<img src=https://evil.example>",
    "<!-- cicatrix:marker -->",
    "@acme/owners please",
    "fixes #1",
    "closes GH-1",
    "www.evil.example",
    "https://evil.example",
    "[a](b)",
    "a | b | c",
    "`| `code` |",
    "a\\|b",
    "a\\",
    "```\n# heading\n",
    "- list\n1. more\n> quote",
    "***",
    "---",
    "| --- |",
    "[ref]: https://evil.example",
    "a  \nb",
    "&lt;b&gt; &#64;x",
    "\u202eevil\u2066",
    "\x1b[31m",
    "~~~\nx",
    "deadbeefdeadbeef",
)


def valid(report: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(report_schema()).validate(report)
    json.dumps(report, allow_nan=False)


def flat(markdown: str) -> list[Token]:
    return [inner for token in GFM.parse(markdown) for inner in [token, *(token.children or [])]]


def shape(markdown: str) -> list[str]:
    """The kinds of the tokens; a code span and a run of text are one, since both show text as text."""
    kinds = ["text" if t.type == "code_inline" else t.type for t in flat(markdown) if t.type != "softbreak"]
    return [kind for place, kind in enumerate(kinds) if kind != "text" or kinds[place - 1] != "text"]


def headings(markdown: str) -> list[str]:
    return re.findall(r"^## (.*)$", markdown, flags=re.MULTILINE)


@pytest.mark.shows("RP-1", "B7")
@pytest.mark.parametrize("inputs", [given(), full(), given(measurement=measured(health=None))])
def test_a_report_keeps_to_its_schema(inputs: Any) -> None:
    valid(build_report(inputs))


@pytest.mark.shows("RP-1")
def test_the_schema_is_strict() -> None:
    validator = jsonschema.Draft202012Validator(report_schema())
    report = build_report(full())
    for broken in (
        {**report, "more": 1},
        {**report, "exitCode": "0"},
        {**report, "header": {**report["header"], "health": 101}},
        {**report, "phases": {"phase3": "ACTIVATED", "phase4": "PERHAPS"}},
        {name: value for name, value in report.items() if name != "redispatch"},
    ):
        assert not validator.is_valid(broken)


@pytest.mark.shows("RP-1")
def test_the_published_schema_is_the_one_that_is_tested() -> None:
    assert json.loads((DOCS / "report.schema.json").read_text(encoding="utf-8")) == report_schema()


@pytest.mark.shows("RP-1")
@pytest.mark.parametrize("inputs", [given(), full()])
def test_the_seeds_sections_stand_in_its_order(inputs: Any) -> None:
    text = render_markdown(build_report(inputs))
    assert [title for title in headings(text) if title in SEED] == SEED
    assert text.splitlines()[0] == "# CI Health Gate Report"
    for line in ("**Generated:**", "**Overall Status:**", "**CI Readiness:**", "**Confidence:**"):
        assert line in text.split("## ")[0]
    assert "**Exit Code:** 0" in text.rsplit("---", 1)[1]


@pytest.mark.shows("RP-2", "C20")
def test_before_and_after_are_numbers_with_commit_and_time() -> None:
    report = build_report(full())
    told = report["remediation"]
    assert (told["before"]["sha"], told["after"]["sha"], told["before"]["takenAt"]) == (
        SHA,
        FIXED,
        "2026-11-22T12:00:00Z",
    )
    assert told["components"] == [
        {"component": part.value, "before": 60, "after": 95, "change": 35} for part in Component
    ]
    assert told["improvement"] == 35
    text = render_markdown(report)
    assert "| lint | 60 | 95 | +35 |" in text
    assert f"`{SHA}`, measured `2026-11-22T12:00:00Z`" in text


@pytest.mark.shows("RP-2", "VA-3")
def test_what_was_not_measured_is_no_number() -> None:
    report = build_report(full(before=None))
    assert report["remediation"]["before"] is None
    assert report["remediation"]["improvement"] is None
    assert {one["before"] for one in report["remediation"]["components"]} == {None}
    text = render_markdown(report)
    assert "**Before:** not measured" in text
    assert "| lint | not measured | 95 | not measured |" in text


@pytest.mark.shows("RP-2", "VA-2")
@pytest.mark.parametrize(
    ("fields", "why"),
    [({"set_hash": "e" * 64}, "different checks"), ({"tools": {"ruff": "0.1"}}, "versions of the tools")],
)
def test_measurements_that_do_not_compare_give_no_improvement(fields: dict[str, Any], why: str) -> None:
    report = build_report(full(before=measured(SHA, health=60, **fields)))
    assert report["remediation"]["improvement"] is None
    assert why in render_markdown(report)


@pytest.mark.shows("RP-3", "RB-0", "C20")
@pytest.mark.parametrize("told", [RollbackStatus.PROPOSED, RollbackStatus.EXECUTED])
@pytest.mark.parametrize("state", [None, *OperationState])
def test_only_a_confirmed_operation_makes_a_rollback_proposed_or_executed(
    told: RollbackStatus, state: OperationState | None
) -> None:
    rollback = RollbackTold(status=told, write=None if state is None else write(state))
    report = build_report(given(rollback=rollback))
    expected = told.value if state is OperationState.CONFIRMED else "ROLLBACK REQUIRED"
    assert report["rollback"]["status"] == report["phases"]["phase4"] == expected


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        (RollbackStatus.HEALTHY, "STANDBY"),
        (RollbackStatus.MONITORING, "STANDBY"),
        (RollbackStatus.UNKNOWN, "STANDBY"),
        (RollbackStatus.REQUIRED, "ROLLBACK REQUIRED"),
    ],
)
def test_phase_4_by_status(status: RollbackStatus, phase: str) -> None:
    assert build_report(given(rollback=RollbackTold(status=status)))["phases"]["phase4"] == phase


@pytest.mark.parametrize(
    ("gate", "phase"),
    [(Gate.PASS, "NOT REQUIRED"), (Gate.WARNING, "NOT REQUIRED"), (Gate.FAIL, "NOT RUN"), (Gate.HOLD, "NOT RUN")],
)
def test_phase_3_claims_nothing_that_did_not_happen(gate: Gate, phase: str) -> None:
    assert build_report(given(measurement=replace(measured(), gate=gate)))["phases"]["phase3"] == phase
    assert build_report(full())["phases"]["phase3"] == "ACTIVATED"


@pytest.mark.shows("RP-3")
def test_every_write_is_named_with_its_entry() -> None:
    report = build_report(full())
    assert [one["index"] for one in report["ledger"]] == [40, 41, 42, 43, 39]
    text = render_markdown(report).split("## Ledger References")[1]
    assert all(f"| {index} |" in text for index in (39, 40, 41, 42, 43))


@pytest.mark.shows("RD-1", "RD-5")
def test_the_redispatch_says_which_credential_was_used_and_why() -> None:
    report = build_report(full())
    told = report["redispatch"]
    assert (told["status"], told["credential"], told["httpStatus"], told["runId"], told["delaySeconds"]) == (
        *("STARTED", "CI_REDISPATCH_TOKEN", 204, "77", 12),
    )
    assert [(one["credential"], one["reason"]) for one in told["attempts"]] == [
        ("GITHUB_TOKEN", "permission_missing"),
        ("CI_REDISPATCH_TOKEN", None),
    ]
    text = render_markdown(report)
    assert "| 1 | `GITHUB_TOKEN` | REFUSED | 403 | `permission_missing`" in text


@pytest.mark.shows("RD-1")
def test_without_a_credential_the_report_is_blocked_and_names_the_page() -> None:
    skipped = (("app", "credential_missing"), ("CI_REDISPATCH_TOKEN", "credential_missing"))
    text = render_markdown(build_report(given(redispatch=Redispatch(via="repository_dispatch", skipped=skipped))))
    assert "**Status:** \u274c BLOCKED" in text
    assert "docs/tokens.md" in text.split("## Manual Actions Required")[1].split("## ")[0]


@pytest.mark.parametrize(
    ("state", "status"),
    [("SENT", "UNKNOWN"), ("INDETERMINATE", "UNKNOWN"), ("DEFERRED", "WAITING"), ("REFUSED", "BLOCKED")],
)
def test_the_redispatch_without_an_accepted_attempt(state: str, status: str) -> None:
    one = Attempt(credential="app", state=OperationState(state), status=None)
    told = build_report(given(redispatch=Redispatch(via="workflow_dispatch", attempts=(one,))))["redispatch"]
    assert (told["status"], told["credential"]) == (status, None)


def test_accepted_is_not_started() -> None:
    one = Attempt(credential="app", state=OperationState.CONFIRMED, status=204)
    told = build_report(given(redispatch=Redispatch(via="repository_dispatch", attempts=(one,))))["redispatch"]
    assert (told["status"], told["runId"]) == ("ACCEPTED", None)


@pytest.mark.shows("RP-4", "T14")
def test_secrets_are_masked_in_every_view() -> None:
    secret = "ghp_" + "a1B2c3D4" * 4 + "abcd"
    report = build_report(full(f"token {secret}"))
    valid(report)
    assert secret not in json.dumps(report)
    assert not any(secret in render_markdown(report, view) for view in TITLES)
    assert report["lawbookHash"] == "d" * 64
    assert report["header"]["sha"] == FIXED


@pytest.mark.shows("RP-4", "T7")
@pytest.mark.parametrize("view", TITLES)
@pytest.mark.parametrize("text", [*HOSTILE, *MARKUP, *COMMANDS], ids=range(len(HOSTILE) + len(MARKUP) + len(COMMANDS)))
def test_what_strangers_wrote_stays_text(view: str, text: str) -> None:
    harmless(render_markdown(build_report(full(text)), view), view)


@pytest.mark.shows("RP-4", "T7")
@settings(max_examples=300, deadline=None)
@having(
    st.text(alphabet="`|\\~<>[]()!*_#@&:/.-w\n\r\t ab\u202e\u200b", min_size=1, max_size=40), st.sampled_from([*TITLES])
)
def test_any_text_stays_text(text: str, view: str) -> None:
    harmless(render_markdown(build_report(full(text)), view), view)


def harmless(markdown: str, view: str) -> None:
    tokens = flat(markdown)
    assert {token.type for token in tokens} <= QUIET
    assert shape(markdown) == shape(render_markdown(build_report(full("plain words")), view))
    plain = "".join(token.content for token in tokens if token.type == "text")
    # outside of code spans GitHub turns these into links, mentions and references
    assert not re.search(r"//|www\.|@[A-Za-z]|#[0-9]|GH-[0-9]|<!--", plain)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\x1b\r]", markdown)


def test_a_report_out_of_a_hostile_file_is_text_too() -> None:
    """`cicatrix report --from` renders JSON that anybody may have written."""

    def spoilt(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: spoilt(item) for name, item in value.items()}
        if isinstance(value, list):
            return [spoilt(item) for item in value]
        return value if value is None or isinstance(value, bool) else "![x](https://evil.example) | <b> @acme"

    report = build_report(full())
    for name, part in report.items():
        for view in TITLES:
            tokens = flat(render_markdown({**report, name: spoilt(part) if name != "overview" else part}, view))
            assert {token.type for token in tokens} <= QUIET, name


def test_every_view_has_content_and_says_what_was_not_run() -> None:
    for view in TITLES:
        assert headings(render_markdown(build_report(full()), view))
    assert "Not run" in render_markdown(build_report(given()), "security-deep-fix")
    assert "Not run" in render_markdown(build_report(given()), "build-diagnostics")


def test_sections_are_named_once() -> None:
    titles = [title for title, _ in SECTIONS]
    assert len(set(titles)) == len(titles)


def test_a_report_takes_a_small_part_of_the_seeds_time() -> None:
    inputs = full("some text of a stranger | with `marks`")
    begun = time.perf_counter()
    report = build_report(inputs)
    text = [render_markdown(report, view) for view in TITLES]
    took = time.perf_counter() - begun
    print(f"report: {took:.3f} s for JSON and {len(text)} views; the seed names 9.8 s for one")
    assert took < 9.8 / 10
