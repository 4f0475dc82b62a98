"""The one `MetaData` that all table modules fill."""

from __future__ import annotations

from sqlalchemy import MetaData

metadata = MetaData()
