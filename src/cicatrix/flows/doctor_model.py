"""One line of the doctor's report."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the report. `remedy` is empty when nothing needs to be done."""

    item: str
    health: Health
    says: str
    remedy: str = ""
    about_credentials: bool = False
    """Of an error: there are no credentials, GitHub refuses them, or they lack a permission."""
