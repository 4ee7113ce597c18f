"""Rankers: what puts the candidates of a generator in order."""
