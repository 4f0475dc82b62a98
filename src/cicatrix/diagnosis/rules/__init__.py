"""The built-in rules: our own words for real causes, with examples that hold and counter-examples that must not.

A rule names a cause, never a project. Words that prove nothing alone (timeout, network, 500, random) appear only tied
to a tool, a host or a protocol.
"""

from __future__ import annotations

from cicatrix.diagnosis.rule import Rule
from cicatrix.diagnosis.rules.build import BUILD
from cicatrix.diagnosis.rules.config import CONFIG
from cicatrix.diagnosis.rules.network import NETWORK
from cicatrix.diagnosis.rules.packages import PACKAGES
from cicatrix.diagnosis.rules.platform import PLATFORM
from cicatrix.diagnosis.rules.resources import RESOURCES
from cicatrix.diagnosis.rules.tests import TESTS

BUILTIN: tuple[Rule, ...] = (*PLATFORM, *PACKAGES, *NETWORK, *RESOURCES, *TESTS, *BUILD, *CONFIG)

__all__ = ["BUILTIN"]
