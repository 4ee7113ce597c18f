"""Drills: what the platform does when its parts die, hang, forget or are flooded, on real processes."""
