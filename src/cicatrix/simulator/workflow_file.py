"""Writes the YAML of a workflow file from its jobs: what a reader of `needs` has to go by, as at GitHub."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .specs import JobSpec

Events = str | Sequence[str] | Mapping[str, Any]


def workflow_text(name: str, on: Events, jobs: Sequence[JobSpec], *, run_name: str | None = None) -> str:
    """The text of a workflow with these jobs. `on` is one event, several, or a mapping as in a file."""
    lines = [f"name: {_scalar(name)}", f"on: {_events(on)}", "jobs:"]
    if run_name is not None:
        lines.insert(1, f"run-name: {_scalar(run_name)}")
    for job in jobs:
        lines += _job(job)
    return "\n".join(lines) + "\n"


def _events(on: Events) -> str:
    if isinstance(on, Mapping):
        return json.dumps(on)
    return f"[{on if isinstance(on, str) else ', '.join(on)}]"


def _job(job: JobSpec) -> list[str]:
    lines = [f"  {job.id}:"]
    if job.name is not None:
        lines.append(f"    name: {_scalar(job.name)}")
    if job.needs:
        lines.append(f"    needs: [{', '.join(job.needs)}]")
    if job.always:
        lines.append("    if: always()")
    if job.environment:
        lines.append(f"    environment: {_scalar(job.environment)}")
    if job.matrix:
        lines += ["    strategy:", "      fail-fast: false"]
        if job.dynamic_matrix:
            lines.append("      matrix: ${{ fromJSON(vars.MATRIX) }}")
        else:
            lines.append("      matrix:")
            lines += [f"        {key}: {json.dumps(list(values))}" for key, values in job.matrix.items()]
    if job.uses is not None:
        return [*lines, f"    uses: {job.uses}"]
    labels = list(job.labels)
    lines.append(f"    runs-on: {_scalar(labels[0]) if len(labels) == 1 else json.dumps(labels)}")
    lines.append("    steps:")
    for step in job.steps:
        action = step.removeprefix("Run ")
        if "@" in action:
            lines.append(f"      - uses: {action}")
        else:
            lines += [f"      - name: {_scalar(step)}", "        run: ./ci.sh"]
    if job.always:
        lines += ["      - name: Fail unless every need succeeded", "        if: contains(needs.*.result, 'failure')"]
        lines.append("        run: exit 1")
    return lines


def _scalar(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
