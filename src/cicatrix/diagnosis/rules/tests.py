"""A test runner's own account of failed tests: the code's fault unless history says otherwise (strong)."""

# ruff: noqa: E501 -- a pattern or a sample line is one thing and is read in one piece

from __future__ import annotations

from cicatrix.core.verdict import FailureClass, Strength
from cicatrix.diagnosis.rule import Rule


def _test(
    name: str,
    *match: str,
    examples: tuple[str, ...],
    counter: tuple[str, ...] = (),
    rank: int = 4,
    unless: tuple[str, ...] = (),
    near_end: int = 2_000,
) -> Rule:
    return Rule(
        id=f"test.{name}",
        failure_class=FailureClass.DETERMINISTIC,
        strength=Strength.STRONG,
        match=match,
        unless=unless,
        near_end=near_end,
        rank=rank,
        examples=examples,
        counter_examples=counter,
    )


TESTS: tuple[Rule, ...] = (
    _test(
        "pytest",
        r"^=+ .{0,200}\b[1-9]\d* (?:failed|errors?)\b.{0,200} in [\d.]+ ?s",
        r"^FAILED \S{1,300}::\S",
        r"^ERROR \S{1,300}\.py(?:::\S|$| - )",
        r"^Interrupted: \d+ errors? during collection",
        rank=6,
        examples=("==== 1 failed, 7 passed in 0.31s ====", "FAILED tests/test_a.py::test_b - assert 1 == 2"),
        counter=("==== 8 passed in 0.31s ====", "FAILED to start, retrying"),
    ),
    _test(
        "unittest",
        r"^FAILED \([^)\n]{0,80}(?:failures|errors)=[1-9]",
        rank=6,
        examples=("FAILED (failures=1, skipped=2)",),
        counter=("OK (skipped=2)",),
    ),
    _test(
        "surefire",
        r"Failed to execute goal [^ \n]{1,120}(?:surefire|failsafe)[^ \n]{0,60}:(?:test|verify|integration-test)\b",
        r"\bThere are test failures\.",
        rank=7,
        examples=(
            (
                "[ERROR] Failed to execute goal org.apache.maven.plugins:maven-surefire-plugin:3.0.0:test (default-test) on "
                "project a: There are test failures."
            ),
        ),
        counter=("[INFO] --- maven-surefire-plugin:3.0.0:test (default-test) @ a ---",),
    ),
    _test(
        "junit_counts",
        r"\bTests run: ?\d+, +Failures: ?[1-9]",
        r"\bTests run: ?\d+, +Failures: ?\d+, +Errors: ?[1-9]",
        r"\bFAILURE!{1,3} - in \S",
        r"<<< (?:FAILURE|ERROR)!",
        rank=4,
        examples=("[ERROR] Tests run: 4, Failures: 1, Errors: 0, Skipped: 0",),
        counter=("[INFO] Tests run: 4, Failures: 0, Errors: 0, Skipped: 0",),
    ),
    _test(
        "gradle",
        r"\bThere were failing tests\. See the (?:report|results) at",
        r"^\d+ tests? completed, [1-9]\d* failed",
        rank=7,
        examples=("> There were failing tests. See the report at: file:///a/index.html", "9 tests completed, 2 failed"),
        counter=("9 tests completed",),
    ),
    _test(
        "go",
        r"^[ \t]*--- FAIL: \S",
        rank=6,
        examples=("--- FAIL: TestPlan (0.01s)",),
        counter=("--- PASS: TestFailure (0.00s)",),
    ),
    _test(
        "go_package",
        r"^FAIL\t\S+",
        rank=4,
        examples=("FAIL\texample.org/a\t0.1s",),
        counter=("ok  \texample.org/a\t0.1s",),
    ),
    _test(
        "rust",
        r"^test result: FAILED\. \d+ passed; [1-9]",
        r"^error: test failed, to rerun pass ",
        rank=6,
        examples=("test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",),
        counter=("test result: ok. 3 passed; 0 failed",),
    ),
    _test(
        "javascript",
        r"^Tests: +(?:\d+ [a-z]+, )?[1-9]\d* failed",
        r"^[ \t]*Test Files +[1-9]\d* failed",
        r"^[ \t]+[1-9]\d* failing\b",
        r"\bExecuted \d+ of \d+ .{0,60}\([1-9]\d* FAILED\)",
        r"^Test Suites: +[1-9]\d* failed",
        r"^# fail +[1-9]",
        rank=6,
        examples=(
            "Tests:       1 failed, 4 passed, 5 total",
            "  2 failing",
            "Test Suites: 1 failed, 3 passed, 4 total",
        ),
        counter=("Tests:       5 passed, 5 total", "  0 failing"),
    ),
    _test(
        "ruby",
        r"^\d+ examples?, [1-9]\d* failures?",
        r"^\d+ (?:runs|tests), \d+ assertions, (?:[1-9]\d* failures|\d+ failures, [1-9]\d* errors)",
        rank=6,
        examples=("12 examples, 1 failure", "12 runs, 30 assertions, 0 failures, 1 errors, 0 skips"),
        counter=("12 examples, 0 failures",),
    ),
    _test(
        "php",
        r"^FAILURES!$",
        r"^Tests: \d+, Assertions: \d+, (?:Errors|Failures): [1-9]",
        rank=6,
        examples=("Tests: 9, Assertions: 20, Failures: 1.",),
        counter=("OK (9 tests, 20 assertions)",),
    ),
    _test(
        "dotnet",
        r"^[ \t]*Failed! +- +Failed: +[1-9]",
        rank=6,
        examples=("Failed!  - Failed:     1, Passed:     9, Skipped:     0, Total:    10",),
        counter=("Passed!  - Failed:     0, Passed:    10",),
    ),
    _test(
        "ctest",
        r"^\d+% tests passed, [1-9]\d* tests? failed out of \d+",
        rank=6,
        examples=("90% tests passed, 1 tests failed out of 10",),
        counter=("100% tests passed, 0 tests failed out of 10",),
    ),
    _test(
        "tap",
        r"^not ok \d+",
        unless=(r"(?i)# (?:todo|skip)",),
        rank=3,
        examples=("not ok 3 parses an empty file",),
        counter=("ok 3 parses an empty file", "not ok 4 later # TODO"),
    ),
    _test(
        "assertion",
        r"\bAssertionError\b",
        r"\bAssertionFailedError\b",
        r"\bComparisonFailure\b",
        r"^thread '.{1,120}' panicked at ",
        r"^[ \t]*(?:Error: )?expect\(.{1,80}\)\.(?:not\.)?to[A-Z]",
        r"\bMISSING REGRESSION TEST\b",
        r"^FAILED CONSISTENTLY: ",
        rank=2,
        examples=("AssertionError: expected 500 to equal 200", "thread 'main' panicked at src/lib.rs:3:5:"),
        counter=("import assertions",),
    ),
    _test(
        "coverage",
        r"^(?:ERROR: )?(?:Jest: .{0,40}coverage threshold|FAIL Required test coverage of|Coverage for \w+ \([\d.]+%\) does not meet)",
        r"\bCoverage failure: total of \d+ is less than fail-under=",
        rank=5,
        examples=("FAIL Required test coverage of 90% not reached. Total coverage: 81.20%",),
        counter=("Required test coverage of 90% reached.",),
    ),
)
