"""What a decision rested on, as text: kept beside it, so that the same decision can be made again, also by other rules.

A record is disposable. It holds what `plan_rerun` looks at and no log: verdicts carry their one redacted line, job
steps are left out, and every text passes the redactor. A record of another version is not guessed at: see `read`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cicatrix.core.attempts import RunFacts
from cicatrix.core.codec import Codec, Mismatch, codec_of, leave_out, special
from cicatrix.core.facts import CheckRun, PullRequest, WorkflowRun
from cicatrix.core.graph import Graph
from cicatrix.core.operations import Operation, Usage
from cicatrix.core.plan import Plan, plan_rerun
from cicatrix.core.policy import Policy, RerunRequest
from cicatrix.core.redact import clean
from cicatrix.core.redact import redact as redact_shapes
from cicatrix.core.registry import Evaluation
from cicatrix.core.workflow_file import WorkflowFile

VERSION = 1
"""Of the record as a whole. A new field with a default needs no new number; a field that changes its meaning does."""


class OtherVersion(ValueError):  # noqa: N818  -- names what is the case, as the other refusals to read do
    """The text is no record of this version. Skip it, and count it: nothing may be concluded from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The arguments of one `plan_rerun`, under the ledger's lock."""

    request: RerunRequest
    facts: RunFacts
    policy: Policy
    """The policy that decided, with the lawbook as it was resolved then."""
    usage: Usage
    now: datetime
    siblings: tuple[tuple[RunFacts, tuple[Operation, ...]], ...] = ()


def replay(inputs: Inputs, policy: Policy | None = None) -> Plan:
    """The plan on these inputs: what was decided, or what another policy would have decided."""
    return plan_rerun(
        inputs.request, inputs.facts, policy or inputs.policy, inputs.usage, inputs.now, siblings=inputs.siblings
    )


def record(inputs: Inputs, redact: Callable[[str], str] = redact_shapes) -> str:
    """One line of ASCII JSON. Never raises for what GitHub or a workflow file holds."""
    encode = codec_of(Inputs).encode
    assert encode is not None
    tree = _without_secrets(encode(inputs), redact)
    return json.dumps({"version": VERSION, "inputs": tree}, separators=(",", ":"))


def read(text: str) -> Inputs:
    """The inputs of a record. Raises OtherVersion for a text that this version did not write, whatever it is."""
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        raise OtherVersion("the recorded inputs are no JSON") from None
    if not isinstance(tree, dict) or tree.get("version") != VERSION or set(tree) != {"version", "inputs"}:
        found = tree.get("version") if isinstance(tree, dict) else None
        raise OtherVersion(f"recorded by another version: {str(found)[:20]}, this one reads {VERSION}")
    try:
        inputs = codec_of(Inputs).decode(tree["inputs"])
    except (Mismatch, RecursionError) as wrong:
        raise OtherVersion(f"recorded by another version: {wrong}") from None
    assert isinstance(inputs, Inputs)
    return inputs


def _without_secrets(tree: Any, redact: Callable[[str], str]) -> Any:
    """The tree with every text redacted. One look at all texts together tells that there is nothing to do.

    A text without a secret stays as it is, to the byte: names that differ must go on to differ.
    """
    texts: set[str] = set()
    _collect(tree, texts)
    together = "\n".join(texts)
    if redact(together) == clean(together):
        return tree
    masked = {text: redact(text) for text in texts}
    return _mapped(tree, {text: text if mask == clean(text) else mask for text, mask in masked.items()})


def _collect(tree: Any, texts: set[str]) -> None:
    if type(tree) is str:
        texts.add(tree)
    elif type(tree) is dict:
        for name, item in tree.items():
            texts.add(name)
            _collect(item, texts)
    elif type(tree) is list:
        for item in tree:
            _collect(item, texts)


def _mapped(tree: Any, texts: Mapping[str, str]) -> Any:
    if type(tree) is str:
        return texts[tree]
    if type(tree) is dict:
        return {texts[name]: _mapped(item, texts) for name, item in tree.items()}
    return [_mapped(item, texts) for item in tree] if type(tree) is list else tree


@dataclass(frozen=True, slots=True, kw_only=True)
class _Workflow:
    """A graph as it is recorded: the jobs of its files. Everything else in a graph follows from them."""

    path: str
    files: Mapping[str, WorkflowFile]


def _graph() -> Codec:
    encode, decode = codec_of(_Workflow)
    assert encode is not None

    def restore(tree: Any) -> Graph:
        workflow = decode(tree)
        return Graph.build(workflow.path, workflow.files)

    return Codec(lambda graph: encode(_Workflow(path=graph.path, files=graph.files())), restore)


special(Graph, _graph)
leave_out(WorkflowRun, "html_url", "display_title")
leave_out(PullRequest, "html_url", "merged_at", "merge_commit_sha")
leave_out(CheckRun, "external_id")
leave_out(Evaluation, "action_config")
