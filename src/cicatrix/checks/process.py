"""Runs one argument list of a stranger's repository: no secret in its environment, an end to its time and output.

What it starts ends with it. It cannot read the environment or memory of this process on Linux, unless it is root; but
nothing here protects the disk, the network or other processes of the same user from it: who measures strangers' code
does so on a machine that has nothing to lose, as GitHub's runners are.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import IO

LARGEST_OUTPUT = 16 * 1024 * 1024
"""Bytes kept of each stream; all of it is hashed."""
_CHUNK = 64 * 1024
_PIPES_CLOSE = 5.0
"""Seconds that the pipes get to run dry once every process of the group is dead."""

PASSED_ON = frozenset(
    {
        *("LANG", "LC_ALL", "LC_CTYPE", "TZ", "VIRTUAL_ENV", "JAVA_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "PIP_CERT"),
        *("PIP_CACHE_DIR", "PIP_INDEX_URL", "PIP_NO_INDEX", "PIP_FIND_LINKS", "UV_CACHE_DIR", "UV_DEFAULT_INDEX"),
        *("npm_config_cache", "npm_config_registry", "NPM_CONFIG_CACHE", "NPM_CONFIG_REGISTRY"),
        *("GOROOT", "GOPATH", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GOFLAGS", "GOTOOLCHAIN"),
        "XDG_CACHE_HOME",
    }
)
"""Variables that a command gets besides PATH, a HOME of its own and CI. Any other one it does not: no token of ours or
GitHub's, no `GIT_*`, `CICATRIX_*`, `ACTIONS_*`, `GITHUB_*` or `RUNNER_*`. An address with a password in it is left out.
"""

_PASSWORD = re.compile(r"//[^/\s]*@")
_FIXED = {"CI": "true", "NO_COLOR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "npm_config_update_notifier": "false"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one command did."""

    exit_code: int | None
    """Negative: the signal that ended it. None when it did not start or did not end in time."""
    stdout: bytes = b""
    stderr: bytes = b""
    truncated: bool = False
    """More came than was kept."""
    timed_out: bool = False
    missing: str = ""
    """Why it could not be started, in words; empty when it was."""
    output_hash: str = ""
    """SHA-256 over the SHA-256 digests of standard output and standard error, of all that came."""
    duration_ms: int = 0


def scrubbed(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """The environment of a foreign command, made of this process's one."""
    kept = {
        name: value for name, value in environ.items() if name in PASSED_ON and value and not _PASSWORD.search(value)
    }
    if "RUSTUP_HOME" not in kept and (real := environ.get("HOME")):
        # rustup finds its toolchains below HOME unless told otherwise
        kept |= {"RUSTUP_HOME": str(Path(real, ".rustup"))} if Path(real, ".rustup").is_dir() else {}
    return {**kept, **_FIXED, "PATH": _path(environ.get("PATH", "")), "HOME": str(home), "TMPDIR": str(home)}


def run(
    command: Sequence[str],
    folder: Path,
    *,
    environ: Mapping[str, str],
    timeout: timedelta,
    largest: int = LARGEST_OUTPUT,
) -> Ran:
    """Runs the command in the folder and waits for its end, at most `timeout`.

    `environ` is this process's environment; the command sees what `scrubbed` leaves of it. Raises nothing for what the
    command does: a missing program, a crash and a timeout are values.
    """
    started = time.monotonic()
    _hide()
    if not folder.is_dir():
        return Ran(exit_code=None, missing="the folder where it runs does not exist")
    with tempfile.TemporaryDirectory(prefix="cicatrix-home-", ignore_cleanup_errors=True) as home:
        try:
            process = subprocess.Popen(  # noqa: S603 -- an argument list from the lawbook, or of ours; no shell
                [*command],
                cwd=folder,
                env=scrubbed(environ, Path(home)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as trouble:
            return Ran(exit_code=None, missing=_why(command[0], trouble), duration_ms=_since(started))
        return _until_end(process, timeout, largest, started)


_PR_SET_DUMPABLE = 4
"""https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html"""


@cache
def _hide() -> None:
    """From here on no process of the same user reads our `/proc/PID/environ` or memory, where our tokens are."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _until_end(process: subprocess.Popen[bytes], timeout: timedelta, largest: int, started: float) -> Ran:
    assert process.stdout is not None
    assert process.stderr is not None
    streams = [_Stream(largest=largest), _Stream(largest=largest)]
    readers = [
        threading.Thread(target=stream.drain, args=(pipe,), daemon=True)
        for stream, pipe in zip(streams, (process.stdout, process.stderr), strict=True)
    ]
    for reader in readers:
        reader.start()
    timed_out = False
    try:
        process.wait(timeout.total_seconds())
    except subprocess.TimeoutExpired:
        timed_out = True
    finally:
        # also after a normal end: what it left in the background would hold the pipes, and go on in the worktree
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    closing = time.monotonic() + _PIPES_CLOSE
    for reader in readers:
        reader.join(max(0.0, closing - time.monotonic()))
    out, err = (stream.end() for stream in streams)
    return Ran(
        exit_code=None if timed_out else process.returncode,
        stdout=out.kept,
        stderr=err.kept,
        truncated=out.truncated or err.truncated,
        timed_out=timed_out,
        output_hash=hashlib.sha256(out.digest + err.digest).hexdigest(),
        duration_ms=_since(started),
    )


@dataclass(frozen=True, slots=True)
class _Read:
    kept: bytes
    truncated: bool
    digest: bytes


@dataclass(slots=True, kw_only=True)
class _Stream:
    """One pipe, read to its end whatever its length: a command that nobody listens to would wait for ever."""

    largest: int
    kept: bytearray = field(default_factory=bytearray)
    truncated: bool = False
    ended: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def drain(self, pipe: IO[bytes]) -> None:
        with pipe, suppress(OSError, ValueError):
            while chunk := os.read(pipe.fileno(), _CHUNK):
                self._take(chunk)
        self.ended = True

    def end(self) -> _Read:
        """What came. A pipe that somebody outside the process group still holds counts as cut."""
        with self.lock:
            return _Read(bytes(self.kept), self.truncated or not self.ended, self.digest.digest())

    def _take(self, chunk: bytes) -> None:
        with self.lock:
            self.digest.update(chunk)
            room = self.largest - len(self.kept)
            self.kept += chunk[:room]
            self.truncated = self.truncated or len(chunk) > room


def _path(text: str) -> str:
    """PATH without the folders that depend on where one stands: a repository must not bring its own `npm`."""
    return os.pathsep.join(part for part in text.split(os.pathsep) if part and Path(part).is_absolute())


def _why(program: str, trouble: OSError | ValueError) -> str:
    if isinstance(trouble, FileNotFoundError):
        return f"{program} is not installed"
    told = trouble.strerror if isinstance(trouble, OSError) and trouble.strerror else str(trouble)
    return f"{program} cannot be started: {told}"


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
