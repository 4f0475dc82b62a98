"""The scan: two engines agree, storms and hostile bytes end, caches and threads are safe."""

from __future__ import annotations

import random
import threading
import time
import tracemalloc
from pathlib import Path

import pytest

from cicatrix.core.facts import JobLog
from cicatrix.core.verdict import RETRYABLE, FailureClass
from cicatrix.diagnosis import Diagnoser
from cicatrix.diagnosis import scanner as scanning
from cicatrix.diagnosis.bench import bench_re, bench_scanner, sample_log
from cicatrix.diagnosis.diagnoser import PATTERNS
from cicatrix.diagnosis.rules import BUILTIN
from cicatrix.diagnosis.scanner import TAIL, HyperscanScanner, Pattern, TailScanner, build_scanner
from tests.diagnosis.actions_log import failing

MB = 1_000_000


def every_example() -> bytes:
    lines = [example for rule in BUILTIN for example in (*rule.examples, *rule.counter_examples)]
    return "\n".join(f"2026-03-04T05:06:07.1234567Z {line}" for line in lines).encode()


def lines_of(text: bytes, ends: object) -> set[int]:
    return {text.count(b"\n", 0, end - 1) for end in ends}  # type: ignore[attr-defined]  # a sequence of offsets


def test_both_engines_report_the_same_lines_for_every_pattern() -> None:
    text = every_example() + b"\n" + sample_log(0.05)
    fast, slow = HyperscanScanner(PATTERNS).scan(text), TailScanner(PATTERNS).scan(text)
    for pattern, one, other in zip(PATTERNS, fast.ends, slow.ends, strict=True):
        if len(one) < pattern.keep and len(other) < pattern.keep:
            assert lines_of(text, one) == lines_of(text, other), pattern.text


@pytest.mark.shows("RR-11")
def test_without_the_binary_the_built_in_rules_read_the_tail() -> None:
    diagnoser = Diagnoser(scanner=TailScanner(PATTERNS))
    log = failing("npm ci", *["quiet"] * 20_000, "npm error code ECONNRESET")
    verdict = diagnoser.diagnose(log.job(), JobLog(text=log.text))
    assert (verdict.failure_class, verdict.rule) == (FailureClass.INFRA_TRANSIENT, "npm.network")
    assert verdict.truncated
    early = failing("npm ci", "npm error code ECONNRESET", *["quiet"] * 20_000)
    assert diagnoser.diagnose(early.job(), JobLog(text=early.text)).failure_class is FailureClass.UNKNOWN


HOSTILE = {
    "nothing": b"",
    "blank": b"\n \r\n\t\n",
    "one line of 20 MB": b"x" * (20 * MB),
    "one line of words": b"error ECONNRESET AssertionError " * (20 * MB // 32),
    "random bytes": random.Random(7).randbytes(8 * MB),
    "error storm": b"2026-03-04T05:06:07.1234567Z ##[error]a.c:1:2: error: x\n" * (20 * MB // 57),
    "NULs": b"\0" * (5 * MB),
    "UTF-16 without a mark": ("AssertionError\n" * 50_000).encode("utf-16-le"),
    "UTF-16 cut": b"\xff\xfe" + b"\x00\xd8" * 100_001 + b"\x41",
    "escapes": b"\x1b[" * (2 * MB) + b"\x1b]0;" * 100_000,
    "carriage returns": b"ECONNRESET\r" * (5 * MB // 11),
    "groups": b"##[group]Run x\n##[error]y\n" * 200_000,
    "tabs": b"a\tb\t2026-03-04T05:06:07Z " * 200_000,
    "invalid UTF-8": b"AssertionError \xff\xfe\xc0\x80\xed\xa0\x80\n" * 1000,
}


@pytest.mark.shows("F33", "T10")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_logs_end_in_time_and_never_ask_for_a_rerun(name: str) -> None:
    diagnoser, text = Diagnoser(), HOSTILE[name]
    job = failing("Test", "x").job()
    begun = time.perf_counter()
    verdicts = [diagnoser.diagnose_text(text), diagnoser.diagnose(job, JobLog(text=text))]
    assert time.perf_counter() - begun < 20
    for verdict in verdicts:
        assert verdict.failure_class not in RETRYABLE
        assert verdict.line is None or len(verdict.line) <= 400


@pytest.mark.shows("F33")
def test_memory_stays_a_small_multiple_of_the_log() -> None:
    diagnoser, text = Diagnoser(), b"2026-03-04T05:06:07.1234567Z \x1b[31m##[error]a.c:1:2: error: x\n" * 150_000
    tracemalloc.start()
    diagnoser.diagnose_text(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len(text) + 10 * MB


def test_in_an_error_storm_only_the_tail_is_scanned() -> None:
    text = b"hit\n" * 200_000
    scan = HyperscanScanner([Pattern("hit")], cap=40_000).scan(text)
    assert scan.partial
    assert scan.covered_from == len(text) - TAIL
    assert list(scan.ends[0])[-1] == len(text) - 1
    hopeless = HyperscanScanner([Pattern("hit")], cap=10).scan(text)
    assert hopeless.partial
    assert not hopeless.ends[0]
    calm = HyperscanScanner([Pattern("hit")]).scan(b"hit\n" * 100)
    assert not calm.partial
    assert list(calm.ends[0]) == [n * 4 - 1 for n in range(85, 101)]


def test_a_compiled_rule_set_is_cached_and_a_broken_cache_is_made_anew(tmp_path: Path) -> None:
    cache = tmp_path / "new" / "folder"
    for content in (None, b"", b"not a database", b"\0" * 10_000):
        scanning._DATABASES.clear()
        if content is not None:
            next(cache.iterdir()).write_bytes(content)
        assert build_scanner([Pattern("a+b")], cache).scan(b"xaab").ends[0]
        assert len(list(cache.iterdir())) == 1
    stored = next(cache.iterdir()).read_bytes()
    scanning._DATABASES.clear()
    assert build_scanner([Pattern("a+b")], cache).scan(b"xaab").ends[0]
    assert next(cache.iterdir()).read_bytes() == stored


def test_a_cache_that_cannot_be_written_costs_no_verdict(tmp_path: Path) -> None:
    scanning._DATABASES.clear()
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    assert build_scanner([Pattern("a+c")], blocked / "cache").scan(b"aac").ends[0]


def test_threads_share_one_diagnoser() -> None:
    diagnoser = Diagnoser()
    log = failing("npm ci", *["line"] * 5_000, "npm error code ECONNRESET")
    wanted = diagnoser.diagnose(log.job(), JobLog(text=log.text))
    found: list[object] = []

    def work() -> None:
        found.extend(diagnoser.diagnose(log.job(), JobLog(text=log.text)) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [wanted] * 160


def test_the_scanner_is_far_faster_than_re() -> None:
    fast, slow = bench_scanner(8, rounds=2), bench_re(0.1)
    print(f"scanner {fast:.0f} MB/s, re {slow:.2f} MB/s")
    assert fast > 100 * slow
