"""The machine ran out of something. A plain rerun may land on the same machine, so these never ask for one."""

from __future__ import annotations

from cicatrix.core.verdict import FailureClass, Strength
from cicatrix.diagnosis.rule import Rule

_P = FailureClass.INFRA_PERSISTENT

RESOURCES: tuple[Rule, ...] = (
    Rule(
        id="disk.full",
        failure_class=_P,
        strength=Strength.STRONG,
        match=(
            r"(?i)\bno space left on device\b",
            r"(?i)\bthere is not enough space on the disk\b",
            r"(?i)\byou are running out of disk space\b",
        ),
        unless=(r"(?i)(?:expect|assert|should)",),
        warnings=True,
        near_end=2_000,
        rank=5,
        examples=("cp: error writing 'a.o': No space left on device", "[WARNING] fork: (No space left on device)"),
        counter_examples=('assertEquals("No space left on device", e.getMessage())',),
    ),
    Rule(
        id="memory.machine",
        failure_class=_P,
        strength=Strength.STRONG,
        match=(
            r"^# There is insufficient memory for the Java Runtime Environment to continue",
            r"\bos::commit_memory\(.{1,80} failed; error='(?:Cannot allocate memory|Not enough space)'",
            r"\bOSError: \[Errno 12\] Cannot allocate memory",
            r"\bfork: (?:retry: )?(?:Resource temporarily unavailable|Cannot allocate memory)",
        ),
        warnings=True,
        rank=4,
        examples=("# There is insufficient memory for the Java Runtime Environment to continue.",),
        counter_examples=("java.lang.OutOfMemoryError: Java heap space",),
    ),
    Rule(
        id="memory.killed",
        failure_class=_P,
        strength=Strength.WEAK,
        match=(
            r"^Killed$",
            r"^make(?:\[\d+\])?: \*\*\* .{1,200} Killed$",
            r": line \d+: +\d+ Killed +",
            r"\bexit code 137\b",
            r"\bOut of memory: Killed process \d+",
            r"\bCUDA out of memory\b",
        ),
        unless=(r"Killed \d+ \(",),
        examples=("make: *** [test] Killed", "Killed"),
        counter_examples=(">> Generated 3 mutations Killed 1 (100%)",),
    ),
    Rule(
        id="process.crashed",
        failure_class=FailureClass.UNKNOWN,
        strength=Strength.WEAK,
        match=(r"(?i)\bsegmentation fault\b", r"\bReceived signal: SIG(?:BUS|SEGV|ABRT)\b", r"\bcore dumped\b"),
        examples=("Segmentation fault (core dumped)",),
        counter_examples=("segment faults: 0",),
    ),
)
