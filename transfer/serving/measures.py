"""What a server counts, in the text format of Prometheus; nothing of who asked or what was heard."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["CONTENT_TYPE", "Measures"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Measures:
    """Counters of one server.

    Example:
        >>> measures = Measures()
        >>> measures.requests.labels("/predict", "200").inc()
        >>> b'transfer_requests_total{path="/predict",status="200"} 1.0' in measures.text()
        True
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("transfer_requests", "Requests answered", ("path", "status"), registry=self.registry)
        self.seconds = Histogram(
            "transfer_predict_seconds", "From the first byte of a request to its answer", registry=self.registry
        )
        self.audio = Counter("transfer_audio_seconds", "Audio that was judged", registry=self.registry)
        self.inside = Gauge("transfer_requests_in_progress", "Requests for predictions at work", registry=self.registry)

    def text(self) -> bytes:
        """Return all of them."""
        found: bytes = generate_latest(self.registry)
        return found
