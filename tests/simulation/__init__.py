"""The deterministic simulation: one seed tells one story of people, faults and crashes, and the laws judge its end.

`python -m tests.simulation --seeds 200` plays stories; `--seed N --trace` plays one and shows every step of it.
"""
