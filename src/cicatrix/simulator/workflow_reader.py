"""Reads a workflow file as GitHub does when an event arrives: what it listens to, its jobs, the name of its run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .specs import JobSpec

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_LITERAL = re.compile(r"'((?:[^']|'')*)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowFile:
    """What a dispatch needs to know of a file."""

    name: str
    run_name: str
    events: Mapping[str, Any]
    """Event -> its filters, as written; None or a mapping."""
    jobs: Mapping[str, Any] = field(default_factory=dict)

    def hears(self, event_type: str) -> bool:
        """Whether a `repository_dispatch` of this type starts it; without `types` every one does."""
        if "repository_dispatch" not in self.events:
            return False
        types = (self.events["repository_dispatch"] or {}).get("types", event_type)
        return event_type in ([types] if isinstance(types, str) else types)

    @property
    def inputs(self) -> Mapping[str, Any]:
        """Declared inputs of `workflow_dispatch`."""
        return (self.events.get("workflow_dispatch") or {}).get("inputs") or {}


def read_workflow(text: bytes | str) -> WorkflowFile | None:
    """The file, or None when it is no workflow that GitHub could read."""
    from ruamel.yaml import YAML  # noqa: PLC0415 -- worlds without a dispatch do not pay for it
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415 -- the same

    try:
        tree = YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        return None
    if not isinstance(tree, dict) or "on" not in tree:
        return None
    return WorkflowFile(
        name=str(tree.get("name", "")),
        run_name=str(tree.get("run-name") or ""),
        events=_events(tree["on"]),
        jobs=tree.get("jobs") or {},
    )


def _events(on: object) -> Mapping[str, Any]:
    if isinstance(on, dict):
        return on
    return dict.fromkeys(on if isinstance(on, list) else [str(on)])


def job_specs(text: bytes | str) -> tuple[JobSpec, ...]:
    """The jobs of a file, each with its needs; a called workflow counts as one job. None for an empty text."""
    found = read_workflow(text) if text else None
    if found is None:
        return ()
    return tuple(
        JobSpec(id=name, name=_plain(job.get("name")), needs=_list(job.get("needs")))
        for name, job in found.jobs.items()
    )


def _plain(name: str | None) -> str | None:
    return None if name is None or "${{" in name else name


def _list(needs: str | list[str] | None) -> tuple[str, ...]:
    return (needs,) if isinstance(needs, str) else tuple(needs or ())


def filled(template: str, event: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """The template with its `${{ github.event.a.b }}`, `${{ inputs.x }}` and `||` between them worked out.

    https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
    """
    context = {"github": {"event": {**event, "inputs": inputs}}, "inputs": inputs}
    return _EXPRESSION.sub(lambda found: _value(found[1], context), template)


def _value(expression: str, context: Mapping[str, Any]) -> str:
    for alternative in expression.split("||"):
        text = alternative.strip()
        literal = _LITERAL.fullmatch(text)
        value = literal[1].replace("''", "'") if literal else _look_up(text, context)
        if value:
            return value
    return ""


def _look_up(path: str, context: Mapping[str, Any]) -> str:
    at: Any = context
    for name in path.split("."):
        at = at.get(name) if isinstance(at, Mapping) else None
    if at is None or isinstance(at, Mapping):
        return ""
    return str(at).lower() if isinstance(at, bool) else str(at)
