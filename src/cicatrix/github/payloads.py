"""The bodies of writes, held against GitHub's limits before anything is sent: a `ValueError` says which one is broken.

What is too long is refused here and cut by whoever wrote it: only they know what may be left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

EVENT_TYPE = 100
"""Most characters of `event_type`; limits of a dispatch:
https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event."""
CLIENT_PAYLOAD_PROPERTIES = 10
CLIENT_PAYLOAD_BYTES = 64 * 1024
INPUTS = 25
"""Most inputs of a dispatched workflow
(https://docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event)."""
INPUT_CHARACTERS = 65_535
"""Most characters of all inputs together
(https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows#workflow_dispatch)."""
COMMENT_CHARACTERS = 65_536
"""Most characters of a comment or of a pull request's text; GitHub's database sets it, no page tells it."""
TITLE_CHARACTERS = 256
LABEL_CHARACTERS = 50
CHECK_CHARACTERS = 65_535
"""Most characters of a field of a check run's output: https://docs.github.com/en/rest/checks/runs#create-a-check-run."""
ANNOTATIONS = 50
ANNOTATION_TITLE = 255
ANNOTATION_BYTES = 64 * 1024
CONCLUSIONS = frozenset({"action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"})
"""Conclusions that an App may give; `stale` is GitHub's alone."""
LEVELS = frozenset({"notice", "warning", "failure"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A remark at lines of a file, shown with the check run."""

    path: str
    start_line: int
    end_line: int
    level: str
    """notice, warning or failure."""
    message: str
    title: str = ""

    def as_json(self) -> Mapping[str, object]:
        """In GitHub's words."""
        lines = {"path": self.path, "start_line": self.start_line, "end_line": self.end_line}
        titled = {"title": self.title} if self.title else {}
        return lines | {"annotation_level": self.level, "message": self.message} | titled


def encoded(tree: Mapping[str, object]) -> bytes:
    """A body as it travels. Raises `ValueError` for what is no JSON (NaN) and `TypeError` for other values."""
    return json.dumps(tree, separators=(",", ":"), allow_nan=False).encode("ascii")


def repository_dispatch(event_type: str, client_payload: Mapping[str, object]) -> bytes:
    """`event_type` names the event to workflows, `client_payload` is what they get."""
    _filled("event_type", event_type)
    _at_most("event_type", event_type, EVENT_TYPE)
    _count("top-level properties of client_payload", len(client_payload), CLIENT_PAYLOAD_PROPERTIES)
    size = len(encoded(client_payload))
    if size >= CLIENT_PAYLOAD_BYTES:
        raise ValueError(f"client_payload has {size} bytes; GitHub takes fewer than {CLIENT_PAYLOAD_BYTES}")
    return encoded({"event_type": event_type, "client_payload": dict(client_payload)})


def workflow_dispatch(ref: str, inputs: Mapping[str, str]) -> bytes:
    """Asks for the details of the run, since 204 alone names none."""
    _count("inputs", len(inputs), INPUTS)
    size = len(encoded(inputs))
    if size > INPUT_CHARACTERS:
        raise ValueError(f"the inputs have {size} characters; GitHub takes {INPUT_CHARACTERS}")
    return encoded({"ref": ref, "inputs": dict(inputs), "return_run_details": True})


def pull_request(*, head: str, base: str, title: str, body: str, draft: bool) -> bytes:
    """From a branch of the same repository: `head` names no owner."""
    if ":" in head:
        raise ValueError(f"head {head[:100]!r} names another owner; it is a branch of the repository itself")
    _filled("the title of a pull request", title)
    _at_most("the title of a pull request", title, TITLE_CHARACTERS)
    _at_most("the text of a pull request", body, COMMENT_CHARACTERS)
    return encoded({"head": head, "base": base, "title": title, "body": body, "draft": draft})


def comment(body: str) -> bytes:
    """The text of a comment."""
    _filled("a comment", body.strip())
    _at_most("a comment", body, COMMENT_CHARACTERS)
    return encoded({"body": body})


def labels(names: Sequence[str]) -> bytes:
    """Labels to add to those that are there; GitHub makes one that the repository does not know yet."""
    if isinstance(names, str) or not names:
        raise ValueError("labels to add are a list of one or more names")
    for name in names:
        _filled("a label", name.strip())
        _at_most("a label", name, LABEL_CHARACTERS)
    return encoded({"labels": list(names)})


def check_run(
    *,
    head_sha: str | None,
    name: str,
    external_id: str,
    conclusion: str | None,
    title: str,
    summary: str,
    text: str,
    annotations: Sequence[Annotation],
) -> bytes:
    """Completed with a conclusion, in progress without one. `head_sha` None is an update: a check run never moves."""
    _filled("the name of a check run", name)
    _filled("the title of a check run", title)
    for place, given in (("title", title), ("summary", summary), ("text", text)):
        _at_most(f"the {place} of a check run", given, CHECK_CHARACTERS)
    if conclusion is not None and conclusion not in CONCLUSIONS:
        raise ValueError(f"{conclusion[:40]!r} is no conclusion that an App may give: {', '.join(sorted(CONCLUSIONS))}")
    _count("annotations", len(annotations), ANNOTATIONS)
    for annotation in annotations:
        _annotation(annotation)
    state = {"status": "in_progress"} if conclusion is None else {"status": "completed", "conclusion": conclusion}
    output = {"title": title, "summary": summary, "text": text, "annotations": [a.as_json() for a in annotations]}
    about = {} if head_sha is None else {"head_sha": head_sha}
    return encoded({**about, "name": name, "external_id": external_id, **state, "output": output})


def _annotation(given: Annotation) -> None:
    if given.level not in LEVELS:
        raise ValueError(f"{given.level[:40]!r} is no level of an annotation: {', '.join(sorted(LEVELS))}")
    if not 1 <= given.start_line <= given.end_line:
        raise ValueError(f"an annotation goes from line {given.start_line} to {given.end_line}; lines count from 1")
    _filled("the message of an annotation", given.message)
    _at_most("the title of an annotation", given.title, ANNOTATION_TITLE)
    size = len(given.message.encode("utf-8", "replace"))
    if size > ANNOTATION_BYTES:
        raise ValueError(f"the message of an annotation has {size} bytes; GitHub takes {ANNOTATION_BYTES}")


def _filled(what: str, value: str) -> None:
    if not value:
        raise ValueError(f"{what} is empty")


def _at_most(what: str, value: str, most: int) -> None:
    if len(value) > most:
        raise ValueError(f"{what} has {len(value)} characters; GitHub takes {most}")


def _count(what: str, given: int, most: int) -> None:
    if given > most:
        raise ValueError(f"{given} {what}; GitHub takes {most}")
