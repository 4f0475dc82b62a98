"""Starts git: nothing of the caller's configuration, argument lists only, an end after a fixed time."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .specs import SimulatorError

SECONDS = 120.0
ENVIRONMENT: Mapping[str, str] = {
    "PATH": os.defpath,
    "HOME": os.devnull,
    "LC_ALL": "C",
    "TZ": "UTC",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
}


class GitCommandError(SimulatorError):
    """git ended with an error; the message is git's own."""


def program() -> str:
    """Where git is."""
    found = shutil.which("git")
    if found is None:
        raise SimulatorError("there is no git on this machine; install it to attach a repository")
    return found


def git(
    folder: Path,
    *arguments: str,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    also: Sequence[int] = (),
) -> bytes:
    """What one git command says on a bare repository. Raises GitCommandError for exit codes other than 0 and `also`."""
    code, out, err = run([program(), f"--git-dir={folder}", *arguments], stdin=stdin, env=env)
    if code != 0 and code not in also:
        raise GitCommandError(f"git {arguments[0]}: {err.decode('utf-8', 'replace').strip() or f'exit {code}'}")
    return out


def run(line: list[str], *, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> tuple[int, bytes, bytes]:
    """Exit code, output and errors; the whole process group dies when it takes too long."""
    with subprocess.Popen(  # noqa: S603 -- an argument list of ours
        line,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**ENVIRONMENT, **(env or {})},
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(stdin, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise GitCommandError(f"git did not end within {SECONDS:.0f} s") from None
        return process.returncode, out, err
