"""Spans for a collector that speaks OTLP over HTTP. The packages are an extra, and are imported by whoever asks for traces alone.

Names of attributes are those of OpenTelemetry's semantic conventions where there is one; ``penchant.`` stands before the others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit, urlunsplit

from penchant import __version__
from penchant.core.errors import InputError
from penchant.serve.worker import Batch

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider

_PATIENCE = 5.0  # seconds for what is not sent yet when the process ends
_PATH = "/v1/traces"  # of OTLP over HTTP


@dataclass(frozen=True)
class Child:
    """A part of a request.

    Attributes:
        name: Of the part.
        milliseconds: That it took.
        missing: Why it took no part in the answer; None where it did.
        within: Its own parts, all begun when it began.
    """

    name: str
    milliseconds: float
    missing: str | None = None
    within: tuple[Child, ...] = ()


class Traces:
    """Makes spans, and hands them to a provider, which sends them beside the requests.

    Args:
        provider: Of tracers; it is this object's own, not the global one.
    """

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider, self._tracer = provider, provider.get_tracer("penchant", __version__)
        self._trace, self._callers = trace, TraceContextTextMapPropagator()

    @classmethod
    def to(cls, url: str) -> Self:
        """Spans go to a collector, in batches. Where it does not take them, they are dropped, and the log says so.

        Args:
            url: Of the collector; without a path, OTLP's own is taken.

        Raises:
            InputError: It is no such URL, or the packages are not installed.
        """
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise InputError("traces", f"OpenTelemetry is not installed ({error})", 'pip install "penchant[otel]"') from error
        own = {SERVICE_NAME: "penchant", SERVICE_VERSION: __version__}
        provider = TracerProvider(resource=Resource(own).merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=_endpoint(url))))
        return cls(provider)

    def request(
        self,
        headers: Mapping[str, str],
        name: str,
        attributes: Mapping[str, str | list[str] | None],
        children: Sequence[Child],
        *,
        began: int,
        status: int,
        failed: str | None,
    ) -> None:
        """The spans of a request that is over now.

        Args:
            headers: Of the request: ``traceparent`` tells the span of the caller (W3C Trace Context).
            name: Of the span.
            attributes: Of the span; those that are None are left out.
            children: Its parts, one after the other from its beginning on.
            began: Nanoseconds since 1970.
            status: Of the answer; 0 where there was none.
            failed: The class of an error that ended it.
        """
        given = {name: value for name in ("traceparent", "tracestate") if (value := headers.get(name)) is not None}
        caller = self._callers.extract(given)
        kept: dict[str, Any] = {name: value for name, value in attributes.items() if value is not None}
        span = self._tracer.start_span(name, caller, self._trace.SpanKind.SERVER, kept, start_time=began)
        if not span.is_recording():
            return
        self._parts(self._trace.set_span_in_context(span, caller), children, began)
        if status:
            span.set_attribute("http.response.status_code", status)
        if failed is not None or status >= 500:
            span.set_attribute("error.type", failed or str(status))
            span.set_status(self._trace.StatusCode.ERROR)
        span.end()

    def batch(self, batch: Batch) -> None:
        """The span of what a near-line worker has just stored."""
        began = time.time_ns() - round(batch.seconds * 1e9)
        about = {
            "messaging.batch.message_count": batch.records,
            "penchant.dead_letters": batch.dead,
            "penchant.partitions": batch.partitions,
        }
        self._tracer.start_span("near-line batch", None, self._trace.SpanKind.CONSUMER, about, start_time=began).end()

    def close(self) -> None:
        """Send what waits, and end. A collector that does not answer is not waited for longer than some seconds."""
        ending = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        ending.start()
        ending.join(_PATIENCE)

    def _parts(self, context: Context, children: Sequence[Child], began: int) -> None:
        for child in children:
            about = None if child.missing is None else {"penchant.missing": child.missing}
            span = self._tracer.start_span(child.name, context, attributes=about, start_time=began)
            if child.within:
                inside = self._trace.set_span_in_context(span, context)
                for part in child.within:  # at once, and not one after the other
                    self._parts(inside, [part], began)
            began += round(child.milliseconds * 1e6)
            span.end(began)


def _endpoint(url: str) -> str:
    # The URL itself is not told: it may hold a password.
    refused = InputError("the URL of traces", "it is no address of a collector", "pass one such as http://localhost:4318")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise refused from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise refused
    return urlunsplit(parts if parts.path.strip("/") else parts._replace(path=_PATH))
