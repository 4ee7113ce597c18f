"""Measurements of speed and memory. ``python -m benchmarks`` runs all; each writes ``benchmarks/results/NAME.json``."""
