"""The rooms of a remediation put together: a mirror of ours for git, the checks for running and measuring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cicatrix.checks import fixes, measure, process
from cicatrix.checks.process import Ran
from cicatrix.core.health.model import Check, Component, Measurement
from cicatrix.core.remedy.model import Remedy
from cicatrix.flows.heal import Bench
from cicatrix.git import Author, Mirror

AUTHOR = Author(name="Cicatrix", email="cicatrix@users.noreply.github.com")


def bench_of(
    mirror: Mirror,
    checks: Sequence[Check],
    *,
    now: datetime,
    environ: Mapping[str, str],
    author: Author = AUTHOR,
    log: Callable[..., None] = lambda *_args, **_fields: None,
) -> Bench:
    """Fixes and checks on commits of the mirror. `environ` is this process's; what runs sees it scrubbed (RM-3)."""
    heard = _Heard(builds=frozenset(check.command for check in checks if check.component is Component.BUILD))

    def committed(folder: Path, parent: str, message: str) -> str | None:
        return mirror.commit_changes(folder, parent=parent, author=author, date=now, message=message)

    def measured(folder: Path, sha: str) -> Measurement:
        return measure(folder, checks, sha=sha, now=now, environ=environ, run=heard.run, log=log)

    def applied(remedy: Remedy, folder: Path) -> fixes.Fixed:
        return fixes.apply_fix(remedy, folder, environ=environ)

    return Bench(
        worktree=mirror.worktree,
        commit=committed,
        diff=mirror.diff,
        file=mirror.file,
        measure=measured,
        apply=applied,
        build_log=heard.log,
    )


@dataclass(slots=True, kw_only=True)
class _Heard:
    """Runs commands, and keeps what the first failed run of each build wrote."""

    builds: frozenset[tuple[str, ...]]
    kept: dict[tuple[str, ...], str] = field(default_factory=dict)

    def run(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        environ: Mapping[str, str],
        timeout: timedelta,
        largest: int = process.LARGEST_OUTPUT,
    ) -> Ran:
        ran = process.run(command, folder, environ=environ, timeout=timeout, largest=largest)
        words = tuple(command)
        if words in self.builds and words not in self.kept and ran.exit_code != 0:
            self.kept[words] = (ran.stdout + b"\n" + ran.stderr).decode("utf-8", "replace")
        return ran

    def log(self) -> str | None:
        return "\n".join(self.kept.values()) or None
