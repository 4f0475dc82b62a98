"""What a check cannot read of the process that started it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = """
import ctypes, os, sys, tempfile
from datetime import timedelta
from pathlib import Path
from cicatrix.checks.process import run

def attack(command):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        ran = run([*command], Path(folder), environ={"PATH": os.environ["PATH"]}, timeout=timedelta(seconds=20))
        print(ran.exit_code, b"GITHUB_TOKEN" in ran.stdout, ran.stderr.decode()[:200])

if os.fork() == 0:
    if os.getuid() == 0:  # root reads everything: be an ordinary user, as on a runner
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # and readable, as every program is that has just been started
    attack(sys.argv[1:] + [f"/proc/{os.getpid()}/environ"])
    sys.stdout.flush()
    os._exit(0)
os.wait()
"""


@pytest.mark.shows("RM-3")
@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_check_cannot_read_our_environment_where_our_tokens_are() -> None:
    around = {"PATH": os.environ["PATH"], "GITHUB_TOKEN": "not for strangers"}
    done = subprocess.run(
        [sys.executable, "-c", CODE, "cat"], env=around, capture_output=True, text=True, timeout=60, check=True
    )
    print(done.stdout, done.stderr)
    assert "Permission denied" in done.stdout
    assert done.stdout.startswith("1 False")
