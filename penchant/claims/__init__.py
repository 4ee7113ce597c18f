"""Executable claims: what a published system says of itself, run and judged."""
