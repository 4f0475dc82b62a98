"""Report formats: what they hold, and that nothing cut, bent or hostile is ever healthy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cicatrix.checks.measure import _judged
from cicatrix.checks.parsers import READERS, Parsed, Unreadable, counted
from cicatrix.checks.process import Ran
from cicatrix.core.health.model import Check, CheckResult, CheckState, Component, Counts, Finding

L, S, B, T = Component.LINT, Component.SECURITY, Component.BUILD, Component.TESTS


NESTED = (
    b'<testsuites><testsuite tests="2" failures="1"><testsuite tests="2" failures="1">'
    b'<testcase name="a"/><testcase name="b"><failure/></testcase></testsuite></testsuite></testsuites>'
)
ALL_FOUR = Counts(critical=1, high=1, moderate=1, low=1)


def text(tree: object) -> bytes:
    return json.dumps(tree).encode()


def sarif(*results: Mapping[str, Any], rules: list[dict[str, Any]] | None = None, **run: Any) -> bytes:
    driver = {"name": "scan", "version": "1.2", "rules": rules or []}
    return text({"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": list(results), **run}]})


def result(**more: Any) -> dict[str, Any]:
    return {"ruleId": "R1", "message": {"text": "wrong"}, **more}


def npm(**severities: str) -> bytes:
    totals = dict.fromkeys(("info", "low", "moderate", "high", "critical"), 0)
    for severity in severities.values():
        totals[severity] += 1
    listed = {
        name: {"name": name, "severity": severity, "via": [{"title": "bad"}], "range": "<2"}
        for name, severity in severities.items()
    }
    counts = {**totals, "total": len(severities)}
    return text({"auditReportVersion": 2, "vulnerabilities": listed, "metadata": {"vulnerabilities": counts}})


def pip(*vulnerable: str, skipped: str = "", clean: str = "requests") -> bytes:
    listed: list[dict[str, Any]] = [{"name": clean, "version": "2.0", "vulns": []}]
    listed += [
        {"name": name, "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": []}]}
        for name in vulnerable
    ]
    if skipped:
        listed.append({"name": "private", "skip_reason": skipped})
    return text({"dependencies": listed, "fixes": []})


def eslint(*severities: int) -> bytes:
    messages = [{"ruleId": "semi", "severity": s, "message": "wrong", "line": 3} for s in severities]
    errors, warnings = severities.count(2), severities.count(1)
    return text([{"filePath": "a.js", "messages": messages, "errorCount": errors, "warningCount": warnings}])


def ruff(count: int) -> bytes:
    return text(
        [{"code": "F401", "message": "unused", "filename": "a.py", "location": {"row": 1, "column": 1}}] * count
    )


def junit(*cases: str, failures: int | None = None, tests: int | None = None, errors: int = 0) -> bytes:
    inner = {"pass": "", "fail": "<failure/>", "error": "<error/>", "skip": "<skipped/>"}
    body = "".join(f'<testcase classname="t" name="n{i}">{inner[case]}</testcase>' for i, case in enumerate(cases))
    failed = cases.count("fail") if failures is None else failures
    errors = errors or cases.count("error")
    total = len(cases) if tests is None else tests
    head = f'<testsuite name="s" tests="{total}" failures="{failed}" errors="{errors}">'
    return f'<?xml version="1.0"?><testsuites>{head}{body}</testsuite></testsuites>'.encode()


@pytest.mark.shows("GK-1")
@pytest.mark.parametrize(
    ("parser", "component", "report", "counts"),
    [
        ("sarif", L, sarif(), Counts()),
        ("sarif", L, sarif(result(level="error"), result(), result(level="note")), Counts(errors=1, warnings=2)),
        ("sarif", S, sarif(result(level="error"), result(level="note")), Counts(high=1, low=1)),
        ("sarif", L, sarif(result(level="none"), result(kind="pass"), result(kind="notApplicable")), Counts()),
        ("sarif", L, sarif(result(suppressions=[{"kind": "inSource"}])), Counts()),
        ("sarif", L, sarif(result(suppressions=[{"kind": "external", "status": "rejected"}])), Counts(warnings=1)),
        ("sarif", L, sarif(result(baselineState="absent"), result(baselineState="new")), Counts(warnings=1)),
        (
            "sarif",
            S,
            sarif(result(level="note"), rules=[{"id": "R1", "properties": {"security-severity": "9.8"}}]),
            Counts(critical=1),
        ),
        (
            "sarif",
            L,
            sarif(result(), rules=[{"id": "R1", "defaultConfiguration": {"level": "error"}}]),
            Counts(errors=1),
        ),
        ("pip-audit", S, pip(), Counts()),
        ("pip-audit", S, pip("jinja2", "flask"), Counts(high=2)),
        ("pip-audit", S, pip(skipped="distribution marked as editable"), Counts()),
        ("npm-audit", S, npm(), Counts()),
        ("npm-audit", S, npm(a="critical", b="high", c="moderate", d="low", e="info"), ALL_FOUR),
        ("ruff", L, ruff(0), Counts()),
        ("ruff", L, ruff(3), Counts(errors=3)),
        ("ruff", S, ruff(1), Counts(high=1)),
        ("eslint", L, eslint(), Counts()),
        ("eslint", L, eslint(2, 1, 1), Counts(errors=1, warnings=2)),
        ("junit", T, junit("pass", "pass"), Counts(total_tests=2)),
        ("junit", T, junit("pass", "fail", "error", "skip"), Counts(failed_tests=2, total_tests=3)),
        ("junit", T, junit("pass", failures=2), Counts(failed_tests=2, total_tests=2)),
        ("junit", T, b"<testsuite><error/><testcase name='a'/></testsuite>", Counts(failed_tests=1, total_tests=2)),
        (
            "junit",
            T,
            NESTED,
            Counts(failed_tests=1, total_tests=2),
        ),
    ],
)
def test_what_a_report_holds(parser: str, component: Component, report: bytes, counts: Counts) -> None:
    assert counted(component, READERS[parser](report)) == counts


@pytest.mark.shows("GK-1", "C15")
@pytest.mark.parametrize(
    ("parser", "report", "says"),
    [
        *((parser, b"", "the report is empty") for parser in READERS),
        *((parser, b" \n", "the report is empty") for parser in READERS),
        *((parser, b"null", "") for parser in READERS),
        *((parser, b"[" * 100_000, "") for parser in READERS),
        *((parser, b"{}", "") for parser in READERS),
        *((parser, b"\xff\xfe\x00", "") for parser in READERS),
        *((parser, b"9" * 10_000, "") for parser in READERS),
        ("sarif", text({"version": "2.0.0", "runs": []}), "not SARIF 2.1.0"),
        ("sarif", text({"version": "2.1.0", "runs": []}), "no run"),
        ("sarif", text({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}}]}), "no results"),
        (
            "sarif",
            text({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": None}]}),
            "results",
        ),
        ("sarif", sarif(invocations=[{"executionSuccessful": False}]), "did not come to its end"),
        ("sarif", sarif(result(level="fatal")), "a level that nobody knows"),
        ("sarif", sarif(result(kind="maybe")), "a kind of result that nobody knows"),
        ("sarif", sarif(result(), rules=[{"id": "R1", "properties": {"security-severity": "high"}}]), "no number"),
        ("sarif", sarif(result(), rules=[{"id": "R1", "properties": {"security-severity": "nan"}}]), "beyond 0..10"),
        ("pip-audit", pip(skipped="Dependency not found and could not be audited"), "could not be audited"),
        ("pip-audit", text({"dependencies": [{"name": "a", "version": "1"}]}), "no vulns"),
        ("npm-audit", text({"auditReportVersion": 1, "vulnerabilities": {}}), "not of npm 7"),
        ("npm-audit", npm(a="high").replace(b'"high": 1', b'"high": 0'), "totals differ"),
        ("npm-audit", npm(a="high").replace(b'"severity": "high"', b'"severity": "none"'), "severity that nobody"),
        ("npm-audit", text({"error": {"code": "ENOLOCK", "summary": "no lock"}}), "refused with ENOLOCK"),
        ("eslint", b"[]", "no file was linted"),
        ("eslint", eslint(2).replace(b'"errorCount": 1', b'"errorCount": 0'), "totals differ"),
        ("eslint", eslint(2).replace(b'"severity": 2', b'"severity": 3'), "severity that nobody knows"),
        ("ruff", text([{"code": "F401"}]), "no message"),
        ("ruff", text(["F401"]), "list of objects"),
        ("junit", b"<html/>", "no JUnit XML"),
        ("junit", b"<testsuites/>", "no test ran"),
        ("junit", junit("skip"), "no test ran"),
        ("junit", junit("pass", tests=5), "fewer tests than it counts"),
        ("junit", junit("pass").replace(b'failures="0"', b'failures="-1"'), "no number"),
        ("junit", junit("pass")[:-3], "no XML"),
    ],
)
def test_a_report_that_tells_nothing_is_told_so(parser: str, report: bytes, says: str) -> None:
    with pytest.raises(Unreadable) as caught:
        counted(S, READERS[parser](report))
    assert says in caught.value.why


@pytest.mark.shows("GK-0")
@pytest.mark.parametrize(
    ("parser", "report", "outside"),
    [
        ("pip-audit", pip(skipped="not found"), True),
        ("npm-audit", text({"error": {"code": "ENOLOCK"}}), False),
        (
            "npm-audit",
            text({"message": "request to https://x failed, reason: connect ECONNREFUSED", "error": {}}),
            True,
        ),
        ("npm-audit", text({"message": "request to https://x failed, reason: self-signed", "error": {}}), True),
        ("npm-audit", text({"statusCode": 503, "error": {"summary": "", "detail": ""}}), True),
        ("npm-audit", text({"error": {"summary": "something", "detail": ""}}), False),
        ("npm-audit", b"", False),
    ],
)
def test_what_comes_from_outside(parser: str, report: bytes, outside: bool) -> None:
    with pytest.raises(Unreadable) as caught:
        READERS[parser](report)
    assert caught.value.outside is outside


def test_a_severity_that_no_formula_knows_is_not_left_out() -> None:
    for component in Component:
        with pytest.raises(Unreadable, match="severity"):
            counted(component, Parsed(findings=(Finding(message="x", severity="dire"),)))


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
HOSTILE = {
    "billion laughs": f'<!DOCTYPE t [<!ENTITY l0 "ha">{LAUGHS}]><testsuite><testcase name="&l11;"/></testsuite>',
    "outside file": '<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite><testcase name="a">&x;</testcase>'
    "</testsuite>",
    "outside document type": '<!DOCTYPE t SYSTEM "http://127.0.0.1:9/x.dtd"><testsuite><testcase/></testsuite>',
    "parameter entity": '<!DOCTYPE t [<!ENTITY % p SYSTEM "file:///etc/x"> %p;]><testsuite><testcase/></testsuite>',
    "deep": "<testsuite>" * 300_000,
}


@pytest.mark.shows("GK-1", "T7")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xml_is_refused_before_it_does_anything(name: str) -> None:
    with pytest.raises(Unreadable):
        READERS["junit"](HOSTILE[name].encode())


# --- bar 6: cut or bent, 0 healthy

FAILING = {
    "sarif": (S, sarif(*[result(level="error")] * 3)),
    "pip-audit": (S, pip("jinja2", "flask", "django", clean="a")),
    "npm-audit": (S, npm(a="critical", b="high")),
    "ruff": (L, ruff(4)),
    "eslint": (L, eslint(2, 2, 1)),
    "junit": (T, junit("pass", "fail", "error")),
}
HEALTHY = {
    "sarif": (S, sarif()),
    "pip-audit": (S, pip()),
    "npm-audit": (S, npm()),
    "ruff": (L, text([])),
    "eslint": (L, eslint()),
    "junit": (T, junit("pass", "pass", "skip")),
}


def judged(parser: str, component: Component, report: bytes, exit_code: int) -> CheckResult:
    check = Check(name="c", component=component, command=("x",), parser=parser)
    return _judged(check, Ran(exit_code=exit_code, stdout=report), report)


@pytest.mark.shows("GK-1", "F29")
@pytest.mark.parametrize("parser", list(READERS))
def test_every_cut_of_a_report_is_unknown(parser: str) -> None:
    for reports in (FAILING, HEALTHY):
        component, report = reports[parser]
        for end in range(len(report)):
            for exit_code in (0, 1):
                assert judged(parser, component, report[:end], exit_code).state is CheckState.UNKNOWN, report[:end]


@pytest.mark.shows("GK-1", "F29")
@pytest.mark.parametrize("parser", list(READERS))
@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_bent_report_of_a_failing_tool_is_never_healthy(parser: str, data: st.DataObject) -> None:
    component, report = FAILING[parser]
    bent = bytearray(report)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(bent) - 1)) if bent else 0
        match data.draw(st.sampled_from(("flip", "cut", "insert", "drop"))):
            case "flip" if bent:
                bent[place] = data.draw(st.integers(0, 255))
            case "cut":
                del bent[place:]
            case "insert":
                bent[place:place] = data.draw(st.binary(max_size=6))
            case _:
                del bent[place : place + data.draw(st.integers(1, 60))]
    assert judged(parser, component, bytes(bent), 1).score != 100, bytes(bent)


@pytest.mark.shows("GK-1", "C15")
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(READERS)), st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_junk_is_unknown(parser: str, junk: bytes) -> None:
    if not (parser == "ruff" and junk.strip() == b"[]"):
        assert judged(parser, L, junk, 0).state is CheckState.UNKNOWN
