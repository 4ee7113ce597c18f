"""Layer 7: the HTTP service: event log, live user state, routes, console."""
