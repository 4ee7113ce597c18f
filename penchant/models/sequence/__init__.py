"""Sequence models with a dense head."""
