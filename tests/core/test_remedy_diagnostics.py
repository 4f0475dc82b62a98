"""Build logs: what is found in them, that nothing secret comes out, and that no log takes long."""

from __future__ import annotations

import time

import pytest

from cicatrix.core.remedy.build_patterns import ERRORS, QUICK_FIXES, SEVERITIES, TYPES, WARNINGS
from cicatrix.core.remedy.diagnostics import LONGEST_LINE, diagnose_build
from cicatrix.core.remedy.model import Risk

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"

LINES = [
    ("src/a.ts(3,7): error TS2322: Type 'x' is not assignable", "typescript", "TS2322"),
    ("src/a.ts:3:7 - error TS2322: Type 'x' is not assignable", "typescript", "TS2322"),
    ("error TS18003: No inputs were found in config file", "typescript", "TS18003"),
    ("Module not found: Error: Can't resolve './b' in '/src'", "import", ""),
    ("Error: Cannot find module 'left-pad'", "import", ""),
    ("ModuleNotFoundError: No module named 'shop'", "import", "ModuleNotFoundError"),
    ("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "memory", ""),
    ("Exception in thread main java.lang.OutOfMemoryError: Metaspace", "memory", "java.lang.OutOfMemoryError"),
    ("Killed", "memory", ""),
    ("npm error code ERESOLVE", "dependency", "ERESOLVE"),
    ("npm ERR! code E404", "dependency", "E404"),
    ("ERROR: ResolutionImpossible: for help visit", "dependency", "ResolutionImpossible"),
    ("main.go:4:2: missing go.sum entry for module providing package x", "dependency", ""),
    ("SyntaxError: Unexpected token", "syntax", "SyntaxError"),
    ("ERROR in ./src/index.js 1:0", "webpack", ""),
    ("src/main.c:12:5: error: unknown type name 'timeout_t'", "unknown", ""),
]


@pytest.mark.parametrize(("line", "kind", "code"), LINES)
def test_errors_are_found_and_named(line: str, kind: str, code: str) -> None:
    (error,) = diagnose_build(f"building\n{line}\n", succeeded=False).errors
    assert (error.type, error.code, error.message) == (kind, code, line)


def test_every_pattern_is_shown_by_a_line() -> None:
    hit = {next(p for p in ERRORS if p.word in line and p.expression.search(line)) for line, _, _ in LINES}
    assert hit == set(ERRORS)
    assert (len(ERRORS), len(WARNINGS)) == (15, 10)
    assert {p.type for p in ERRORS} == set(TYPES)
    assert {p.severity for p in (*ERRORS, *WARNINGS)} <= set(SEVERITIES)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("npm warn deprecated rimraf@2.7.1: no longer supported", "dependency"),
        ("npm WARN react@17 requires a peer of x", "dependency"),
        ("npm warn EBADENGINE Unsupported engine {", "dependency"),
        ("WARNING in ./src/index.js", "webpack"),
        ("asset size limit: The following asset(s) exceed", "webpack"),
        ("src/a.ts(1,1): warning TS6133: 'x' is declared", "typescript"),
        ("(node:1) DeprecationWarning: Buffer() is deprecated", "syntax"),
        ("a.py:1: SyntaxWarning: invalid escape sequence", "syntax"),
        ("MaxListenersExceededWarning: Possible EventEmitter memory leak", "memory"),
        ("a.c:1:2: warning: unused variable", "unknown"),
    ],
)
def test_warnings_are_found(line: str, kind: str) -> None:
    found = diagnose_build(line, succeeded=True)
    assert [warning.type for warning in found.warnings] == [kind]


def test_place_counts_recommendations_and_quick_fixes() -> None:
    log = "\n".join(["start", LINES[0][0], LINES[0][0], "JavaScript heap out of memory", *map(str, range(9)), "end"])
    told = diagnose_build(log, succeeded=False, took_ms=1200, environment={"node": "22"}).as_json()
    first = told["errors"][0]
    assert (first["file"], first["line"], first["column"]) == ("src/a.ts", 3, 7)
    assert told["categories"] == {"memory": 1, "typescript": 1}, "equal lines are told once"
    assert [fix["risk"] for fix in told["quickFixes"]] == ["low", "low"]
    assert len(told["recommendations"]) == 2
    assert (told["buildSucceeded"], told["buildTime"], told["environment"]) == (False, 1200, {"node": "22"})
    assert told["excerpts"]["first"][0] == "start"
    assert told["excerpts"]["last"] == ["5", "6", "7", "8", "end"]
    assert len(told["excerpts"]["first"]) == 5
    assert len(told["excerpts"]["critical"]) == 2


def test_quick_fixes_are_the_five_of_the_seed() -> None:
    risks = [fix.risk for fix in QUICK_FIXES]
    assert (len(risks), risks.count(Risk.LOW), risks.count(Risk.MEDIUM)) == (5, 4, 1)


@pytest.mark.shows("RM-5", "B8")
def test_the_log_is_redacted_before_anything_is_taken_out_of_it() -> None:
    log = f"token {TOKEN}\nnpm error code E401 {TOKEN}\nx.c:1:1: error: {TOKEN}\nwarning: {TOKEN}\n"
    told = str(diagnose_build(log, succeeded=False).as_json())
    assert "[redacted]" in told
    assert TOKEN not in told


def test_no_log_takes_long() -> None:
    """Each pattern's own word, in front of what would make a careless pattern try again and again."""
    hostile = [f"{p.word} {'a:(' * 5_000}" for p in (*ERRORS, *WARNINGS)]
    hostile += [f"{'a:1,' * 20_000}{p.word}" for p in (*ERRORS, *WARNINGS)]
    hostile += ["npm warn " + "x" * 50_000 + " peer", "a(1,1" * 10_000 + "error TS1"]
    started = time.perf_counter()
    found = diagnose_build("\n".join(hostile * 20), succeeded=False)
    assert time.perf_counter() - started < 10
    assert all(len(error.message) <= LONGEST_LINE for error in (*found.errors, *found.warnings))
