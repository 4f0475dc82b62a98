"""What a report says, and the one way in which a report can be of no use."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cicatrix.core.health.model import Component, Counts, Finding

GRAVE = frozenset({"critical", "high", "error"})
SEVERITIES = GRAVE | {"moderate", "warning", "low", "info"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """One report, read to its end."""

    findings: tuple[Finding, ...] = ()
    """Everything that it holds; each severity is one of `SEVERITIES`."""
    total_tests: int = 0
    tool: str = ""
    tool_version: str = ""
    """Both empty unless the report tells them."""


class Unreadable(Exception):  # noqa: N818 -- named for what is the case: the report cannot be read
    """The report tells nothing that may be relied on. `outside`: for a reason outside the repository (GK-0)."""

    def __init__(self, why: str, *, outside: bool = False) -> None:
        super().__init__(why)
        self.why, self.outside = why, outside


def json_of(report: bytes) -> Any:
    """The report as a JSON tree. Raises Unreadable for anything else, an empty report included."""
    if not report.strip():
        raise Unreadable("the report is empty")
    try:
        return json.loads(report)
    except (ValueError, RecursionError):
        raise Unreadable("the report is no JSON") from None


def part(tree: Any, key: str, kind: type | tuple[type, ...]) -> Any:
    """The member of an object. Raises Unreadable when it is missing or of another kind."""
    value = tree.get(key) if isinstance(tree, dict) else None
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise Unreadable(f"the report has no {key} where one belongs")
    return value


def objects(tree: Any) -> list[dict[str, Any]]:
    """A list of objects. Raises Unreadable for anything else."""
    if not isinstance(tree, list) or not all(isinstance(item, dict) for item in tree):
        raise Unreadable("the report has something else where a list of objects belongs")
    return tree


def whole(value: Any) -> int | None:
    """A line number; None for anything that is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


_NETWORK = re.compile(
    rb"\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|EPROTO|ERR_SOCKET_TIMEOUT)\b"
    rb"|name resolution|getaddrinfo|(?i:could not resolve (?:host|proxy))|(?i:network is unreachable)"
    rb"|dial tcp [^\n]*(?:i/o timeout|refused|no such host)|lookup [^\n]*(?:no such host|server misbehaving)"
    rb"|(?i:connection (?:refused|timed out|reset by peer))|(?i:max retries exceeded)|ConnectTimeout|ReadTimeout"
    rb"|NewConnectionError|spurious network error|Could not transfer artifact|npm (?:ERR!|error) code E5\d\d\b"
    rb"|request to \S+ failed|Failed to upgrade `pip`"
    rb"|(?i:audit endpoint returned an error)|\b(?:502 Bad Gateway|503 Service|504 Gateway)|TLS handshake timeout"
)


def blames_the_network(*outputs: bytes) -> bool:
    """Whether a tool says that a server outside could not be reached. Only ever a reason to know less."""
    return any(_NETWORK.search(output) for output in outputs)


def counted(component: Component, parsed: Parsed) -> Counts:
    """The numbers that the component's formula needs."""
    per = _per_severity(parsed.findings)
    grave = sum(per.get(severity, 0) for severity in GRAVE)
    match component:
        case Component.SECURITY:
            return Counts(
                critical=per.get("critical", 0),
                high=per.get("high", 0) + per.get("error", 0),
                moderate=per.get("moderate", 0) + per.get("warning", 0),
                low=per.get("low", 0),
            )
        case Component.TESTS:
            return Counts(failed_tests=grave, total_tests=parsed.total_tests)
        case _:
            return Counts(errors=grave, warnings=len(parsed.findings) - grave - per.get("info", 0))


def _per_severity(findings: Sequence[Finding]) -> dict[str, int]:
    per: dict[str, int] = {}
    for finding in findings:
        if finding.severity not in SEVERITIES:
            raise Unreadable("the report has a severity that nobody knows")
        per[finding.severity] = per.get(finding.severity, 0) + 1
    return per
