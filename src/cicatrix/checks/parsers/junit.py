"""JUnit XML, the format of test runners (pytest, Surefire, Gradle, jest-junit, gotestsum, ...).

There is no schema that all of them keep, so where the totals and the cases differ, what is worse counts. A document
type is refused: no runner writes one, and entities are how an XML file attacks its reader.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from cicatrix.checks.parsers.parsed import Parsed, Unreadable
from cicatrix.core.health.model import Finding

_FAILED = frozenset({"failure", "error"})
_SUITES = frozenset({"testsuites", "testsuite"})


def junit(report: bytes) -> Parsed:
    """The failed tests, errors included. A report in which no test ran tells nothing."""
    if not report.strip():
        raise Unreadable("the report is empty")
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _no_document_type
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    try:
        parser.Parse(report, True)
    except (expat.ExpatError, ValueError, LookupError):
        raise Unreadable("the report is no XML") from None
    return reader.told()


def _no_document_type(*_: object) -> None:
    raise Unreadable("the report has a document type, which no test runner writes")


@dataclass(slots=True)
class _Case:
    name: str
    path: str
    failed: bool = False
    skipped: bool = False


@dataclass(slots=True)
class _Reader:
    depth: int = 0
    root: str = ""
    suites: list[dict[str, str]] = field(default_factory=list)
    cases: list[_Case] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self.open and name not in _SUITES:
            raise Unreadable("the report is no JUnit XML")
        inside = self.open[-1] if self.open else ""
        self.open.append(name)
        if name == "testsuite" and inside != "testsuite":
            self.suites.append(attributes)
        elif name == "testcase":
            self.cases.append(_case(attributes))
        elif inside == "testcase" and name in _FAILED:
            self.cases[-1].failed = True
        elif inside == "testcase" and name == "skipped":
            self.cases[-1].skipped = True
        elif inside in _SUITES and name in _FAILED:
            # a suite that fell over as a whole
            self.cases.append(_Case("the test suite", "", failed=True))

    def end(self, _: str) -> None:
        self.open.pop()

    def told(self) -> Parsed:
        failed = [_finding(case.name, case.path) for case in self.cases if case.failed]
        claimed = sum(_number(suite, "failures") + _number(suite, "errors") for suite in self.suites)
        failed += [_finding("a test that the totals count", "")] * (claimed - len(failed))
        ran = sum(1 for case in self.cases if not case.skipped)
        listed = sum(_number(suite, "tests") for suite in self.suites)
        if not failed and (not ran or listed > len(self.cases)):
            raise Unreadable("the report lists fewer tests than it counts" if ran else "no test ran")
        return Parsed(findings=tuple(failed), total_tests=max(ran, len(failed)))


def _case(attributes: dict[str, str]) -> _Case:
    owner = attributes.get("classname", "")
    name = attributes.get("name", "")
    return _Case(f"{owner}.{name}".strip(".") or "a test", attributes.get("file", ""))


def _finding(name: str, path: str) -> Finding:
    return Finding(message=f"{name} failed", severity="error", path=path)


def _number(attributes: dict[str, str], name: str) -> int:
    text = attributes.get(name, "0")
    if not text.isdecimal() or len(text) > 9:
        raise Unreadable(f"the report's {name} is no number")
    return int(text)
