"""The runner of a drill: validations that a dispatch starts at the simulated GitHub are really run, on this machine.

It plays the part of the shipped workflow: a checkout without credentials, `cicatrix validate` as a process of its own,
and the report as the run's artifact. Runs of other workflows wait for a runner for ever.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cicatrix.settings.surroundings import inherited
from cicatrix.simulator import SimulatorError, World, zipped
from cicatrix.simulator.dispatches import Dispatch
from cicatrix.simulator.git_process import program, run

from . import state

VALIDATION = ".github/workflows/post-remediation-check.yml"
ARTIFACT, MEMBER = "cicatrix-validation", "validation.json"
LOOK = 0.2
"""Seconds between two looks for a run that waits."""


class Runner:
    """Runs what waits until it is left. Does nothing in a world without git."""

    def __init__(self, world: World, url: str, folder: Path) -> None:
        self._world, self._url, self._folder = world, url, folder
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        if self._world.git is not None:
            self._folder.mkdir(parents=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()

    def _work(self) -> None:
        taken = 0
        while not self._over.wait(LOOK):
            with self._world.lock:
                waiting = list(self._world.dispatched[taken:])
            taken += len(waiting)
            for asked in waiting:
                if asked.path == VALIDATION:
                    self._validate(asked)

    def _validate(self, asked: Dispatch) -> None:
        self._world.start(asked.run)
        try:
            report, told = self._report(asked), "reported"
        except (SimulatorError, OSError, ValueError) as trouble:
            report, told = None, str(trouble)
        artifacts = {} if report is None else {ARTIFACT: zipped({MEMBER: report})}
        self._world.finish(asked.run, "failure" if report is None else "success", artifacts=artifacts)
        state.screen.say(f"run {asked.run.id} of {asked.path}: {told}")

    def _report(self, asked: Dispatch) -> bytes:
        """What `cicatrix validate` reports on the commit that the payload names. Raises where it came to no report."""
        place = self._folder / str(asked.run.id)
        out = place / MEMBER
        place.mkdir()
        checkout = str(place / "checkout")
        around = {"PATH": inherited().get("PATH", ""), "HOME": str(place), "XDG_CACHE_HOME": str(place)}
        run([program(), "clone", "--quiet", f"{self._url}/{asked.repository}.git", checkout], env=around)
        line = [sys.executable, "-m", "cicatrix", "validate", "--path", checkout, "--output-file", str(out)]
        _, _, errors = run(line, env={**around, "CICATRIX_PAYLOAD": json.dumps(_payload(asked.payload))})
        if not out.is_file():
            raise ValueError(errors.decode("utf-8", "replace").strip() or "no report")
        return out.read_bytes()


def _payload(given: Mapping[str, Any]) -> Any:
    """What the workflow reads: the payload, or the input of a workflow dispatch that holds it whole."""
    return json.loads(given["payload"]) if given.get("payload") else dict(given)
