"""Where a deployment runs (GE-1)."""

from __future__ import annotations

from enum import StrEnum


class Environment(StrEnum):
    STAGING = "staging"
    PROD = "prod"
