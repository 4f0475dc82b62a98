"""MEASURES: runs declared checks on the files of a commit and reads their reports; finds checks where none are."""

from cicatrix.checks.detect import Detected, detect
from cicatrix.checks.measure import measure
from cicatrix.checks.process import Ran, run

__all__ = ["Detected", "Ran", "detect", "measure", "run"]
