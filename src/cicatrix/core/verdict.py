"""One vocabulary of failure, and the one pure function from signals to a verdict.

The room `diagnosis` reads facts and logs and makes `Signals`; `judge` here decides. Abstaining (`unknown`) is a good
answer: it never leads to a rerun.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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


PRIOR = {Strength.TERMINAL: 97, Strength.STRONG: 90, Strength.WEAK: 60}
"""Confidence before 30 outcomes of a rule are known (docs: diagnosis, section 2)."""


LAST_WORDS = 120
"""Lines before the end of a step in which the better evidence is looked for first."""
BESIDE = 15
"""Lines within which a broken network and a failed test may be one event."""


class StepKind(StrEnum):
    """What a step does, when its name or command says so. All but `TEST` talk to a network more than to the code."""

    SETUP = "setup"
    CHECKOUT = "checkout"
    INSTALL = "install"
    DOWNLOAD = "download"
    UPLOAD = "upload"
    TEST = "test"
    """Runs the code under test: its words may be written by that code."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What the job object alone settles. `rule` names the fact; `because` says it in words."""

    rule: str
    failure_class: FailureClass
    because: str
    suspected: FailureClass | None = None
    confidence: int = PRIOR[Strength.TERMINAL]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One rule found on one line of the failed step. `line` is redacted already."""

    rule: str
    failure_class: FailureClass
    strength: Strength
    line_number: int
    line: str
    suspected: FailureClass | None = None
    """The label of a hit whose class is unknown: the platform names an end, not a cause."""
    near_end: bool = True
    """Within the rule's distance of the place where the step died."""
    distance: int = 0
    """Lines between the hit and that place."""
    rank: int = 0
    """Among hits of equal weight the higher rank is the better evidence."""
    supported: bool = False
    """The lines around the hit show the same thing (a download under way, a tool giving up on the network)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """Everything the decision may look at. Made by `cicatrix.diagnosis`, judged by `judge`."""

    fact: Fact | None = None
    hits: tuple[Hit, ...] = ()
    step: str | None = None
    step_kind: StepKind | None = None
    missing: str | None = None
    """Why there is no log, if there is none."""
    succeeded: bool = False
    """The log itself ends in success."""
    signature: str | None = None
    truncated: bool = False
    ruleset_hash: str = ""


def judge(signals: Signals) -> Verdict:
    """The verdict on `signals`. The same signals give the same verdict; no I/O, no clock, no randomness.

    Order: facts of the job; terminal rules; arbitration between strong hits. A strong infrastructure hit acts only near
    the place where the step died, with no deterministic hit in the step and with a second signal. Conflict or doubt is
    `unknown`, whose label, if there is one, stands in `suspected`.
    """
    base = replace(
        UNKNOWN,
        step=signals.step,
        signature=signals.signature,
        truncated=signals.truncated,
        ruleset_hash=signals.ruleset_hash,
    )
    if signals.fact is not None:
        return _by_fact(base, signals.fact)
    if signals.missing is not None:
        return replace(base, counter_evidence=f"no log to read: {signals.missing}")
    if signals.succeeded:
        return replace(base, counter_evidence="the log ends in success")
    terminal = [h for h in signals.hits if h.strength is Strength.TERMINAL and h.near_end]
    strong = [h for h in signals.hits if h.strength is Strength.STRONG]
    blame = [h for h in strong if h.failure_class is FailureClass.DETERMINISTIC]
    if terminal:
        return _by_terminal(base, terminal, blame)
    return _arbitrate(base, signals, strong, blame)


def _by_fact(base: Verdict, fact: Fact) -> Verdict:
    acts = fact.failure_class is not FailureClass.UNKNOWN
    return replace(
        base,
        failure_class=fact.failure_class,
        confidence=fact.confidence if acts else 0,
        rule=fact.rule,
        stage="facts",
        suspected=fact.suspected,
        counter_evidence=None if acts else fact.because,
        terminal=acts,
    )


def _by_terminal(base: Verdict, terminal: list[Hit], blame: list[Hit]) -> Verdict:
    """Terminal rules decide, unless they contradict each other or a named fault of the code."""
    lasting = [h for h in terminal if h.failure_class not in RETRYABLE | {FailureClass.UNKNOWN}]
    named = [h for h in terminal if h.failure_class is not FailureClass.UNKNOWN]
    best = _best(lasting or named or terminal)
    if best.failure_class in RETRYABLE and blame:
        # any program can print the platform's words: beside a real assertion or compile error they prove nothing
        return _doubt(base, best, _best(blame))
    return _speak(base, best, "log", terminal=True)


def _arbitrate(base: Verdict, signals: Signals, strong: list[Hit], blame: list[Hit]) -> Verdict:
    infra = [h for h in strong if h.failure_class in RETRYABLE and h.near_end]
    lasting = [h for h in strong if h.failure_class is FailureClass.INFRA_PERSISTENT and h.near_end]
    near = [h for h in blame if h.near_end]
    weak = [h for h in signals.hits if h.strength is Strength.WEAK and h.near_end]
    if lasting:
        # not retryable either way, and a full disk makes compilers and tests fail in its wake
        return _speak(base, _best(lasting), "arbitration", against=_best(near) if near else None)
    if infra and blame:
        return _doubt(base, _best(infra), _best(blame))
    if infra:
        best = _best(infra)
        if _second_signal(best, infra, signals.step_kind):
            return _speak(base, best, "arbitration")
        return _suspect(base, best)
    if near:
        best = _best(near)
        rival = next((h for h in reversed(weak) if _rivals(h, best)), None)
        if rival is not None:
            return _doubt(base, best, rival)
        return _speak(base, best, "arbitration")
    left = [*weak, *blame]
    return _suspect(base, _best(left)) if left else base


def _second_signal(best: Hit, infra: list[Hit], kind: StepKind | None) -> bool:
    """Absence of a deterministic hit is not a second signal: alone it was wrong in 3.4 % of real logs."""
    if kind is StepKind.TEST:
        return False
    return kind is not None or best.supported or any(h.rule != best.rule for h in infra)


def _rivals(hit: Hit, best: Hit) -> bool:
    """A broken network right beside a failed test may be its cause: then neither is believed."""
    infra = hit.failure_class is FailureClass.INFRA_TRANSIENT
    return infra and (hit.supported or abs(hit.line_number - best.line_number) <= BESIDE)


def _best(hits: list[Hit]) -> Hit:
    return max(hits, key=lambda h: (h.near_end, h.distance <= LAST_WORDS, h.supported, h.rank, h.line_number))


def _speak(base: Verdict, hit: Hit, stage: str, *, terminal: bool = False, against: Hit | None = None) -> Verdict:
    known = hit.failure_class is not FailureClass.UNKNOWN
    return replace(
        base,
        failure_class=hit.failure_class,
        confidence=PRIOR[hit.strength] if known else 0,
        rule=hit.rule,
        stage=stage,
        suspected=None if known else hit.suspected,
        line_number=hit.line_number,
        line=hit.line,
        counter_evidence=None if against is None else f"line {against.line_number}: {against.rule}: {against.line}",
        terminal=terminal and known,
    )


def _suspect(base: Verdict, hit: Hit) -> Verdict:
    """Evidence that may not act: its label is named, the class stays unknown."""
    return replace(
        base,
        rule=hit.rule,
        stage="arbitration",
        line_number=hit.line_number,
        line=hit.line,
        suspected=hit.suspected or hit.failure_class,
    )


def _doubt(base: Verdict, hit: Hit, against: Hit) -> Verdict:
    return replace(_suspect(base, hit), counter_evidence=f"line {against.line_number}: {against.rule}: {against.line}")


def classify_failure_for_rerun(found: Verdict | FailureClass | str | None) -> str | None:
    """The seed's `classifyFailureForRerun` as a compatibility function: `infra transient`, `flaky probable` or None.

    Differs from the seed's: that one read a job's conclusion and *name*, so "network-lib unit tests" counted as
    infrastructure. Here a name is no evidence. The argument is what was diagnosed: a Verdict, a FailureClass, or its
    name in either spelling (`infra transient` or `infra_transient`). Everything else, also a text that names no
    retryable class, gives None: not eligible.
    """
    name = found.failure_class if isinstance(found, Verdict) else found
    if name is None:
        return None
    spelled = str(name).strip().lower().replace(" ", "_")
    return spelled.replace("_", " ") if spelled in RETRYABLE else None
