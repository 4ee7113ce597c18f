"""Layer 1: blocks of networks and the numerics they share."""
