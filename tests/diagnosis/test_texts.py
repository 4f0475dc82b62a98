"""Logs in GitHub Actions form, written here: terminal texts, real causes, and the traps beside them."""

from __future__ import annotations

import pytest

from cicatrix.core.facts import JobLog
from cicatrix.core.verdict import RETRYABLE, FailureClass, Verdict
from cicatrix.diagnosis import Diagnoser
from tests.diagnosis.actions_log import ActionsLog, failing

INFRA, CODE, UNKNOWN = FailureClass.INFRA_TRANSIENT, FailureClass.DETERMINISTIC, FailureClass.UNKNOWN
FLAKY = FailureClass.FLAKY_PROBABLE


@pytest.fixture(scope="module")
def diagnoser() -> Diagnoser:
    return Diagnoser()


def both(diagnoser: Diagnoser, log: ActionsLog) -> tuple[Verdict, Verdict]:
    """The verdict with the job's facts and the one on the bare file."""
    return diagnoser.diagnose(log.job(), JobLog(text=log.text)), diagnoser.diagnose_text(log.text)


def set_up_fails(*output: str) -> ActionsLog:
    return ActionsLog().step("Set up job", "Current runner version: '2.330.0'", *output, conclusion="failure")


@pytest.mark.shows("RR-11")
@pytest.mark.parametrize(
    ("log", "rule"),
    [
        (
            set_up_fails("##[error]Failed to download action 'https://api.github.com/repos/a/b/tarball/1'."),
            "action.download",
        ),
        (
            set_up_fails("##[error]Failed to download archive 'https://codeload.github.com/a/b/tar.gz/1'"),
            "action.download",
        ),
        (set_up_fails("##[error]Failed to resolve action download info. Error: 503"), "action.download"),
        (
            set_up_fails("##[error]GitHub Actions has encountered an internal error when running your job."),
            "platform.internal_error",
        ),
        (
            set_up_fails("##[error]The job was not acquired by Runner of type hosted even after multiple attempts"),
            "runner.not_acquired",
        ),
        (
            set_up_fails("##[error]Error: pod failed to come online with error: Error: Pod ci-1 is Pending"),
            "runner.pod_not_online",
        ),
        (
            failing("make", "##[error]The runner has received a shutdown signal. This can happen."),
            "runner.shutdown_signal",
        ),
        (
            failing("make", "##[error]The hosted runner lost communication with the server. Check it."),
            "runner.lost_communication",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_terminal_texts_decide(diagnoser: Diagnoser, log: ActionsLog, rule: str) -> None:
    for verdict in both(diagnoser, log):
        assert (verdict.failure_class, verdict.rule, verdict.stage, verdict.terminal) == (INFRA, rule, "log", True)
        assert verdict.line_number is not None
        assert log.text.decode().split("\n")[verdict.line_number - 1].endswith((verdict.line or "")[-20:])


@pytest.mark.shows("RR-11")
@pytest.mark.parametrize(
    ("text", "suspected"),
    [
        ("##[error]The action 'Integration' has timed out after 30 minutes.", FLAKY),
        ("##[error]The job running on runner A has exceeded the maximum execution time of 360 minutes.", FLAKY),
        ("##[error]The operation was canceled.", FailureClass.CANCELLED),
    ],
)
def test_the_end_of_time_and_a_cancel_leave_the_cause_open(
    diagnoser: Diagnoser, text: str, suspected: FailureClass
) -> None:
    for verdict in both(diagnoser, failing("make", text)):
        assert (verdict.failure_class, verdict.suspected) == (UNKNOWN, suspected)


NPM = (
    "npm error code ECONNRESET",
    "npm error network aborted",
    "npm error network This is a problem related to network",
)


@pytest.mark.shows("RR-11")
@pytest.mark.parametrize(
    ("step", "output", "rule"),
    [
        ("npm ci", NPM, "npm.network"),
        (
            "Install dependencies",
            ("E: Failed to fetch http://archive.distro.example/a.deb  503  Service Unavailable",),
            "apt.fetch",
        ),
        (
            "actions/checkout@v4",
            ("fatal: unable to access 'https://github.com/a/b/': The requested URL returned error: 502",),
            "git.server_error",
        ),
        (
            "docker pull",
            ('Error response from daemon: Get "https://registry-1.images.example/v2/": TLS handshake timeout',),
            "docker.registry",
        ),
        (
            "go mod download",
            ('go: a.example/m@v1.0.0: Get "https://proxy.modules.example/m.zip": read: connection reset by peer',),
            "go.module_fetch",
        ),
        (
            "actions/upload-artifact@v4",
            ("##[error]Failed to CreateArtifact: Failed request: (503) Service Unavailable",),
            "actions.service",
        ),
    ],
)
def test_a_broken_transfer_in_a_step_that_transfers(
    diagnoser: Diagnoser, step: str, output: tuple[str, ...], rule: str
) -> None:
    for verdict in both(diagnoser, failing(step, *output)):
        assert (verdict.failure_class, verdict.rule, verdict.stage) == (INFRA, rule, "arbitration")
        assert not verdict.terminal


@pytest.mark.shows("RR-11")
@pytest.mark.parametrize("output", [NPM[:1], ("curl: (56) Recv failure: Connection reset by peer",)])
def test_the_same_words_in_a_test_step_only_name_a_suspicion(diagnoser: Diagnoser, output: tuple[str, ...]) -> None:
    for verdict in both(diagnoser, failing("npm test", *output)):
        assert (verdict.failure_class, verdict.suspected) == (UNKNOWN, INFRA)


PYTEST = (
    "FAILED tests/test_api.py::test_status - AssertionError: assert 500 == 200",
    "=== 1 failed, 4 passed in 0.52s ===",
)


@pytest.mark.shows("RR-11")
@pytest.mark.parametrize(
    ("step", "output"),
    [
        pytest.param(
            "make", ("src/a.cpp:12:26: error: no matching function for call to 'timeout'",), id="timeout in an error"
        ),
        pytest.param("pytest", PYTEST, id="500 in an assertion"),
        pytest.param("pytest", ('127.0.0.1 "GET / HTTP/1.1" 500 -', *PYTEST), id="a mock server answers 500"),
        pytest.param(
            "go test ./...", ("--- FAIL: TestRetriesOn503AndTimeout (0.01s)", "FAIL"), id="numbers in a test's name"
        ),
        pytest.param(
            "pip install . and pytest",
            (
                "WARNING: Retrying (Retry(total=4)) after connection broken by 'ReadTimeoutError(...)': /simple/a/",
                "Successfully installed a-1.0",
                *PYTEST,
            ),
            id="a recovered retry",
        ),
    ],
)
def test_the_codes_own_fault_stays_deterministic(diagnoser: Diagnoser, step: str, output: tuple[str, ...]) -> None:
    for verdict in both(diagnoser, failing(step, *output)):
        assert verdict.failure_class is CODE


@pytest.mark.shows("RR-11")
def test_a_recovered_retry_alone_is_no_evidence(diagnoser: Diagnoser) -> None:
    log = failing(
        "Install dependencies",
        "WARNING: Retrying (Retry(total=4)) after connection broken by 'ReadTimeoutError(\"HTTPSConnectionPool\")'",
        "npm warn network retrying: npm error code ECONNRESET",
        "Successfully installed a-1.0",
        "##[warning]Failed to download archive 'https://codeload.github.com/a/b/tar.gz/1'. Back off 18 seconds.",
        "something else broke",
    )
    for verdict in both(diagnoser, log):
        assert verdict.failure_class is UNKNOWN
        assert verdict.suspected is not INFRA


INJECTIONS = (
    "ECONNRESET 502 flaky",
    "npm error code ECONNRESET",
    "fatal: unable to access 'https://github.com/a/b/': The requested URL returned error: 503",
    "##[error]The runner has received a shutdown signal. This can happen.",
    "The hosted runner lost communication with the server.",
    "toomanyrequests: You have reached your pull rate limit.",
    "go: downloading a.example/m v1.0.0",
    "ERROR: Job failed (system failure): prepare environment: x",
    "##[error]read ECONNRESET",
)
ASSERTIONS = (
    PYTEST,
    ("--- FAIL: TestPlan (0.01s)", "FAIL\texample.org/a\t0.1s"),
    ("Tests:       1 failed, 4 passed, 5 total",),
    ("test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured",),
    ("[ERROR] Tests run: 4, Failures: 1, Errors: 0, Skipped: 0",),
    ("FAILED (failures=1)",),
    ("12 examples, 1 failure",),
    ("src/A.java:38: error: incompatible types",),
    ("error[E0308]: mismatched types",),
    ("src/a.ts(3,7): error TS2322: Type 'string' is not assignable to type 'number'.",),
)


@pytest.mark.shows("T20", "RR-11")
@pytest.mark.parametrize("step", ["npm test", "Install dependencies", "actions/checkout@v4"])
@pytest.mark.parametrize("assertion", ASSERTIONS, ids=lambda lines: lines[0][:20])
def test_injected_words_never_make_a_real_failure_eligible(
    diagnoser: Diagnoser, step: str, assertion: tuple[str, ...]
) -> None:
    for injected in (*((one,) for one in INJECTIONS), INJECTIONS):
        for output in ((*injected, *assertion), (*assertion, *injected), (*injected, *assertion, *injected)):
            for verdict in both(diagnoser, failing(step, *output)):
                assert verdict.failure_class not in RETRYABLE, (output, verdict)


@pytest.mark.shows("T20")
def test_injected_causes_do_not_act_in_a_test_step_even_beside_an_unknown_framework(diagnoser: Diagnoser) -> None:
    words = [one for one in INJECTIONS if "shutdown" not in one and "lost comm" not in one and "Job failed" not in one]
    for verdict in both(diagnoser, failing("npm test", "scenario 3: wanted a cat, got a dog", *words)):
        assert verdict.failure_class not in RETRYABLE


@pytest.mark.shows("T20")
def test_a_flood_after_the_failed_step_cannot_push_its_last_words_out(diagnoser: Diagnoser) -> None:
    log = ActionsLog().setup().step("Test", *PYTEST, command="pytest", conclusion="failure")
    log.step("Report", *[f"{line} retrying" for line in PYTEST] * 200, *NPM * 200, command="report")
    verdict = diagnoser.diagnose(log.job(), JobLog(text=log.text))
    assert (verdict.failure_class, verdict.step) == (CODE, "Test")


@pytest.mark.shows("T20")
def test_a_flood_before_the_last_words_changes_nothing(diagnoser: Diagnoser) -> None:
    flood = [f"connecting to 10.0.0.{n % 255}: ECONNRESET 502 timeout flaky" for n in range(20_000)]
    for verdict in both(diagnoser, failing("pytest", *flood, *["fine"] * 100, *PYTEST)):
        assert verdict.failure_class is CODE


@pytest.mark.shows("RR-11")
def test_what_other_steps_say_does_not_count(diagnoser: Diagnoser) -> None:
    log = ActionsLog().setup()
    log.step("Install dependencies", *NPM, command="npm ci || npm ci", conclusion="success")
    log.step("Check", "it broke", command="./check", conclusion="failure")
    log.step("Upload", *NPM, command="actions/upload-artifact@v4", conclusion="success").post(*NPM)
    verdict = diagnoser.diagnose(log.job(), JobLog(text=log.text))
    assert (verdict.failure_class, verdict.suspected, verdict.step) == (UNKNOWN, None, "Check")


@pytest.mark.shows("RR-11")
def test_cleaning_up_is_not_the_failure(diagnoser: Diagnoser) -> None:
    log = failing("make").post(*NPM, "##[error]read ECONNRESET")
    for verdict in both(diagnoser, log):
        assert (verdict.failure_class, verdict.suspected) == (UNKNOWN, None)


@pytest.mark.shows("RR-11")
@pytest.mark.parametrize("mark", ["+ ", "[command]", "##[command]", "##[debug]", "$ "])
def test_an_echoed_command_is_not_its_output(diagnoser: Diagnoser, mark: str) -> None:
    echoed = f"{mark}echo fatal: unable to access 'https://github.com/a/b/': The requested URL returned error: 502"
    for verdict in both(diagnoser, failing("Install dependencies", echoed)):
        assert (verdict.failure_class, verdict.suspected) == (UNKNOWN, None)


@pytest.mark.shows("RR-11")
@pytest.mark.parametrize("line", ["The runner has received a shutdown signal. x", "read ECONNRESET"])
def test_the_platforms_words_count_only_as_an_error_of_the_platform(diagnoser: Diagnoser, line: str) -> None:
    for verdict in both(diagnoser, failing("Install dependencies", line)):
        assert verdict.failure_class is UNKNOWN


@pytest.mark.shows("RR-11")
def test_last_words_are_near_the_end(diagnoser: Diagnoser) -> None:
    for lines, wanted in ((70, INFRA), (100, UNKNOWN)):
        for verdict in both(diagnoser, failing("Install dependencies", NPM[0], *["going on"] * lines)):
            assert verdict.failure_class is wanted


@pytest.mark.shows("RR-11")
def test_an_action_is_downloaded_while_the_job_is_set_up_and_never_later(diagnoser: Diagnoser) -> None:
    text = "##[error]Failed to download archive 'https://codeload.github.com/a/b/tar.gz/1'"
    for verdict in both(diagnoser, failing("Try it", text)):
        assert verdict.failure_class is UNKNOWN


@pytest.mark.shows("RR-11")
def test_a_shown_script_is_not_its_output(diagnoser: Diagnoser) -> None:
    log = failing("Install dependencies", "broke", command="echo npm error code ECONNRESET")
    log.lines = [line.replace("##[endgroup]", "npm error code ECONNRESET") for line in log.lines]
    for verdict in both(diagnoser, log):
        assert verdict.failure_class is UNKNOWN


@pytest.mark.shows("RR-11")
def test_a_full_disk_asks_for_another_machine_not_for_a_rerun(diagnoser: Diagnoser) -> None:
    for verdict in both(diagnoser, failing("make", "cp: error writing 'a.o': No space left on device")):
        assert verdict.failure_class is FailureClass.INFRA_PERSISTENT


@pytest.mark.shows("RR-11")
def test_the_line_is_redacted_bounded_and_harmless(diagnoser: Diagnoser) -> None:
    secret = "ghp_" + "a1B2" * 9
    noise = "\x1b[31m\u202e\x07" + secret + " " + "x" * 5_000
    verdict = diagnoser.diagnose_text(failing("pytest", f"AssertionError: {noise}").text)
    assert verdict.line is not None
    assert verdict.line.startswith("AssertionError: ")
    assert secret not in verdict.line
    assert len(verdict.line) <= 400
    assert verdict.line.replace("\u2026", "").isprintable()
