"""The settings as rows: for docs/settings.md and for `cicatrix config show`."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from .hosts import HostEntry
from .model import Settings

MASK = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting: its name in a TOML file, its variables (the first one wins), its default as shown, what it does."""

    name: str
    variables: tuple[str, ...]
    default: str
    about: str
    secret: bool
    value: str = ""
    origin: str = ""


def reference() -> tuple[Setting, ...]:
    """Every setting in the order of the reference page. Secrets list their `_FILE` form too."""
    rows = []
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        assert isinstance(extra, dict)
        assert isinstance(extra["variables"], list)
        names = [str(variable) for variable in extra["variables"]]
        secret = bool(extra["secret"])
        rows.append(
            Setting(
                name=name,
                variables=tuple([*names, *(f"{variable}_FILE" for variable in names)] if secret else names),
                default=_shown(field.default, secret=False),
                about=field.description or "",
                secret=secret,
            )
        )
    return tuple(rows)


def effective(settings: Settings) -> tuple[Setting, ...]:
    """The same rows with the values in force and their origins; secrets masked."""
    origins = settings.origins
    rows = []
    for row in reference():
        value = getattr(settings, row.name)
        if row.name == "database_url" and value is None:
            shown = "(throw-away)" if settings.ephemeral_ledger else str(settings.default_database)
        else:
            shown = _shown(value, secret=row.secret)
        rows.append(
            Setting(
                name=row.name,
                variables=row.variables,
                default=row.default,
                about=row.about,
                secret=row.secret,
                value=shown,
                origin=origins[row.name],
            )
        )
    return tuple(rows)


def _shown(value: object, *, secret: bool) -> str:
    if value is None or value in ("", ()):
        return ""
    if isinstance(value, tuple) and value and isinstance(value[0], HostEntry):
        return ", ".join(f"{entry.name} ({entry.api_url})" for entry in value)
    if secret or isinstance(value, SecretStr):
        return MASK
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value)
