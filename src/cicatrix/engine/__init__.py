"""WAKES: runs due cases. So far `cicatrix tick` wakes them once; the runners of parts 2 and 5 will live here."""
