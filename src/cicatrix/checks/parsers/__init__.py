"""Report formats that are read. Whatever cannot be read, is cut or contradicts itself is unknown, never healthy."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cicatrix.checks.parsers.audits import npm_audit, pip_audit
from cicatrix.checks.parsers.junit import junit
from cicatrix.checks.parsers.linters import eslint, ruff
from cicatrix.checks.parsers.parsed import Parsed, Unreadable, blames_the_network, counted
from cicatrix.checks.parsers.sarif import sarif

__all__ = ["READERS", "Parsed", "Unreadable", "blames_the_network", "counted"]

READERS: Mapping[str, Callable[[bytes], Parsed]] = {
    "sarif": sarif,
    "junit": junit,
    "pip-audit": pip_audit,
    "npm-audit": npm_audit,
    "ruff": ruff,
    "eslint": eslint,
}
"""Every parser of the lawbook but `exit-code`, which reads no report."""
