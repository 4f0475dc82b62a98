"""WALKS: read, decide, record, act, record."""
