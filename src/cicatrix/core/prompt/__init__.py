"""Prompts from a triage report (seed 000, E84.2): text for a person or an agent who is to repair what failed. Pure."""

from cicatrix.core.prompt.markdown import fenced, inline
from cicatrix.core.prompt.prompts import Wishes, prompt_hash, prompts

__all__ = ["Wishes", "fenced", "inline", "prompt_hash", "prompts"]
