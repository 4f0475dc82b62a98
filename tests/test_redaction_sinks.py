"""Bar 5 of part 2: the whole corpus goes into logs, and none of it comes out of answer, ledger, log line or prompt."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cicatrix.core.actions import Role
from cicatrix.core.redact import REDACTED, redactor
from cicatrix.simulator import JobSpec, Outcome
from cicatrix.wiring import stderr_log
from tests.secret_kinds import FORMS, Sample, leaks, readable, samples
from tests.web.desk import CI, Desk, desk_at

SEED = 11
BATCH = 18
"""Jobs of one pull request: a prompt shows the lines of twenty."""
KINDS = samples(SEED)


def lines_of(name: str, sample: Sample) -> str:
    """A step's output: the sample in every form, then an error that quotes it."""
    shown = [f"--- {form}\n{encode(sample)}" for form, encode in FORMS.items()]
    first = sample.text.split("\n")[0]
    # the last line is one that a rule takes for evidence: it goes into the verdict, and with it into the ledger
    last = f"src/app.c:10:5: error: unknown type name 'failed with' {first}"
    return "\n".join([f"kind: {name}", *shown, f"ERROR: failed with {sample.text}", last])


def batches() -> Iterator[tuple[int, list[str]]]:
    names = list(KINDS)
    for number, at in enumerate(range(0, len(names), BATCH), 1):
        yield number, names[at : at + BATCH]


def nothing_left(shown: str, where: str) -> None:
    text = readable(shown)
    left = {name: found for name, sample in KINDS.items() if (found := leaks(sample, text))}
    assert not left, f"{where}, seed {SEED}: {left}"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One red pull request a batch; each of its jobs printed one kind of secret in every form."""
    with desk_at(tmp_path_factory.mktemp("sinks")) as made:
        repo = made.world.repository("acme/shop")
        for number, names in batches():
            jobs = [
                JobSpec(id=f"job-{place}", outcomes=[Outcome.failure(lines_of(name, KINDS[name]))])
                for place, name in enumerate(names)
            ]
            repo.workflow(CI, jobs)
            first = KINDS[names[0]].text.split("\n")[0]
            pull = repo.pull_request(number, head_branch=f"change-{number}")
            run = repo.run(CI, pull_request=pull, finished=True)
            repo.check_run(run.head_sha, "gate", "sonar", "failure", title="x", summary=f"failed with {first}")
            made.world.advance(1)
        yield made


def asked(desk: Desk, number: int, what: str, body: Mapping[str, Any] | None = None) -> str:
    key = desk.key(Role.OPERATOR)
    place = f"/api/github/prs/{number}/checks/{what}"
    if body is None:
        told = desk.ask("GET", f"{place}?owner=acme&repo=shop", key)
    else:
        told = desk.ask("POST", place, key, json={"owner": "acme", "repo": "shop", **body})
    assert told.status_code == 200, told.text
    return told.text


@pytest.mark.shows("TR-2", "PG-4")
def test_no_triage_answer_holds_a_secret(desk: Desk) -> None:
    for number, names in batches():
        told = asked(desk, number, "triage")
        nothing_left(told, f"triage of {number}")
        excerpts = {f["evidence"]["excerpt"] for f in json.loads(told)["failures"] if f["type"] != "external"}
        assert len(excerpts) == len(names)
        for name in names:  # the masks stand where the secrets stood: the lines themselves are shown
            (own,) = [text for text in excerpts if f"kind: {name}\n" in text]
            assert own.count(REDACTED) >= len(FORMS)


@pytest.mark.shows("PG-4")
def test_no_prompt_holds_a_secret(desk: Desk) -> None:
    for number, names in batches():
        told = asked(desk, number, "prompt", {})
        nothing_left(told, f"prompts of {number}")
        assert told.count("failed with") + told.count("ERROR") >= len(names)


@pytest.mark.shows("PG-4")
def test_no_decision_no_read_of_it_and_no_byte_of_the_ledger_holds_a_secret(desk: Desk) -> None:
    key = desk.key(Role.READER)
    for number, _ in batches():
        nothing_left(asked(desk, number, "rerun", {}), f"rerun of {number}")
    for path in ("decisions", "attempts", "audit", "ledger/entries"):
        told = desk.ask("GET", f"/api/{path}?owner=acme&repo=shop&limit=100", key)
        assert told.status_code == 200, told.text
        assert told.json()["items"], path
        nothing_left(told.text, path)
    with desk.ctx.ledger.read() as view:
        texts = [json.dumps(view.resolved(entry.data), default=str) for entry in view.entries()]
    assert any(REDACTED in text for text in texts), "no evidence line of a failed job reached the ledger"
    stored = [file for file in desk.folder.iterdir() if file.name.startswith("ledger")]
    assert stored
    for file in stored:
        nothing_left(file.read_bytes().decode("latin-1"), file.name)


@pytest.mark.shows("PG-4")
def test_no_log_line_holds_a_secret(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    nothing_left(json.dumps(desk.log, default=str), "what the service gave to its log")
    log = stderr_log(redactor(()))
    for (name, sample), form in itertools.product(KINDS.items(), FORMS):
        text = FORMS[form](sample)
        log(
            "a.told",
            kind=name,
            text=text,
            nested={"list": [text, {"deep": (text,)}]},
            raw=text.encode(),
            error=OSError(text),
        )
    shown = capsys.readouterr().err
    assert shown.count("a.told") == len(KINDS) * len(FORMS)
    nothing_left(shown, "log to standard error")


def test_the_judge_would_see_a_secret_in_each_sink() -> None:
    name, sample = next(iter(KINDS.items()))
    with pytest.raises(AssertionError, match=name):
        nothing_left(json.dumps({"excerpt": lines_of(name, sample)}), "an answer")
