"""The git room against real git: repositories with fixed dates, remotes over HTTP, traps that leave a mark."""
