"""`cicatrix config show`."""

from __future__ import annotations

from cicatrix.core.redact import redact
from cicatrix.settings import effective

from . import state
from .screen import Format
from .session import settings_of


def _one_line(text: str) -> str:
    return " ".join(text.split())


def show(*, as_json: bool, output: Format | None) -> None:
    """Every setting with its value in force and its origin; secrets masked."""
    screen = state.screen
    shape = screen.format(output, as_json)
    rows = effective(settings_of())
    if shape is Format.JSON:
        screen.json(
            [
                {"name": r.name, "variables": list(r.variables), "value": redact(r.value), "origin": r.origin}
                for r in rows
            ]
        )
        return
    from . import showing  # noqa: PLC0415 -- Rich is for tables only

    if screen.width < showing.WIDE:
        showing.show_rows(
            screen,
            ("setting, variable", "value, origin"),
            [(f"{r.name}\n{r.variables[0]}", f"{_one_line(r.value) or '-'}\nfrom {_one_line(r.origin)}") for r in rows],
        )
        return
    showing.show_rows(
        screen,
        ("setting", "value", "origin", "variable"),
        [(r.name, r.value or "-", r.origin, r.variables[0]) for r in rows],
    )
