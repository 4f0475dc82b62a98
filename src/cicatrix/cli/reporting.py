"""`cicatrix report`: the health report of a case, or of a measurement or report in a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from cicatrix import wiring
from cicatrix.core.health.codec import NotAMeasurement, measurement_from
from cicatrix.core.health.model import Measurement
from cicatrix.core.report.build import KIND, build_report
from cicatrix.core.report.inputs import ReportInputs, RollbackTold
from cicatrix.core.report.render import MAIN, TITLES, render_markdown
from cicatrix.core.rollback.plan import status
from cicatrix.flows.reporting import DEFAULT_THRESHOLD, EXIT, report_of_case
from cicatrix.settings import Settings

from . import state
from .actions_output import step_summary
from .documents import content
from .errors import Code, Stop, usage
from .session import settings_of

LARGEST = 16 * 1024 * 1024
ADVICE = "Give a file that `cicatrix gate --json` or `cicatrix report --format json` wrote."
FORMATS = ("md", "json")


def report(*, case: str | None, source: Path | None, shape: str | None, view: str, target: Path | None) -> Code:
    """Write the report to standard output, or to `target`: into a folder every view by the seed's file names."""
    if (case is None) == (source is None):
        raise usage(
            "One source is needed.", "Give --case CASE or --from FILE, and not both.", "`cicatrix report --help`"
        )
    if shape not in {None, *FORMATS}:
        raise usage(f"The format {shape} is unknown.", "md and json are known.", "Give one of them.")
    if view not in TITLES:
        raise usage(f"The view {view} is unknown.", f"Known: {', '.join(TITLES)}.", "Give one of them.")
    settings = settings_of()
    # masked as a tree: in the text of a page a name beside a colon could be taken for a secret
    found = state.screen.masked(_of_case(settings, case) if case else _of_file(settings, source or Path()))
    try:
        views = {name: render_markdown(found, name) for name in TITLES}
    except (KeyError, TypeError, AttributeError, ValueError) as wrong:
        raise Stop("The file is no health report.", f"{source}: {type(wrong).__name__} {wrong}.", ADVICE) from None
    step_summary(settings, views[view])
    if target is not None and target.is_dir():
        _write_all(target, found, views)
    elif target is None and shape == "json":
        state.screen.json(found)
    else:
        _write_one(target, _json(found) if shape == "json" else views[view])
    return Code.DONE


def _of_case(settings: Settings, case_id: str) -> dict[str, Any]:
    with wiring.open_ledger_only(settings, must_exist=True) as ledger, ledger.read() as view:
        case = view.case(case_id)
        if case is None:
            raise Stop(
                f"The ledger has no case {case_id}.",
                "No entry names it.",
                "`cicatrix explain TARGET` names the case of a run.",
            )
        return build_report(report_of_case(view, case, now=datetime.now(UTC)))


def _of_file(settings: Settings, file: Path) -> dict[str, Any]:
    data = content(file, LARGEST, ADVICE)
    if len(data) > LARGEST:
        raise Stop(f"The file {file} is too large.", f"It has more than {LARGEST} bytes.", ADVICE)
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        raise Stop(f"The file {file} is not JSON.", "It cannot be read as JSON.", ADVICE) from None
    if isinstance(tree, dict) and tree.get("kind") == KIND:
        return tree
    found = tree.get("measurement", tree) if isinstance(tree, Mapping) else tree
    try:
        return build_report(_inputs(settings, measurement_from(found)))
    except NotAMeasurement as wrong:
        raise Stop("The file is no measurement and no report.", f"{file}: {wrong}.", ADVICE) from None


def _inputs(settings: Settings, found: Measurement) -> ReportInputs:
    """A report on a measurement alone: nothing was repaired, dispatched or rolled back that we know of."""
    return ReportInputs(
        generated=datetime.now(UTC),
        repository="",
        ref="",
        request_id=str(uuid4()),
        lawbook_hash="none",
        environment=settings.environment.value,
        measurement=found,
        report_only=True,
        rollback=RollbackTold(status=status(found, health_below=DEFAULT_THRESHOLD)),
        exit_code=EXIT[found.gate],
    )


def _json(found: Mapping[str, Any]) -> str:
    return json.dumps(found, indent=2) + "\n"


def _write_one(target: Path | None, text: str) -> None:
    screen = state.screen
    if target is None:
        screen.line(text.rstrip("\n"))
        return
    target.write_text(text, encoding="utf-8")
    screen.say(f"✓ wrote {target}")


def _write_all(folder: Path, found: Mapping[str, Any], views: Mapping[str, str]) -> None:
    for name, text in views.items():
        _write_one(folder / f"{name}.md", text)
    _write_one(folder / f"{MAIN}.json", _json(found))
