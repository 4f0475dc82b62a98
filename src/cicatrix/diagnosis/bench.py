"""How fast the scanner is, beside stdlib `re` with the same patterns on the same text in the same process."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from cicatrix.diagnosis.diagnoser import PATTERNS
from cicatrix.diagnosis.scanner import build_scanner

_LINES = (
    "2026-02-03T04:05:{s:02d}.{n:07d}Z ##[group]Run make check",
    "2026-02-03T04:05:{s:02d}.{n:07d}Z [INFO] Compiling {n} source files to /home/runner/work/app/app/target/classes",
    "2026-02-03T04:05:{s:02d}.{n:07d}Z   CC      build/obj/module_{n}.o -O2 -Wall -Iinclude -Isrc/vendor/lib_{s}",
    "2026-02-03T04:05:{s:02d}.{n:07d}Z tests/unit/test_case_{n}.py::test_that_it_holds[{s}] PASSED",
    "2026-02-03T04:05:{s:02d}.{n:07d}Z ok  \texample.org/app/internal/part{s}\t0.{n}s\tcoverage: 81.{s}% of statements",
    "2026-02-03T04:05:{s:02d}.{n:07d}Z 127.0.0.1 - GET /api/items/{n} HTTP/1.1 200 {n} in {s} ms (timeout 500)",
    "2026-02-03T04:05:{s:02d}.{n:07d}Z warning: unused variable `request_{n}` in crates/net/src/part_{s}.rs:{s}:7",
    "2026-02-03T04:05:{s:02d}.{n:07d}Z",
)


def sample_log(megabytes: float) -> bytes:
    """About `megabytes` MB of ordinary log lines in the runner's form; the same bytes every time."""
    wanted = int(megabytes * 1_000_000)
    block = "\n".join(
        _LINES[(n * 7 + n // 11) % len(_LINES)].format(s=n % 60, n=(n * 7919) % 9_999_991) for n in range(20_000)
    ).encode()
    return (block * (wanted // len(block) + 1))[:wanted]


def bench_scanner(megabytes: float = 36, rounds: int = 3) -> float:
    """MB/s of a scan of `megabytes` MB with all built-in rules and marks, callbacks included; best of `rounds`."""
    text, scanner = sample_log(megabytes), build_scanner(PATTERNS)
    scanner.scan(text[:1000])
    return megabytes / min(_seconds(lambda: scanner.scan(text)) for _ in range(rounds))


def bench_re(megabytes: float = 0.5) -> float:
    """MB/s of stdlib `re`, one pass a pattern, over the same kind of text."""
    text = sample_log(megabytes)
    patterns = [re.compile(pattern.scanned, re.MULTILINE) for pattern in PATTERNS]
    return megabytes / _seconds(lambda: [sum(1 for _ in pattern.finditer(text)) for pattern in patterns])


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
