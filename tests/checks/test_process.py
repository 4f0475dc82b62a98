"""What a foreign command gets, and what it cannot do: no secret, no end of time, no endless output."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from cicatrix.checks.process import Ran, run

PATIENT = timedelta(seconds=30)
CANARY = "c4n4ry"
SECRETS = (
    *("GITHUB_TOKEN", "GH_TOKEN", "CI_REDISPATCH_TOKEN", "CI_REDISPATCH_TOKEN_PREVIOUS", "GITHUB_OUTPUT"),
    *("CICATRIX_REPORT_KEY", "CICATRIX_GITHUB_APP_PRIVATE_KEY", "CICATRIX_DATABASE_URL", "CICATRIX_TOKEN"),
    *("ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_CACHE_URL", "RUNNER_TEMP"),
    *("GIT_DIR", "GIT_CONFIG_COUNT", "GIT_SSH_COMMAND", "SSH_AUTH_SOCK", "AWS_SECRET_ACCESS_KEY", "NPM_TOKEN"),
    *("LD_PRELOAD", "PYTHONPATH", "NODE_OPTIONS", "BASH_ENV", "DATABASE_PASSWORD"),
)


def python(
    program: str,
    folder: Path,
    *,
    timeout: timedelta = PATIENT,
    largest: int = 1 << 20,
    env: dict[str, str] | None = None,
) -> Ran:
    environ = {"PATH": os.environ["PATH"], **(env or {})}
    return run([sys.executable, "-c", program], folder, environ=environ, timeout=timeout, largest=largest)


def seen(folder: Path, **env: str) -> dict[str, str]:
    tree = json.loads(python("import json, os; print(json.dumps(dict(os.environ)))", folder, env=env).stdout)
    return {str(name): str(value) for name, value in tree.items()}


@pytest.mark.shows("RM-3", "T23")
def test_no_secret_of_ours_reaches_a_command(tmp_path: Path) -> None:
    found = seen(tmp_path, **dict.fromkeys(SECRETS, CANARY), LANG="C.UTF-8", HOME="/home/ada")
    assert CANARY not in json.dumps(found)
    assert found["LANG"] == "C.UTF-8"
    assert found["CI"] == "true"
    assert found["HOME"] != "/home/ada"
    assert not Path(found["HOME"]).exists()  # gone with the command


def test_an_address_with_a_password_is_left_out(tmp_path: Path) -> None:
    found = seen(tmp_path, HTTPS_PROXY="http://ada:c4n4ry@proxy.example", HTTP_PROXY="http://proxy.example:3128")
    assert "HTTPS_PROXY" not in found
    assert found["HTTP_PROXY"] == "http://proxy.example:3128"


def test_a_program_of_the_repository_takes_no_tools_place(tmp_path: Path) -> None:
    fake = tmp_path / "python3"
    fake.write_text("#!/bin/sh\necho fake\n")
    fake.chmod(0o755)
    ran = run(["python3", "-c", "print(1)"], tmp_path, environ={"PATH": f".::{os.environ['PATH']}"}, timeout=PATIENT)
    assert ran.stdout == b"1\n"


def test_what_it_ended_with_and_what_it_wrote(tmp_path: Path) -> None:
    ran = python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)", tmp_path)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (3, b"out\n", b"err\n")
    both = hashlib.sha256(b"out\n").digest() + hashlib.sha256(b"err\n").digest()
    assert ran.output_hash == hashlib.sha256(both).hexdigest()
    assert (ran.truncated, ran.timed_out, ran.missing) == (False, False, "")


def test_too_much_output_is_cut_and_hashed_whole(tmp_path: Path) -> None:
    ran = python("print('x' * 3_000_000, end='')", tmp_path, largest=1_000)
    assert (len(ran.stdout), ran.truncated, ran.exit_code) == (1_000, True, 0)
    both = hashlib.sha256(b"x" * 3_000_000).digest() + hashlib.sha256(b"").digest()
    assert ran.output_hash == hashlib.sha256(both).hexdigest()


@pytest.mark.shows("GK-1")
@pytest.mark.parametrize("command", [["no-such-tool-c4"], ["./no-such-tool"], ["."], ["a\0b"]])
def test_a_command_that_cannot_start_is_a_value(tmp_path: Path, command: list[str]) -> None:
    ran = run(command, tmp_path, environ={"PATH": os.environ["PATH"]}, timeout=PATIENT)
    assert ran.exit_code is None
    assert ran.missing


def test_a_folder_that_is_not_there_is_a_value(tmp_path: Path) -> None:
    assert "folder" in python("print(1)", tmp_path / "gone").missing


@pytest.mark.shows("GK-1")
def test_a_timeout_ends_the_whole_group(tmp_path: Path) -> None:
    grandchild = tmp_path / "pid"
    program = (
        "import subprocess, sys, pathlib, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(grandchild)!r}).write_text(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    started = time.monotonic()
    ran = python(program, tmp_path, timeout=timedelta(seconds=3))
    assert (ran.timed_out, ran.exit_code) == (True, None)
    assert time.monotonic() - started < 30
    assert gone(int(grandchild.read_text()))


def test_what_it_leaves_in_the_background_ends_with_it(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
    )
    ran = python(program, tmp_path)
    assert ran.exit_code == 0
    assert gone(int(ran.stdout))


def test_a_signal_shows_in_the_exit_code(tmp_path: Path) -> None:
    assert python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", tmp_path).exit_code == -signal.SIGKILL


def test_nobody_answers_a_question(tmp_path: Path) -> None:
    ours, kept = os.pipe(), os.dup(0)
    os.dup2(ours[0], 0)  # a terminal at which somebody could answer
    try:
        ran = python("input('name? ')", tmp_path, timeout=timedelta(seconds=5))
    finally:
        os.dup2(kept, 0)
        for handle in (*ours, kept):
            os.close(handle)
    assert b"EOFError" in ran.stderr


def gone(pid: int) -> bool:
    """Whether the process ends: a killed one is on its way for a moment, and a zombie has ended."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
    return False
