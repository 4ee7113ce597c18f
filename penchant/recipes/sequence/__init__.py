"""Sequence models: the next item from the items before."""
