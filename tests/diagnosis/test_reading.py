"""Forms a log arrives in, the failed step's part of it, and the signature of a failure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cicatrix.core.facts import JobLog
from cicatrix.core.verdict import FailureClass, StepKind
from cicatrix.diagnosis import Diagnoser, verdict_json
from cicatrix.diagnosis.files import read_tail
from cicatrix.diagnosis.frame import step_window
from cicatrix.diagnosis.lines import clean, line_at, line_numbers, signature
from cicatrix.diagnosis.steps import step_kind
from tests.diagnosis.actions_log import START, ActionsLog, failing

INFRA, CODE = FailureClass.INFRA_TRANSIENT, FailureClass.DETERMINISTIC
NPM = ("npm error code ECONNRESET", "npm error network aborted")


@pytest.fixture(scope="module")
def diagnoser() -> Diagnoser:
    return Diagnoser()


def gh_client(log: ActionsLog, step: str) -> bytes:
    return b"\n".join(b"build\t" + step.encode() + b"\t" + line.encode() for line in log.lines)


@pytest.mark.shows("RR-11")
@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda log: log.text, id="raw, with a byte order mark"),
        pytest.param(lambda log: log.text.replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(lambda log: gh_client(log, "npm ci"), id="the gh client's columns"),
        pytest.param(lambda log: log.text.decode().encode("utf-16"), id="UTF-16"),
        pytest.param(lambda log: log.text.replace(b"npm error", b"\x1b[31mnpm\x1b[0m error"), id="colours inside"),
        pytest.param(lambda log: log.text.replace(b"npm error code", b"1 %\r99 %\rnpm error code"), id="progress"),
    ],
)
def test_every_form_gives_the_same_verdict(diagnoser: Diagnoser, form: object) -> None:
    assert callable(form)
    log = failing("npm ci", *NPM)
    plain, other = (diagnoser.diagnose(log.job(), JobLog(text=text)) for text in (log.text, form(log)))
    assert (other.failure_class, other.rule, other.line) == (INFRA, "npm.network", plain.line)
    assert other.line_number == plain.line_number
    assert other.step == "npm ci"


def test_the_gh_clients_column_names_the_step(diagnoser: Diagnoser) -> None:
    log = failing("npm ci", *NPM)
    verdict = diagnoser.diagnose(log.job(), JobLog(text=gh_client(log, "another step")))
    assert verdict.failure_class is FailureClass.UNKNOWN


@pytest.mark.shows("RR-11")
def test_the_window_holds_exactly_the_failed_steps_lines() -> None:
    log = ActionsLog().setup()
    for n in range(30):
        log.step(f"before {n}", *[f"early {n}"] * 7, command="x")
    log.step("fails", "mine", *["no stamp"] * 3, command="y", conclusion="failure").step("after", "late", command="z")
    text = log.text.replace(b"no stamp", b"no\nstamp")  # continuation lines bear no timestamp
    window = step_window(text, log.job())
    assert window is not None
    part = text[slice(*window)].decode()
    assert "mine" in part
    assert "##[error]Process" in part
    assert "early" not in part
    assert "late" not in part
    assert part.startswith("2026")


def test_what_the_step_before_said_in_the_same_second_does_not_count(diagnoser: Diagnoser) -> None:
    log = ActionsLog().setup().step("Install", *NPM, command="npm ci || true")
    log.moment -= timedelta(seconds=14, milliseconds=900)  # the next step begins in the second this one spoke in
    log.step("Install more", "it broke", command="./more", conclusion="failure")
    assert log.steps[1].started_at is not None
    job = log.job()
    window = step_window(log.text, job)
    assert window is not None
    assert b"ECONNRESET" in log.text[slice(*window)]
    verdict = diagnoser.diagnose(job, JobLog(text=log.text))
    assert (verdict.failure_class, verdict.suspected) == (FailureClass.UNKNOWN, None)


def test_what_a_step_says_in_its_last_second_counts(diagnoser: Diagnoser) -> None:
    log = failing("npm ci", *NPM)
    step = log.steps[2]
    assert step.started_at is not None
    begun, last = step.started_at, step.started_at + timedelta(seconds=3)
    log.lines = [x.replace(f"{begun:%T}", f"{last:%T}") if "error" in x else x for x in log.lines]
    log.steps[2] = replace(step, completed_at=last.replace(microsecond=0))
    verdict = diagnoser.diagnose(log.job(), JobLog(text=log.text))
    assert verdict.failure_class is INFRA


def test_a_step_that_follows_in_the_same_second_hides_nothing(diagnoser: Diagnoser) -> None:
    log = failing("npm ci", *NPM)
    log.steps.pop()
    log.lines = log.lines[:-2]
    log.moment -= timedelta(seconds=29, milliseconds=970)
    log.step("Report", "sent", command="./report")
    assert log.lines[-1][:19] == log.lines[-8][:19]
    assert diagnoser.diagnose(log.job(), JobLog(text=log.text)).failure_class is INFRA


def test_no_window_without_times_or_stamps() -> None:
    log = failing("npm ci", *NPM)
    assert step_window(b"no stamps\n" * 50, log.job()) is None
    assert step_window(b"", log.job()) is None
    assert step_window(log.text, None) is None
    gone = log.job(completed_at=START, steps=tuple(s for s in log.job().steps or () if s.conclusion == "success"))
    assert step_window(log.text, gone) is None


def test_a_clock_that_does_not_fit_falls_back_to_the_logs_own_marks(diagnoser: Diagnoser) -> None:
    log = failing("npm ci", *NPM)
    for step in log.steps:
        far = {"started_at": datetime(2031, 1, 1, tzinfo=UTC), "completed_at": datetime(2031, 1, 2, tzinfo=UTC)}
        log.steps[step.number - 1] = type(step)(
            number=step.number, name=step.name, status=step.status, conclusion=step.conclusion, **far
        )
    assert diagnoser.diagnose(log.job(), JobLog(text=log.text)).failure_class is INFRA


def test_a_line_has_its_prefixes_taken_off() -> None:
    text = b"\xef\xbb\xbf2026-03-04T05:06:07.1234567Z ##[error]it broke\r\nnext"
    line = line_at(text, 30)
    assert (line.text, line.mark, line.stamp) == (b"it broke", "error", datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC))
    assert line_numbers(text, [30, len(text), 3]) == {3: 1, 30: 1, len(text): 2}
    assert line_at(b"2026-99-99T05:06:07Z x", 5).stamp is None


def test_cleaning_keeps_the_number_of_lines() -> None:
    text = b"a\x1b[31m\nb\x1b]0;title\x07\n\x1b[0mc"
    assert clean(text) == b"a\nb\nc"


@pytest.mark.shows("RR-14")
def test_equal_failures_have_equal_signatures_across_attempts(diagnoser: Diagnoser) -> None:
    def verdict(day: int, seconds: str, path: str) -> str | None:
        log = ActionsLog(moment=START + timedelta(days=day)).setup()
        log.step(
            "Test", f"E  assert x in {path}", f"1 failed in {seconds}s", "FAILED", command="t", conclusion="failure"
        )
        return diagnoser.diagnose(log.job(), JobLog(text=log.text)).signature

    assert verdict(0, "0.31", "/home/a1") == verdict(3, "7.02", "/home/b2") is not None
    assert signature(b"assert one\n", 10) != signature(b"assert two\n", 10)
    assert signature(b"\n\n", 2) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Run actions/checkout@v4", StepKind.CHECKOUT),
        ("Check out the code", StepKind.CHECKOUT),
        ("Set up job", StepKind.SETUP),
        ("Run actions/setup-node@v4", StepKind.SETUP),
        ("Install dependencies", StepKind.INSTALL),
        ("Run npm ci", StepKind.INSTALL),
        ("Run actions/upload-artifact@v4", StepKind.UPLOAD),
        ("Download models", StepKind.DOWNLOAD),
        ("Install and test", StepKind.TEST),
        ("Run pytest", StepKind.TEST),
        ("Release to registry", StepKind.TEST),
        ("Build", None),
        ("Run make", None),
        ("network timeout 500", None),
        ("", None),
        (None, None),
    ],
)
def test_step_kinds(name: str | None, kind: StepKind | None) -> None:
    assert step_kind(name) is kind


@pytest.mark.shows("F33")
def test_of_a_large_file_the_end_is_read_and_lines_count_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "big.log"
    path.write_bytes(b"".join(b"line %d\n" % n for n in range(1, 2001)))
    tail = read_tail(path, cap=100)
    assert len(tail.text) <= 100
    first = int(tail.text.split(b"\n")[0].split()[1])
    assert tail.skipped_lines == first - 1
    assert read_tail(path).skipped_lines == 0


def test_the_json_object_has_the_documented_keys(tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    path.write_bytes(failing("npm ci", *NPM).text)
    diagnoser = Diagnoser()
    found = verdict_json(str(path), diagnoser.diagnose_file(path))
    assert found["class"] == "infra_transient"
    assert found["confidence"] == 0.9
    assert (found["rule"], found["lineNumber"], found["step"]) == ("npm.network", 12, "Run npm ci")
    assert found["rulesetHash"] == diagnoser.ruleset_hash
    assert set(found) == {
        "file", "class", "confidence", "rule", "step", "lineNumber", "line", "suspected", "stage", "signature",
        "counterEvidence", "rulesetHash", "truncated",
    }  # fmt: skip
    with pytest.raises(FileNotFoundError):
        diagnoser.diagnose_file(tmp_path / "none.log")
