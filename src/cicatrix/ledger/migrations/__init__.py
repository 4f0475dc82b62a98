"""Alembic migrations, one file a step, run by `cicatrix.ledger.migrate`."""
