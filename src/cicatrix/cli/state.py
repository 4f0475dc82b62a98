"""The screen of the running command. One process runs one command."""

from __future__ import annotations

from .screen import Screen

screen = Screen()
