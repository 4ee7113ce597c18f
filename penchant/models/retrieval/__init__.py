"""Models without a sequence: popularity, item neighbours, linear."""
