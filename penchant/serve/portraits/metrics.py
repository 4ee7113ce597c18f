"""What Prometheus may ask about stored portraits of users."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class PortraitMetrics:
    """Of a server, whatever release it serves.

    Args:
        registry: Where they are told; one of their own by default.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        to = registry or CollectorRegistry()
        self.made = Counter("penchant_portraits_made_total", "Portraits of users made anew and stored.", registry=to)
        self.refused = Counter("penchant_portraits_refused_total", "Batches that log or store refused.", registry=to)
        self.dropped = Counter("penchant_portraits_dropped_total", "Users who could not wait, as too many did.", registry=to)
        self.seconds = Histogram("penchant_portrait_refresh_seconds", "Time of a batch.", buckets=_SECONDS, registry=to)
