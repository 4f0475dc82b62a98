"""The health report: one JSON document first, Markdown rendered from it."""
