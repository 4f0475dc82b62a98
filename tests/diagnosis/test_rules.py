"""The rule table: every example speaks, no counter-example does, and every pattern is linear and stays on its line."""

from __future__ import annotations

import re
import time

import pytest

from cicatrix.core.verdict import FailureClass, Strength
from cicatrix.diagnosis.diagnoser import PATTERNS, Reading
from cicatrix.diagnosis.lines import line_at
from cicatrix.diagnosis.rule import Rule, pattern_problem, ruleset_hash
from cicatrix.diagnosis.rules import BUILTIN
from cicatrix.diagnosis.scanner import HyperscanScanner, Pattern, TailScanner

STAMP = "2026-03-04T05:06:07.1234567Z "


def speaks(rule: Rule, sample: str) -> bool:
    text = sample.encode()
    return any(one.accepts(line_at(text, len(text))) for one in Reading.of((rule,)))


def scanned(rule: Rule, text: str) -> bool:
    patterns = [Pattern(match) for match in rule.match]
    return all(any(scanner.scan(text.encode()).ends) for scanner in (HyperscanScanner(patterns), TailScanner(patterns)))


@pytest.mark.shows("RR-11")
@pytest.mark.parametrize("rule", BUILTIN, ids=lambda rule: rule.id)
def test_examples_speak_and_counter_examples_do_not(rule: Rule) -> None:
    assert rule.examples
    assert rule.counter_examples
    for example in rule.examples:
        assert speaks(rule, example), example
        for before in ("", STAMP, f"build\tRun it\t{STAMP}", "one\ntwo\n", "progress 3 %\r"):
            assert scanned(rule, before + example), (before, example)
    for example in rule.counter_examples:
        assert not speaks(rule, example), example


def test_rule_ids_are_unique() -> None:
    ids = [rule.id for rule in BUILTIN]
    assert len(ids) == len(set(ids))


@pytest.mark.shows("RR-11")
def test_a_rule_that_acts_alone_is_one_the_platform_speaks() -> None:
    terminal = {rule.id.split(".")[0] for rule in BUILTIN if rule.strength is Strength.TERMINAL}
    assert terminal <= {"runner", "platform", "action", "jenkins", "gitlab", "job"}
    assert not [
        r.id for r in BUILTIN if r.failure_class is FailureClass.FLAKY_PROBABLE and r.strength is not Strength.WEAK
    ]


@pytest.mark.shows("RR-11")
@pytest.mark.parametrize("word", ["timeout", "network", "connection", "500", "502", "503", "random", "flaky", "race"])
def test_bare_words_prove_nothing(word: str) -> None:
    for sample in (word, f"{word} tests", f"running {word} (1 of 3)", f"##[error]{word}"):
        assert not [rule.id for rule in BUILTIN if speaks(rule, sample)], sample


@pytest.mark.shows("T10")
@pytest.mark.parametrize(
    "pattern", [r"(a+)+$", r"(\w+[ ]?)+: error$", r"(?:a|aa)*b", r"(a)\1", r"(?=a)b", r"a\sb", r"[^x]y", r"("]
)
def test_slow_or_line_crossing_patterns_are_refused(pattern: str) -> None:
    assert pattern_problem(pattern) is not None
    with pytest.raises(ValueError, match=r"rule mine: pattern"):
        Rule(
            id="mine",
            failure_class=FailureClass.UNKNOWN,
            strength=Strength.WEAK,
            match=(pattern,),
            examples=("x",),
        )


@pytest.mark.shows("T10")
def test_the_engine_is_linear_on_what_stalls_a_backtracking_one() -> None:
    scanner = HyperscanScanner([Pattern("(a+)+$")])
    text = b"a" * 200_000 + b"!"
    begun = time.perf_counter()
    scanner.scan(text)
    assert time.perf_counter() - begun < 2


@pytest.mark.shows("T10")
def test_no_built_in_pattern_backtracks_badly() -> None:
    hostile = [b"a" * 16_000, b" " * 16_000, b"1:" * 8_000, b"a.java:" * 2_000, b"FAILED (" * 2_000, b"=" * 16_000]
    begun = time.perf_counter()
    for pattern in PATTERNS:
        regex = re.compile(pattern.text.encode())
        for line in hostile:
            regex.search(line)
    assert time.perf_counter() - begun < 10


def test_the_hash_is_of_the_content_not_of_the_order() -> None:
    assert ruleset_hash(BUILTIN) == ruleset_hash(tuple(reversed(BUILTIN)))
    assert ruleset_hash(BUILTIN) != ruleset_hash(BUILTIN[1:])
    assert re.fullmatch(r"[0-9a-f]{64}", ruleset_hash(BUILTIN))
