"""One vocabulary of failure, and the one pure function from signals to a verdict.

The room `diagnosis` reads logs and makes `Signals`; `judge` here decides. Abstaining (`unknown`) is a good answer:
it never leads to a rerun.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FailureClass(StrEnum):
    INFRA_TRANSIENT = "infra_transient"
    FLAKY_PROBABLE = "flaky_probable"
    INFRA_PERSISTENT = "infra_persistent"
    DETERMINISTIC = "deterministic"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


RETRYABLE = frozenset({FailureClass.INFRA_TRANSIENT, FailureClass.FLAKY_PROBABLE})


class Strength(StrEnum):
    TERMINAL = "terminal"
    """The platform says that the job died of it."""
    STRONG = "strong"
    """Names the cause; acts only with a second signal."""
    WEAK = "weak"
    """Gives a label and a line, never a verdict that acts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a failed job died of. `confidence` is 0..100; `line` is redacted and comes from a stranger."""

    failure_class: FailureClass
    confidence: int
    rule: str | None = None
    stage: str = "none"
    """`facts`, `log`, `arbitration` or `none`."""
    step: str | None = None
    line_number: int | None = None
    line: str | None = None
    suspected: FailureClass | None = None
    counter_evidence: str | None = None
    signature: str | None = None
    """Hash that is equal for equal failures, whatever the timestamps, ids and paths in them."""
    terminal: bool = False
    """True when a fact or a terminal rule decided."""
    truncated: bool = False
    ruleset_hash: str = ""


UNKNOWN = Verdict(failure_class=FailureClass.UNKNOWN, confidence=0)
