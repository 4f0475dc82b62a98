"""Runs declared checks on the files of one commit and reads what they say.

A check is measured or unknown, never guessed. What a check cannot know because a measured one failed is a failure
(GK-0); what it cannot know because a server outside did not answer is unknown and says so.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from cicatrix.checks import process
from cicatrix.checks.parsers import READERS, Unreadable, blames_the_network, counted
from cicatrix.checks.process import LARGEST_OUTPUT, Ran
from cicatrix.checks.versions import tool_of, version_of
from cicatrix.core.health import results
from cicatrix.core.health.model import Check, CheckResult, CheckState, Component, Counts, Finding, Measurement
from cicatrix.core.health.score import score, set_hash
from cicatrix.core.redact import clean, redact

Log = Callable[..., None]
Run = Callable[..., Ran]

_TAIL_LINES = 15
_NOT_RUN = frozenset({126, 127})
"""What a shell ends with when the program is missing or cannot be executed (POSIX, 2.8.2)."""
_KILLED = frozenset({137, 143})
"""128 + SIGKILL or SIGTERM: somebody ended it, such as the kernel for want of memory."""
_ASKS_OUTSIDE = frozenset({Component.SECURITY, Component.BUILD})


def measure(
    folder: Path,
    checks: Sequence[Check],
    *,
    sha: str,
    now: datetime,
    environ: Mapping[str, str],
    run: Run = process.run,
    log: Log = lambda *_, **__: None,
    autofixes: int = 0,
) -> Measurement:
    """Measures the checks in the folder, which is a clean copy of commit `sha` that nobody needs afterwards.

    They run one after another in the order given, and are told in the seed's: lint, security, build, tests. `environ`
    is this process's environment; what a check sees of it is `process.scrubbed`. Raises nothing for what a check does.
    """
    done: list[CheckResult] = []
    with tempfile.TemporaryDirectory(prefix="cicatrix-cache-", ignore_cleanup_errors=True) as cache:
        around = _with_caches(environ, Path(cache))
        for check in checks:
            log("check.started", check=check.name)
            result = _measured(check, folder, around, run)
            log("check.ended", check=check.name, state=result.state.value, why=result.why, ms=result.duration_ms)
            done.append(result)
    done = [_after_build(result, done) for result in done]
    done.sort(key=lambda result: list(Component).index(result.component))
    return score(
        done,
        sha=sha,
        taken_at=now,
        set_hash=set_hash(checks),
        autofixes=autofixes,
        duration_ms=sum(result.duration_ms for result in done),
    )


def _with_caches(environ: Mapping[str, str], cache: Path) -> dict[str, str]:
    """What one check fetched or compiled, the next one finds; nothing of it outlives the measurement.

    Caches that somebody names for us stay, except that of all programs: it is the person's own.
    """
    ours = {"npm_config_cache": str(cache / "npm"), "GOMODCACHE": str(cache / "go"), "GOFLAGS": "-modcacherw"}
    return {**ours, **environ, "XDG_CACHE_HOME": str(cache)}


def _measured(check: Check, folder: Path, environ: Mapping[str, str], run: Run) -> CheckResult:
    place = folder / check.directory
    report = place / check.report if check.report else None
    if report is not None and _inside(report, folder):
        # one that the commit brought along would tell of another run
        with suppress(OSError):
            report.unlink()
    ran = run(check.command, place, environ=environ, timeout=check.timeout)
    content = ran.stdout if report is None else _content(report, folder)
    result = _judged(check, ran, content)
    result = replace(result, findings=tuple(_by_place(finding, folder) for finding in result.findings))
    digest = ran.output_hash
    if report is not None and content is not None:
        digest = hashlib.sha256(bytes.fromhex(digest or "") + hashlib.sha256(content).digest()).hexdigest()
    tool = result.tool or tool_of(check.command)
    return replace(
        result,
        exit_code=ran.exit_code,
        duration_ms=ran.duration_ms,
        tool=tool,
        tool_version=result.tool_version or ("" if ran.missing else version_of(check.command, place, environ, run)),
        output_hash=digest,
    )


def _by_place(finding: Finding, folder: Path) -> Finding:
    """The finding by its place in the repository: where its copy lay for this measurement is nobody's business."""
    for root in (folder, folder.resolve()):
        if finding.path.startswith(f"{root}/"):
            return replace(finding, path=finding.path.removeprefix(f"{root}/"))
    return finding


def _judged(check: Check, ran: Ran, content: bytes | None) -> CheckResult:
    why = _no_measure(check, ran)
    if why:
        return results.unknown(check, why)
    outside = check.component in _ASKS_OUTSIDE and blames_the_network(ran.stdout, ran.stderr)
    if check.parser == "exit-code":
        return _by_exit_code(check, ran, outside=outside)
    if content is None:
        return results.unknown(check, "it wrote no report", outside=outside)
    if len(content) > LARGEST_OUTPUT or (check.report is None and ran.truncated):
        return results.unknown(check, "the report was cut: it is too long")
    try:
        parsed = READERS[check.parser](content)
        counts = counted(check.component, parsed)
    except Unreadable as wrong:
        return results.unknown(check, wrong.why, outside=wrong.outside or (outside and ran.exit_code != 0))
    if ran.exit_code != 0 and not parsed.findings:
        why = f"it ended with {ran.exit_code}, but its report holds nothing"
        return results.unknown(check, why, outside=outside)
    told = results.measured(check, counts, findings=tuple(map(_told, parsed.findings[: results.MOST_FINDINGS])))
    return replace(told, tool=clean(parsed.tool)[:100], tool_version=clean(parsed.tool_version)[:100])


def _no_measure(check: Check, ran: Ran) -> str:
    """Why nothing can be said, whatever the output holds; empty when something can."""
    if ran.missing:
        return ran.missing
    if ran.timed_out or ran.exit_code is None:
        return f"it took longer than {int(check.timeout.total_seconds())} s"
    if ran.exit_code < 0 or ran.exit_code in _KILLED:
        return f"it was ended by a signal ({ran.exit_code})"
    if ran.exit_code in _NOT_RUN:
        return f"a program that it starts is not installed (exit code {ran.exit_code})"
    return ""


def _by_exit_code(check: Check, ran: Ran, *, outside: bool) -> CheckResult:
    if ran.exit_code == 0:
        return results.measured(check, Counts())
    if outside:
        return results.unknown(check, "a server outside could not be reached", outside=True)
    tail = _tail(ran.stderr) or _tail(ran.stdout)
    findings = (_told(Finding(message=tail, severity="error")),) if tail else ()
    return results.measured(check, Counts(), failed=True, findings=findings, why=f"ended with {ran.exit_code}")


def _after_build(result: CheckResult, done: Sequence[CheckResult]) -> CheckResult:
    """What the tests' result is worth when the build is not known to be good (GK-0).

    After a broken build whatever of them still ran is not the suite, so they failed whole. After an unknown build their
    failure proves nothing.
    """
    if result.component is not Component.TESTS or result.state in {CheckState.PASS, CheckState.SKIPPED}:
        return result
    builds = [other for other in done if other.component is Component.BUILD and other.blocking]
    failed = next((build for build in builds if build.state is CheckState.FAIL), None)
    if failed is not None:
        # a missing tool or a timeout is no consequence of the build
        ended = result.state is CheckState.FAIL or result.exit_code not in {None, *_NOT_RUN, *_KILLED}
        return results.broken(result, failed.name) if ended else result
    lost = next((build for build in builds if build.state is CheckState.UNKNOWN), None)
    if lost is None:
        return result
    why = f"{lost.name} is unknown, so this failure proves nothing"
    return replace(
        result, state=CheckState.UNKNOWN, score=None, counts=Counts(), why=why, outside=lost.outside, findings=()
    )


def _content(report: Path, folder: Path) -> bytes | None:
    """The report's bytes, one more than allowed at most. A link out of the worktree, or none at all, is no report."""
    try:
        if not _inside(report, folder) or not report.is_file():
            return None
        # looked at again once it is open: what the check left running may still change it
        with os.fdopen(os.open(report, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
            return stream.read(LARGEST_OUTPUT + 1) if stat.S_ISREG(os.fstat(stream.fileno()).st_mode) else None
    except OSError:
        return None


def _inside(path: Path, folder: Path) -> bool:
    """Whether the path leads to a place in the folder, through whatever links a check has made."""
    return path.resolve().is_relative_to(folder.resolve())


def _told(finding: Finding) -> Finding:
    return replace(
        finding,
        message=redact(clean(finding.message))[:1_000],
        rule=clean(finding.rule)[:200],
        path=clean(finding.path)[:500],
    )


def _tail(output: bytes) -> str:
    lines = output[-8_192:].decode("utf-8", "replace").strip().splitlines()
    return "\n".join(lines[-_TAIL_LINES:])
