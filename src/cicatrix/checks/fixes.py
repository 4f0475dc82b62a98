"""Runs one fix in a throw-away worktree (RM-3): the environment of a foreign command, no credentials, no shell."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cicatrix.checks.process import Ran, run
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.redact import redact
from cicatrix.core.remedy.bumps import bump_requirements, vulnerable
from cicatrix.core.remedy.model import Declined, Edit, Remedy
from cicatrix.core.remedy.security import ManualReview, UpgradeAttempt

REQUIREMENTS = "requirements.txt"
_LARGEST_FILE = 4 * 1024 * 1024
_TOLD = 300
"""Characters of a tool's last words in a reason."""
_PREVIEW = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What one fix did. `declined` says why its change must not even be looked at; None: judge the worktree."""

    id: str
    declined: Declined | None = None
    attempts: tuple[UpgradeAttempt, ...] = ()
    reviews: tuple[ManualReview, ...] = ()
    duration_ms: int = 0


def apply_fix(remedy: Remedy, folder: Path, *, environ: Mapping[str, str]) -> Fixed:
    """Runs the fix in the folder, a throw-away worktree. Nothing that the command does is an exception.

    Afterwards the folders that the fix only needed in order to run (`leaves`) are gone, unless they were there before.
    """
    leftovers = [folder / name for name in remedy.leaves if not os.path.lexists(folder / name)]
    try:
        return _applied(remedy, folder, environ)
    finally:
        for place in leftovers:
            _remove(place)


def _applied(remedy: Remedy, folder: Path, environ: Mapping[str, str]) -> Fixed:
    prepared = run(remedy.prepare, folder, environ=environ, timeout=remedy.timeout) if remedy.prepare else None
    if prepared and (declined := _declined(remedy.id, remedy.prepare, prepared, (0,))):
        return Fixed(id=remedy.id, declined=declined, duration_ms=prepared.duration_ms)
    ran = run(remedy.command, folder, environ=environ, timeout=remedy.timeout)
    if declined := _declined(remedy.id, remedy.command, ran, remedy.ends_well):
        return Fixed(id=remedy.id, declined=declined, duration_ms=ran.duration_ms)
    if remedy.edit is Edit.REQUIREMENTS:
        return _bumped(remedy, folder, ran)
    return Fixed(id=remedy.id, duration_ms=ran.duration_ms)


def _remove(place: Path) -> None:
    """A link is removed, never followed."""
    if place.is_symlink():
        place.unlink()
    else:
        shutil.rmtree(place, ignore_errors=True)


def preview(remedy: Remedy, folder: Path, *, environ: Mapping[str, str]) -> str | None:
    """What the tool says that it would do, redacted; None when it has no dry run or did not end."""
    if remedy.dry_run is None:
        return None
    ran = run(remedy.dry_run, folder, environ=environ, timeout=remedy.timeout, largest=_PREVIEW)
    return None if ran.exit_code is None else redact(ran.stdout.decode("utf-8", "replace"))


def _declined(name: str, command: Sequence[str], ran: Ran, ends_well: Sequence[int]) -> Declined | None:
    if ran.missing:
        return Declined(id=name, reason=HealReason.TOOL_MISSING, why=ran.missing)
    if ran.timed_out:
        why = f"{command[0]} did not end in time, after {ran.duration_ms // 1000} s"
        return Declined(id=name, reason=HealReason.REMEDY_FAILED, why=why)
    if ran.exit_code not in ends_well:
        why = f"{command[0]} ended with {ran.exit_code}: {_last_words(ran)}"
        return Declined(id=name, reason=HealReason.REMEDY_FAILED, why=why)
    return None


def _last_words(ran: Ran) -> str:
    """The last line that the tool wrote, redacted: text of a stranger."""
    text = redact((ran.stderr or ran.stdout).decode("utf-8", "replace"))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:_TOLD] if lines else "it said nothing"


def _bumped(remedy: Remedy, folder: Path, ran: Ran) -> Fixed:
    """Our own edit of the requirements, from the report on standard output."""
    found = None if ran.truncated else vulnerable(ran.stdout.decode("utf-8", "replace"))
    text = _text(folder / REQUIREMENTS)
    if found is None or text is None:
        why = f"the report of {remedy.command[0]} or {REQUIREMENTS} cannot be read"
        declined = Declined(id=remedy.id, reason=HealReason.REMEDY_FAILED, why=why)
        return Fixed(id=remedy.id, declined=declined, duration_ms=ran.duration_ms)
    bumped = bump_requirements(text, found)
    if bumped.text != text:
        (folder / REQUIREMENTS).write_bytes(bumped.text.encode())
    return Fixed(id=remedy.id, attempts=bumped.attempts, reviews=bumped.reviews, duration_ms=ran.duration_ms)


def _text(path: Path) -> str | None:
    """The file's text; None for a link, which could lead out of the worktree, and for what is no text of fair size."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST_FILE:
        return None
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        return None
