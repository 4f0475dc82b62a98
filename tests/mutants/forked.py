"""Runs pytest against copies of the product, each run in a fork of a process that has imported all but the product.

One line of JSON in (`copy`, `tests`, `report`, `rules`, `firstOnly`), one out: the exit status, once the run has ended.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

NEEDS_NO_RULES = (
    *("tests/core/", "tests/ledger/", "tests/deployment/", "tests/git/", "tests/checks/", "tests/shipped/"),
    *(
        "tests/github/test_archives",
        "tests/github/test_writes",
        "tests/github/test_repair_reads",
        "tests/flows/test_heal",
    ),
)
LONGEST = 600.0
"""Seconds of one run. One that takes longer is ended, and has no report."""
HEAVY = (
    *("alembic.config", "cryptography.hazmat.primitives.asymmetric.rsa", "fastapi", "httpx", "hyperscan"),
    *("jsonschema", "jwt", "openapi_core", "pydantic_settings", "rfc8785", "rich.table", "ruamel.yaml", "structlog"),
    *("sqlalchemy.dialects.sqlite.pysqlite", "starlette.testclient", "typer", "uvicorn"),
)


class Outcomes:
    """A pytest plugin: what became of each test."""

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.seen.get(report.nodeid, "passed") == "passed":
            crash: Any = getattr(report.longrepr, "reprcrash", None)
            self.seen[report.nodeid] = str(crash.message if crash else report.longrepr)[:2000] or "failed"
        elif report.skipped:
            self.seen[report.nodeid] = "skipped"
        else:
            self.seen.setdefault(report.nodeid, "passed")


def judge(asked: dict[str, Any]) -> int:
    """One run, in the fork. Exit status as pytest tells it."""
    copy = str(Path(asked["copy"]))
    printed = os.open(str(Path(copy) / "printed.txt"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(printed, stream)
    sys.path.insert(0, copy)
    os.environ["PYTHONPATH"] = copy
    product = importlib.import_module("cicatrix")
    if not str(product.__file__).startswith(copy + os.sep):
        raise RuntimeError(f"not the copy: {product.__file__}")
    # the first counter-example is enough, and nobody reads the smallest one
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile("judged", phases=phases, database=None, derandomize=True, report_multiple_bugs=False)
    settings.load_profile("judged")
    if not all(name.startswith(NEEDS_NO_RULES) for name in asked["tests"]):
        # one run compiles the rules, the others load them: a process keeps what it has compiled or loaded
        importlib.import_module("cicatrix.diagnosis").Diagnoser(cache=Path(asked["rules"]))
    outcomes = Outcomes()
    options = ["-q", "-p", "no:cacheprovider", "-p", "xdist.plugin", "--tb=short", f"--basetemp={copy}/scratch"]
    if asked["firstOnly"]:
        options.append("-x")
    status = int(pytest.main([*options, *asked["tests"]], plugins=[outcomes]))
    if status in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        Path(asked["report"]).write_text(json.dumps(outcomes.seen), encoding="utf-8")
    sys.stdout.flush()
    return status


def ended(child: int) -> int:
    """The child's exit status; it is killed when it takes too long."""
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.01)
    os.kill(child, 9)
    return os.waitpid(child, 0)[1]


def main() -> None:
    for name in HEAVY:
        importlib.import_module(name)
    gc.freeze()  # what is there stays for every fork; none of them looks through it again
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            status = 3
            try:
                status = judge(json.loads(line))
            except BaseException:  # noqa: BLE001  -- told in `printed.txt`; a fork must not go on as its parent
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        print(json.dumps({"status": ended(child)}), flush=True)


if __name__ == "__main__":
    main()
