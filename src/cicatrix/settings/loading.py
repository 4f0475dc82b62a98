"""Flags, environment, TOML file and defaults into `Settings`, each value with its origin."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .errors import SettingsError
from .model import Settings
from .surroundings import Surroundings

LARGEST_FILE = 1024 * 1024


def load(flags: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process: flag > environment > file > default. Empty variables count as unset.

    `flags` maps names of settings to values; None values are left out. Raises SettingsError for a value that cannot be
    used, a secret's file that cannot be read, or a TOML file with unknown names.
    """
    found = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, value in (flags or {}).items():
        if value is not None:
            values[name], origins[name] = value, f"flag --{name.replace('_', '-')}"
    for name, value, origin in _from_environment(found):
        if name not in values:
            values[name], origins[name] = value, origin
    if config := values.get("config"):
        for name, value in _from_file(Path(str(config))).items():
            if name not in values:
                values[name], origins[name] = value, str(config)
    settings = _checked(values, origins)
    settings._origins.update(origins)  # noqa: SLF001 -- its own builder
    settings._inside_actions = Surroundings.read(found).inside_actions  # noqa: SLF001 -- its own builder
    return settings


def variables() -> dict[str, str]:
    """Variable -> the setting that it sets, the `_FILE` form of secrets included; the first one of a setting wins."""
    known: dict[str, str] = {}
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        assert isinstance(extra, dict)
        listed = extra["variables"]
        assert isinstance(listed, list)
        for variable in map(str, listed):
            known[variable] = name
            if extra["secret"]:
                known[f"{variable}_FILE"] = name
    return known


def warnings(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """One sentence for each `CICATRIX_` variable that we do not know, naming the nearest that we do."""
    found = os.environ if environ is None else environ
    known = [name for name in variables() if name.startswith("CICATRIX_")]
    lines = []
    for name in sorted(found):
        if name.startswith("CICATRIX_") and name not in known:
            near = difflib.get_close_matches(name, known, 1, cutoff=0.6)
            hint = f"did you mean {near[0]}?" if near else "`cicatrix config show` lists them"
            lines.append(f"{name[:80]} is no setting of Cicatrix; {hint}")
    return tuple(lines)


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, object, str]]:
    for variable, name in variables().items():
        text = environ.get(variable, "")
        if not text.strip():
            continue
        if variable.endswith("_FILE") and name not in {"kill_switch_file", "ca_file"}:
            yield name, _secret_file(variable, Path(text)), variable
        elif name == "hosts":
            yield name, _json(variable, text), variable
        else:
            yield name, text, variable


def _secret_file(variable: str, path: Path) -> object:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise SettingsError(
                f"{variable} names a file that is no secret.",
                f"{path} is larger than 1 MiB.",
                f"Put the secret alone into a file and name that one in {variable}.",
            )
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as trouble:
        why = trouble.strerror if isinstance(trouble, OSError) else "it is not UTF-8 text"
        raise SettingsError(
            f"{variable} cannot be read.", f"{path}: {why}.", f"Correct the path in {variable}, or unset it."
        ) from None
    return _json(variable, text) if variable.startswith("CICATRIX_HOSTS") else text


def _json(variable: str, text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as wrong:
        where = f" from line {wrong.lineno}, column {wrong.colno} on" if isinstance(wrong, json.JSONDecodeError) else ""
    raise SettingsError(
        f"{variable} is not JSON.", f"The text is no JSON{where}.", "Write a JSON list of host objects."
    )


def _from_file(path: Path) -> dict[str, object]:
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as trouble:
        raise SettingsError(
            "The configuration file cannot be read.",
            f"{path}: {trouble.strerror}.",
            "Correct CICATRIX_CONFIG, or unset it.",
        ) from None
    except ValueError as wrong:
        raise SettingsError(
            "The configuration file is not TOML.", f"{path}: {wrong}.", "Correct the file at that place."
        ) from None
    known = set(Settings.model_fields) - {"config"}
    for name in tree:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), 1)
            hint = f"Did you mean {near[0]}?" if near else "`cicatrix config show` lists the names."
            raise SettingsError("The configuration file names an unknown setting.", f"{path}: {name[:80]}.", hint)
    return tree


def _checked(values: Mapping[str, object], origins: Mapping[str, str]) -> Settings:
    try:
        return Settings(**values)  # type: ignore[arg-type]  # pydantic checks each value; that is what it is here for
    except ValidationError as wrong:
        problem = wrong.errors(include_input=False, include_url=False, include_context=False)[0]
    field = str(problem["loc"][0]) if problem["loc"] else ""
    rest = ".".join(str(part) for part in problem["loc"][1:])
    message = str(problem["msg"]).removeprefix("Value error, ")
    origin = origins.get(field, field) if field else ""
    raise SettingsError(
        f"The setting {field} cannot be used." if field else "The settings do not fit together.",
        f"{origin}{' ' + rest if rest else ''}: {message}." if field else f"{message}.",
        "Correct it; docs/settings.md says what each setting does, `cicatrix config show` what is in force.",
    )
