"""Triage (seed 000, E84.1): what failed, of which class, on what evidence, and what comes next. Pure."""

from cicatrix.core.triage.report import (
    EXTERNAL,
    Excerpt,
    Finding,
    NextAction,
    StepLine,
    Subject,
    next_action,
    triage_report,
)
from cicatrix.core.triage.signal import SIGNAL_LENGTH, excerpt_hash, normalised, primary_signal
from cicatrix.core.triage.types import TYPES, check_type

__all__ = [
    "EXTERNAL",
    "SIGNAL_LENGTH",
    "TYPES",
    "Excerpt",
    "Finding",
    "NextAction",
    "StepLine",
    "Subject",
    "check_type",
    "excerpt_hash",
    "next_action",
    "normalised",
    "primary_signal",
    "triage_report",
]
