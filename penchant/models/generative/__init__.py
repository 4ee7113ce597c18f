"""Models that generate semantic IDs."""
