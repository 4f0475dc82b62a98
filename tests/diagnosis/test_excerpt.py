"""The excerpt of a log: round the last error of the failed step, redacted before it is cut, never over its bound."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cicatrix.core.facts import Job, JobLog, Step
from cicatrix.core.redact import redactor
from cicatrix.core.triage import Excerpt
from cicatrix.diagnosis import Diagnoser
from cicatrix.diagnosis.lines import shown
from tests.secret_kinds import FORMS, leaks, readable, samples

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
_diagnoser = Diagnoser()


def job(*steps: tuple[str, str]) -> Job:
    """A failed job whose steps take a minute each."""
    made = tuple(
        Step(
            number=n,
            name=name,
            status="completed",
            conclusion=conclusion,
            started_at=START + timedelta(minutes=n),
            completed_at=START + timedelta(minutes=n + 1),
        )
        for n, (name, conclusion) in enumerate(steps)
    )
    return Job(id="1", run_id="1", run_attempt=1, name="unit", status="completed", conclusion="failure", steps=made)


STEPS = (("Set up job", "success"), ("Run tests", "failure"), ("Post", "success"))


def log(lines: list[str], minute: int = 1) -> list[str]:
    stamp = START + timedelta(minutes=minute, seconds=1)
    return [f"{stamp:%Y-%m-%dT%H:%M:%S}.1234567Z {line}" for line in lines]


def excerpt(text: str | bytes, max_bytes: int = 65_536, *, made: Job | None = None, truncated: bool = False) -> Excerpt:
    looking = _diagnoser.with_excerpts(max_bytes)
    raw = text if isinstance(text, bytes) else text.encode()
    one = made or job(*STEPS)
    looking.diagnose(one, JobLog(text=raw, truncated=truncated))
    found = looking.excerpt(one.id)
    assert found is not None
    return found


@pytest.mark.shows("TR-2")
def test_only_the_failed_step_speaks_and_its_last_error_is_in() -> None:
    text = "\n".join(
        [
            *log(["##[error]an error of the set-up that was survived"], 0),
            *log(["first words", "a.c:1:1: error: real", "##[error]Process completed with exit code 1."]),
            *log(["##[error]cleaning up failed as well"], 2),
        ]
    )
    assert excerpt(text).text == "first words\na.c:1:1: error: real\n##[error]Process completed with exit code 1."


@pytest.mark.shows("TR-2", "A15")
def test_the_end_of_a_long_step_is_shown_and_not_its_beginning() -> None:
    lines = [f"line {n}" for n in range(5_000)]
    found = excerpt("\n".join(log([*lines, "##[error]Process completed with exit code 1.", "after"])))
    lines_shown = found.text.split("\n")
    assert lines_shown[-2:] == ["##[error]Process completed with exit code 1.", "after"]
    assert lines_shown[0] == "line 4900"
    assert not found.truncated


def test_an_evidence_line_far_before_the_end_is_shown_too() -> None:
    lines = ["x", "src/a.c:1:1: error: unknown type name 'y'", "z", *[f"line {n}" for n in range(300)]]
    found = excerpt("\n".join(log([*lines, "##[error]Process completed with exit code 2."])))
    lines_shown = found.text.split("\n")
    assert "src/a.c:1:1: error: unknown type name 'y'" in lines_shown
    assert "[...]" in lines_shown
    assert lines_shown[-1] == "##[error]Process completed with exit code 2."


@pytest.mark.shows("TR-2")
@pytest.mark.parametrize("max_bytes", [1, 10, 44, 45, 100, 1_000])
def test_the_bound_holds_and_the_errors_own_line_goes_last(max_bytes: int) -> None:
    text = "\n".join(
        log([*[f"\u00e9 line {n}" for n in range(400)], "##[error]Process completed with exit code 1.", "z"])
    )
    found = excerpt(text, max_bytes)
    assert 0 < len(found.text.encode()) <= max_bytes
    assert found.truncated
    whole = "##[error]Process completed with exit code 1."
    assert (whole if max_bytes >= len(whole) else whole[:max_bytes]) in found.text


def test_a_log_that_was_cut_on_its_way_says_so() -> None:
    text = "\n".join(log(["##[error]Process completed with exit code 1."]))
    assert excerpt(text, truncated=True).truncated


@pytest.mark.shows("TR-2", "PG-4")
def test_a_key_that_begins_long_before_the_excerpt_leaves_nothing_in_it() -> None:
    body = [f"{n:04d}MIIEowIBAAKCAQEAabcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH" for n in range(150)]
    key = ["-----BEGIN RSA PRIVATE KEY-----", *body, "-----END RSA PRIVATE KEY-----"]
    found = excerpt("\n".join(log(["a", *key, "b", "##[error]Process completed with exit code 1."])))
    assert "MIIE" not in found.text
    assert found.text.endswith("b\n##[error]Process completed with exit code 1.")


@pytest.mark.shows("PG-4")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("max_bytes", [64, 200, 65_536])
def test_no_cut_sets_a_secret_free(form: str, max_bytes: int) -> None:
    for name, sample in samples(6).items():
        lines = [
            "##[group]Run x",
            *FORMS[form](sample).split("\n"),
            f"ERROR: failed with {sample.text.split(chr(10))[0]}",
        ]
        found = excerpt("\n".join(log([*lines, "##[error]Process completed with exit code 1."])), max_bytes)
        assert not leaks(sample, readable(found.text)), (name, found.text)


def test_a_configured_value_is_masked_before_the_bound_cuts_it() -> None:
    value = "hunter2-of-this-deployment"
    looking = _diagnoser.with_excerpts(30, redactor([value]))
    one = job(*STEPS)
    looking.diagnose(one, JobLog(text="\n".join(log([f"##[error]0123456789 {value}"])).encode()))
    found = looking.excerpt(one.id)
    assert found is not None
    assert found.text == "##[error]0123456789 [redacted]"


def test_a_long_line_is_masked_before_it_is_cut() -> None:
    line = f"ghp_{'a1B2c3D4' * 190} x https://robot:hunter2{'a' * 40}@git.example/".encode()
    assert shown(line) == "[redacted] x https://[redacted]@git.example/"


def test_timestamps_go_and_control_characters_too() -> None:
    found = excerpt("\n".join(log(["\x1b[31mred\x1b[0m\x00\u202e words", "##[error]end"])))
    assert found.text == "red words\n##[error]end"


def test_a_log_without_a_job_step_or_mark_shows_its_last_words() -> None:
    bare = Job(id="1", run_id="1", run_attempt=1, name="x", status="completed", conclusion="failure")
    assert excerpt("one\ntwo\n\n\n", made=bare).text == "one\ntwo"


def test_what_facts_settle_and_what_is_missing_has_no_excerpt() -> None:
    looking = _diagnoser.with_excerpts(100)
    one = job(*STEPS)
    looking.diagnose(one, JobLog(text=b"", missing="gone"))
    assert looking.excerpt(one.id) is None
    looking.diagnose(one, JobLog(text=b"\n \n"))
    assert looking.excerpt(one.id) is None


@settings(max_examples=150, deadline=None)
@given(raw=st.binary(max_size=400), before=st.binary(max_size=60), max_bytes=st.integers(min_value=1, max_value=300))
def test_any_bytes_are_taken_and_the_verdict_is_the_same(raw: bytes, before: bytes, max_bytes: int) -> None:
    looking = _diagnoser.with_excerpts(max_bytes)
    text = before + b"\n2026-11-21T12:01:01.1Z ##[error]x\n" + raw
    one = job(*STEPS)
    assert looking.diagnose(one, JobLog(text=text)) == _diagnoser.diagnose(one, JobLog(text=text))
    found = looking.excerpt(one.id)
    assert found is None or len(found.text.encode()) <= max_bytes
