"""The ladder above the rerun: remedy, re-dispatch and validate, roll back. Every step is a tick of the one case."""
