"""What Prometheus may ask about stored vectors of users."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_AGES = (1.0, 10.0, 60.0, 600.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class VectorMetrics:
    """Of a server, whatever release it serves.

    Args:
        registry: Where they are told; one of their own by default.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        to = registry or CollectorRegistry()
        self.reads = Counter("penchant_user_vectors_read_total", "Stored vectors of users that lists asked for.", ["outcome"], registry=to)
        self.age = Histogram("penchant_user_vector_age_seconds", "Age of the vectors that were used.", buckets=_AGES, registry=to)
        self.refreshes = Counter("penchant_user_vector_refreshes_total", "Vectors made anew.", ["outcome"], registry=to)
        self.refresh_seconds = Histogram("penchant_user_vector_refresh_seconds", "Time of a batch.", buckets=_SECONDS, registry=to)
        self.waiting = Gauge("penchant_user_vectors_waiting", "Users whose vectors are to be made anew.", registry=to)
        self.dropped = Counter("penchant_user_vectors_dropped_total", "Users who could not wait, as too many did.", registry=to)
