"""Cicatrix: a self-healing control plane for GitHub Actions. CI heals, and every action leaves a mark."""

__version__ = "0.1.0"
