"""The only place that starts git: no configuration, no hook, no prompt and no transport from outside."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cicatrix.core.redact import redact
from cicatrix.git.errors import GitError, GitTimeout

SEARCHED = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"
"""Where git is looked for. The caller's own PATH may begin with a folder that somebody else writes."""

ENVIRONMENT: Mapping[str, str] = {
    "PATH": SEARCHED,
    "HOME": os.devnull,
    "XDG_CONFIG_HOME": os.devnull,
    "LC_ALL": "C",
    "TZ": "UTC",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_PAGER": "cat",
}
"""Everything git sees of the outside. It is built from nothing, so no `GIT_*` of the caller is in it."""

GUARDS = (
    f"core.hooksPath={os.devnull}",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    f"core.attributesFile={os.devnull}",
    f"core.excludesFile={os.devnull}",
    "core.symlinks=false",
    "core.alternateRefsCommand=true",
    "protocol.allow=never",
    "safe.bareRepository=explicit",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "push.recurseSubmodules=no",
    "push.gpgSign=false",
    "push.followTags=false",
    "credential.helper=",
    "core.askPass=",
    "http.followRedirects=false",
    "gc.auto=0",
    "maintenance.auto=false",
)
"""Given with `-c` to every call: the command line is read last, so no file can undo them."""

MOST_OUTPUT = 256 * 1024 * 1024
MOST_WORDS = 64 * 1024
_CHUNK = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a call ended."""

    code: int
    out: bytes
    """As git wrote it."""
    err: str
    """Redacted."""

    @property
    def text(self) -> str:
        """Output of ours, such as object names, without its last line feed."""
        return self.out.decode("utf-8", "backslashreplace").removesuffix("\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """git on one repository folder, hardened. Safe for several threads at once."""

    folder: Path
    """The repository itself, always named with `--git-dir`: nothing is ever discovered from a working directory."""
    program: str = "git"
    timeout: float = 120.0
    """Seconds for one call, after which its whole process group is killed."""
    transports: tuple[str, ...] = ()
    """Protocols this repository may speak; none by default."""
    redact: Callable[[str], str] = field(default=redact, repr=False)
    """Applied to whatever git writes to standard error, before anybody sees it."""

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        also: tuple[int, ...] = (),
        guards: tuple[str, ...] = (),
        limit: int = MOST_OUTPUT,
    ) -> Done:
        """One call. Any exit status but 0 and those of `also` raises `GitError`, a slow one `GitTimeout`.

        `env` adds variables of ours, `guards` more `-c` settings. Secrets go into `env` and nowhere else.
        """
        done = self._start(self._line(arguments, guards), stdin, {**ENVIRONMENT, **(env or {})}, limit)
        if done.code not in (0, *also):
            raise GitError(f"git {arguments[0]} ended with {done.code}", why=done.err)
        return done

    def asks(self, *arguments: str) -> bool:
        """A question that git answers with its exit status: 0 is yes, 1 and 128 (no such object) are no."""
        return self.run(*arguments, also=(1, 128)).code == 0

    def _line(self, arguments: tuple[str, ...], guards: tuple[str, ...]) -> list[str]:
        allowed = (f"protocol.{name}.allow=always" for name in self.transports)
        settings = (f for guard in (*GUARDS, *allowed, *guards) for f in ("-c", guard))
        return [self.program, "--no-pager", f"--git-dir={self.folder}", *settings, *arguments]

    def _start(self, line: list[str], stdin: bytes, env: Mapping[str, str], limit: int) -> Done:
        with tempfile.TemporaryFile() as given:
            given.write(stdin)
            given.seek(0)
            try:
                process = subprocess.Popen(  # noqa: S603 -- an argument list; every name in it was checked
                    line,
                    stdin=given,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=dict(env),
                    cwd=os.path.sep,
                    start_new_session=True,
                )
            except OSError as error:
                raise GitError(
                    f"{Path(self.program).name} could not be started",
                    why=error.strerror or "",
                    next_step="Install git where it can be found.",
                ) from None
        with process:
            try:
                read = _Reading(limit=limit, redact=self.redact)
                return read.until_end(process, time.monotonic() + self.timeout)
            finally:
                _kill_group(process)


@dataclass(slots=True, kw_only=True)
class _Reading:
    limit: int
    redact: Callable[[str], str]
    taken: dict[str, bytearray] = field(default_factory=lambda: {"out": bytearray(), "err": bytearray()})

    def until_end(self, process: subprocess.Popen[bytes], deadline: float) -> Done:
        assert process.stdout is not None
        assert process.stderr is not None
        with selectors.DefaultSelector() as waiting:
            waiting.register(process.stdout, selectors.EVENT_READ, "out")
            waiting.register(process.stderr, selectors.EVENT_READ, "err")
            while waiting.get_map():
                ready = waiting.select(max(0.0, deadline - time.monotonic()))
                if not ready:
                    raise GitTimeout("a call of git", why="It ran longer than its timeout.")
                for key, _ in ready:
                    if not self._take(key.data, key.fd):
                        waiting.unregister(key.fileobj)
        return Done(code=_ended(process, deadline), out=bytes(self.taken["out"]), err=self._errors())

    def _take(self, name: str, descriptor: int) -> bool:
        chunk = os.read(descriptor, _CHUNK)
        self.taken[name] += chunk
        if len(self.taken[name]) > self.limit:
            raise GitError("a call of git", why=f"It wrote more than {self.limit} bytes.")
        return bool(chunk)

    def _errors(self) -> str:
        return self.redact(self.taken["err"][:MOST_WORDS].decode("utf-8", "replace"))


def _ended(process: subprocess.Popen[bytes], deadline: float) -> int:
    try:
        return process.wait(max(0.01, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise GitTimeout("a call of git", why="It ran longer than its timeout.") from None


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End whatever the call left behind: helpers of a transport, or git itself after a timeout."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
