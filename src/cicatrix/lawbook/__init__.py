"""Loads YAML: lawbooks with positions, workflow files fast. What the trees mean, `core` decides."""

from cicatrix.lawbook.files import load
from cicatrix.lawbook.positions import LARGEST, load_yaml
from cicatrix.lawbook.workflows import load_workflow

__all__ = ["LARGEST", "load", "load_workflow", "load_yaml"]
