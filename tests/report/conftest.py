"""The desk of the shell tests."""

from tests.cli.conftest import bare, cache

__all__ = ["bare", "cache"]
