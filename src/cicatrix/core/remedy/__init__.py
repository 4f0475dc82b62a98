"""Which fixes exist, which may run, and whether what they changed may be proposed."""
