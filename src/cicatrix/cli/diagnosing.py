"""`cicatrix diagnose`: logs in, verdicts out. Files need neither settings nor network nor database."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from cicatrix.diagnosis import Diagnoser, verdict_json

from . import state
from .errors import Code, usage
from .screen import Format

KEPT = 16 * 1024 * 1024
"""Bytes of a log that are looked at: its end, where a job says what it died of."""
CHUNK = 1024 * 1024


def diagnose(sources: list[str], *, as_json: bool, output: Format | None) -> Code:
    """One object a file, in the order given; a file that cannot be read is told apart and makes the exit code 1."""
    screen = state.screen
    shape = screen.format(output, as_json)
    urls = [source for source in sources if "://" in source]
    if urls and len(sources) > 1:
        raise usage("A run's URL stands alone.", f"{len(sources)} sources were given.", "Diagnose one run, or files.")
    code = Code.DONE
    for told in _run(urls[0]) if urls else _files(sources):
        if isinstance(told, OSError):
            code = Code.ERROR
            continue
        if shape is Format.JSON:
            screen.json(told, compact=True)
        else:
            _show(told)
    return code


def _files(sources: list[str]) -> Iterator[Mapping[str, Any] | OSError]:
    screen = state.screen
    diagnoser = Diagnoser(cache=_cache_folder())
    for source in sources:
        try:
            text, skipped, truncated = _read(source)
        except OSError as trouble:
            screen.fail(
                f"The log {source} cannot be read.",
                f"{trouble.strerror or type(trouble).__name__}.",
                "Check the path; `-` reads standard input.",
            )
            yield trouble
            continue
        verdict = diagnoser.diagnose_text(text, truncated=truncated, skipped_lines=skipped)
        yield verdict_json(source, verdict)


def _cache_folder() -> Path:
    from platformdirs import user_cache_path  # noqa: PLC0415 -- the settings, which name it too, would cost 0.2 s

    return user_cache_path("cicatrix")


def _read(source: str) -> tuple[bytes, int, bool]:
    """The end of a log, the line feeds before it, and whether anything was left out. Memory stays bounded."""
    if source == "-":
        return _end(sys.stdin.buffer)
    with Path(source).open("rb") as file:
        return _end(file)


def _end(stream: BinaryIO) -> tuple[bytes, int, bool]:
    blocks: deque[bytes] = deque()
    size = skipped = 0
    truncated = False
    while chunk := stream.read(CHUNK):
        blocks.append(chunk)
        size += len(chunk)
        while size - len(blocks[0]) >= KEPT:
            gone = blocks.popleft()
            size -= len(gone)
            skipped += gone.count(b"\n")
            truncated = True
    text = b"".join(blocks)
    if truncated and (cut := text.find(b"\n")) >= 0:  # begin with a whole line
        return text[cut + 1 :], skipped + 1, True
    return text, skipped, truncated


def _run(url: str) -> Iterator[Mapping[str, Any]]:
    """The verdict on each failed job of a run, read from GitHub."""
    from cicatrix import wiring  # noqa: PLC0415 -- the import budget: files need none of this
    from cicatrix.core.attempts import merged_jobs  # noqa: PLC0415 -- as above
    from cicatrix.flows.reading import read_target  # noqa: PLC0415 -- as above

    from .session import named_if_missing, opened, settings_of  # noqa: PLC0415 -- as above
    from .targets import parse_all  # noqa: PLC0415 -- as above

    settings = settings_of()
    pointed = parse_all([url], repo=None, run_id=None, hosts=wiring.hosts(settings))[0]
    with opened(settings, pointed.host, read_only=True) as ctx, named_if_missing(ctx, pointed.target):
        reading = read_target(ctx, pointed.target)
    for facts in reading.runs:
        for job in merged_jobs(facts.attempts):
            if verdict := facts.verdicts.get(job.id):
                told = verdict_json(f"{url}#{job.name}", verdict)
                yield {**told, "runId": int(facts.run.id), "jobId": int(job.id), "jobName": job.name}
    if not any(facts.verdicts for facts in reading.runs):
        state.screen.say(f"no job of {url} failed")


def _show(told: Mapping[str, Any]) -> None:
    screen = state.screen
    name = screen.safe(told.get("jobName") or told["file"])
    sure = f" ({told['confidence']:.0%})" if told["confidence"] else ""
    suspected = f", suspected {told['suspected']}" if told["suspected"] else ""
    screen.line(f"{name}: {told['class']}{sure}{suspected}")
    if told["line"]:
        screen.line(f"  line {told['lineNumber']}: {screen.safe(told['line'])}")
    if told["rule"]:
        step = f" in step {screen.safe(told['step'])}" if told["step"] else ""
        screen.line(f"  rule {told['rule']}{step}, by {told['stage']}")
    if told["counterEvidence"]:
        screen.line(f"  against it: {screen.safe(told['counterEvidence'])}")
    if told["truncated"]:
        screen.line(f"  only the last {KEPT // CHUNK} MiB were looked at")
