"""Dispatching a validation: the payload on both sides, one test a status, limits, and reports that are believed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cicatrix.core.dispatching import (
    FIELDS,
    OURS,
    Credential,
    DispatchPayload,
    Known,
    Next,
    PayloadInvalidError,
    Step,
    build_payload,
    dispatch_stops,
    in_order,
    labels_for,
    next_step,
    nothing_left,
    parse_payload,
    read_payload,
    run_name,
)
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.lawbook import Dispatch
from cicatrix.core.report_signature import nonce_hash, report_key, sign, verify

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PAYLOAD = DispatchPayload(
    commit_sha="a" * 40,
    triggered_by="phase3-auto-healing",
    remediation_timestamp=NOW,
    security_improvement=70,
    build_diagnostics=True,
    known=Known(op_id="op_01", nonce="n" * 32, base_sha="b" * 40, deadline=NOW + timedelta(minutes=10)),
)


@pytest.mark.shows("RD-2", "C17")
def test_the_payload_is_the_seeds_five_fields_as_text_and_one_object_of_ours() -> None:
    tree = build_payload(PAYLOAD)
    assert tree == {
        "security_improvement": "70",
        "build_diagnostics": "true",
        "triggered_by": "phase3-auto-healing",
        "commit_sha": "a" * 40,
        "remediation_timestamp": "2026-11-22T12:00:00Z",
        "cicatrix": {
            "schema": 1,
            "op_id": "op_01",
            "nonce": "n" * 32,
            "base_sha": "b" * 40,
            "deadline": "2026-11-22T12:10:00Z",
        },
    }
    assert tuple(tree)[:5] == FIELDS
    assert parse_payload(json.dumps(tree)) == PAYLOAD


def test_unknown_stays_unknown_and_a_manual_start_has_no_case() -> None:
    manual = replace(PAYLOAD, security_improvement=None, build_diagnostics=None, triggered_by="manual", known=None)
    tree = build_payload(manual)
    assert (tree["security_improvement"], tree["build_diagnostics"]) == ("unknown", "unknown")
    assert "cicatrix" not in tree
    assert read_payload(tree) == manual


@given(st.none() | st.integers(0, 100), st.none() | st.booleans())
def test_what_is_built_is_read_back(improved: int | None, built: bool | None) -> None:
    payload = replace(PAYLOAD, security_improvement=improved, build_diagnostics=built)
    assert parse_payload(json.dumps(build_payload(payload))) == payload


WRONG: list[tuple[str, Any]] = [
    ("commit_sha", "A" * 40),
    ("commit_sha", "a" * 39),
    ("commit_sha", "a" * 65),
    ("commit_sha", "a" * 40 + "\n"),
    ("commit_sha", "$(touch canary)"),
    ("commit_sha", None),
    ("security_improvement", "101"),
    ("security_improvement", "-1"),
    ("security_improvement", "070"),
    ("security_improvement", 70),
    ("security_improvement", "\u0667"),
    ("build_diagnostics", True),
    ("build_diagnostics", ""),
    ("build_diagnostics", []),
    ("triggered_by", "somebody"),
    ("triggered_by", ["manual"]),
    ("remediation_timestamp", "yesterday"),
    ("remediation_timestamp", "2026-13-01T00:00:00Z"),
    ("remediation_timestamp", "2026-11-22T12:00:00"),
    ("remediation_timestamp", "2026-11-22T12:00:00+02:00"),
    ("cicatrix", None),
    ("cicatrix", "op_01"),
    ("more", "1"),
]
WRONG_INSIDE: list[tuple[str, Any]] = [
    ("schema", 2),
    ("schema", True),
    ("schema", "1"),
    ("op_id", ""),
    ("op_id", "op 1"),
    ("op_id", "x" * 65),
    ("nonce", "short"),
    ("nonce", "n" * 31 + ";"),
    ("base_sha", "main"),
    ("deadline", ""),
    ("more", 1),
]


@pytest.mark.shows("RD-2")
@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_field_of_another_shape_is_refused(name: str, value: Any) -> None:
    with pytest.raises(PayloadInvalidError) as refused:
        read_payload({**build_payload(PAYLOAD), name: value})
    assert "canary" not in str(refused.value), "the message names the field, not the value"


@pytest.mark.shows("RD-2")
@pytest.mark.parametrize(("name", "value"), WRONG_INSIDE)
def test_so_is_one_inside_our_object(name: str, value: Any) -> None:
    tree: dict[str, Any] = build_payload(PAYLOAD)
    with pytest.raises(PayloadInvalidError):
        read_payload({**tree, "cicatrix": {**tree["cicatrix"], name: value}})


@pytest.mark.parametrize("name", [*FIELDS, *OURS])
def test_every_field_is_required(name: str) -> None:
    tree: dict[str, Any] = build_payload(PAYLOAD)
    (tree if name in FIELDS else tree["cicatrix"]).pop(name)
    with pytest.raises(PayloadInvalidError, match=name):
        read_payload(tree)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a":1,"a":2}', "[" * 60_000, " " * 65_536, "\ud800"])
def test_text_that_is_no_payload_is_refused(text: str) -> None:
    with pytest.raises(PayloadInvalidError):
        parse_payload(text)


def test_a_field_that_stands_twice_is_refused() -> None:
    text = json.dumps(build_payload(PAYLOAD))
    assert parse_payload(text) == PAYLOAD
    with pytest.raises(PayloadInvalidError, match="twice"):
        parse_payload(f'{text[:-1]}, "commit_sha": "{"c" * 40}"}}')


def test_what_may_not_be_sent_is_not_built() -> None:
    with pytest.raises(PayloadInvalidError):
        build_payload(replace(PAYLOAD, commit_sha="HEAD"))
    with pytest.raises(PayloadInvalidError):
        build_payload(replace(PAYLOAD, security_improvement=101))
    other = replace(PAYLOAD, remediation_timestamp=NOW.astimezone(timezone(timedelta(hours=2))))
    assert build_payload(other) == build_payload(PAYLOAD)


ACCEPTED, RECONCILE, WAIT = Next(step=Step.ACCEPTED), Next(step=Step.RECONCILE), Next(step=Step.WAIT)


@pytest.mark.shows("RD-1", "RD-6", "B13")
@pytest.mark.parametrize(
    ("status", "after"),
    [
        (204, ACCEPTED),
        (401, Next(step=Step.NEXT_CREDENTIAL, reason=HealReason.CREDENTIAL_INVALID)),
        (403, Next(step=Step.NEXT_CREDENTIAL, reason=HealReason.PERMISSION_MISSING)),
        (404, Next(step=Step.STOP, reason=HealReason.NOT_FOUND_OR_NO_ACCESS)),
        (422, Next(step=Step.STOP, reason=HealReason.PAYLOAD_INVALID)),
        (429, WAIT),
        (500, RECONCILE),
        (502, RECONCILE),
        (503, RECONCILE),
        (None, RECONCILE),
        (200, RECONCILE),
        (201, RECONCILE),
        (302, RECONCILE),
        (410, Next(step=Step.STOP)),
    ],
)
def test_what_follows_from_a_status(status: int | None, after: Next) -> None:
    assert next_step(status) == after


@pytest.mark.shows("RD-6", "B13")
def test_200_with_run_details_is_the_answer_of_a_workflow_dispatch_alone() -> None:
    assert next_step(200, via="workflow_dispatch") == ACCEPTED
    assert next_step(204, via="workflow_dispatch") == ACCEPTED


@pytest.mark.shows("RD-1", "RD-6")
def test_a_403_of_a_rate_limit_waits_and_moves_nowhere() -> None:
    assert next_step(403, rate_limited=True) == WAIT
    assert next_step(500, rate_limited=True) == RECONCILE


@pytest.mark.shows("RD-1", "D7")
def test_credentials_are_tried_in_their_order_and_refused_ones_never_again() -> None:
    present = frozenset({Credential.CI_REDISPATCH_TOKEN, Credential.GITHUB_TOKEN, Credential.APP})
    assert in_order(present) == (Credential.APP, Credential.GITHUB_TOKEN, Credential.CI_REDISPATCH_TOKEN)
    assert in_order(present, frozenset({Credential.APP, Credential.GITHUB_TOKEN})) == (Credential.CI_REDISPATCH_TOKEN,)


@pytest.mark.shows("RD-5")
def test_without_a_credential_the_set_up_page_is_named() -> None:
    reason, why = nothing_left({})
    assert reason is HealReason.CREDENTIAL_MISSING
    assert "docs/tokens.md" in why
    reason, why = nothing_left({Credential.GITHUB_TOKEN: HealReason.PERMISSION_MISSING})
    assert reason is HealReason.PERMISSION_MISSING
    assert "GITHUB_TOKEN: permission_missing" in why
    assert "docs/tokens.md" in why


RULES = Dispatch(via="repository_dispatch", workflow="x.yml", deadline=timedelta(minutes=10), per_commit=1, per_case=3)


@pytest.mark.shows("RD-4", "F30", "B11")
@pytest.mark.parametrize(
    ("of_commit", "of_case", "leased_by", "reasons"),
    [
        (0, 2, None, []),
        (1, 2, None, [HealReason.DISPATCH_LIMIT]),
        (0, 3, None, [HealReason.DISPATCH_LIMIT]),
        (None, 0, None, [HealReason.DISPATCH_LIMIT]),
        (0, None, None, [HealReason.DISPATCH_LIMIT]),
        (0, 0, "case-2", [HealReason.REF_LEASED]),
    ],
)
def test_how_often_a_commit_and_a_case_are_dispatched(
    of_commit: int | None, of_case: int | None, leased_by: str | None, reasons: list[HealReason]
) -> None:
    stops = dispatch_stops(RULES, of_commit=of_commit, of_case=of_case, leased_by=leased_by)
    assert [reason for reason, _ in stops] == reasons


def test_the_run_is_found_by_its_name_and_labels_come_from_70_on() -> None:
    assert run_name("op_01") == "cicatrix validation op_01"
    assert labels_for(70) == ("auto-healing-applied", "security-improved", "phase3-remediation")
    assert labels_for(69) == labels_for(None) == ()


# --- signed reports ---

NONCE = "n" * 32
SECRET = "s" * 40
REPORT: dict[str, object] = {
    "op_id": "op_01",
    "nonce_hash": nonce_hash(NONCE),
    "sha": "a" * 40,
    "set_hash": "c" * 64,
    "measurement": {"health": 90, "tools": {"ruff": "1"}},
    "verdict": {"effectiveness": 100},
}


def problems(
    report: object, *, secret: str | None = SECRET, nonce: str = NONCE, op_id: str = "op_01", set_hash: str = "c" * 64
) -> tuple[str, ...]:
    key = report_key(nonce=nonce, secret=secret)
    shared = secret is not None
    return verify(report, key, shared=shared, op_id=op_id, nonce=nonce, sha="a" * 40, set_hash=set_hash)


def signed(secret: str | None = SECRET, report: dict[str, object] = REPORT) -> dict[str, Any]:
    return sign(report, report_key(nonce=NONCE, secret=secret), shared=secret is not None)


@pytest.mark.shows("VA-1")
@pytest.mark.parametrize("secret", [SECRET, None])
def test_a_report_is_believed_by_its_key_and_after_a_way_through_json(secret: str | None) -> None:
    report = json.loads(json.dumps(signed(secret)))
    assert problems(report, secret=secret) == ()
    assert NONCE not in json.dumps(report)


@pytest.mark.shows("VA-1", "B5")
@pytest.mark.parametrize("name", list(REPORT))
def test_every_changed_or_missing_field_is_noticed(name: str) -> None:
    assert problems({**signed(), name: {"health": 100}})
    assert problems({key: value for key, value in signed().items() if key != name})


@pytest.mark.shows("VA-1")
def test_other_keys_other_dispatches_and_other_shapes_are_refused() -> None:
    assert problems(signed(), secret="t" * 40)
    assert problems(signed(), nonce="m" * 32)
    assert problems(signed(), op_id="op_02") == ("the report is about another op_id",)
    assert problems(signed(), set_hash="d" * 64) == ("the report is about another set_hash",)
    only_nonce = "the report is not signed by HMAC-SHA256 with the shared-secret"
    assert problems(signed(None)) == (only_nonce,), "the nonce alone is not enough where there is a secret"
    assert report_key(nonce=NONCE, secret=SECRET) != report_key(nonce="m" * 32, secret=SECRET)
    assert problems(REPORT) == ("the report is not signed",)
    assert problems(None)
    assert problems({**signed(), "more": 1.5})
    assert problems({**signed(), "signature": {**signed()["signature"], "value": "ü"}})
    assert problems({**signed(), "signature": {**signed()["signature"], "value": None}})


def test_signing_again_replaces_the_signature() -> None:
    assert signed(report=signed()) == signed()
