"""Figures of the running server for Prometheus: latency by route and by stage, verdicts, abstentions, the queue.

No figure carries a question, a user or a document.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from rag.answers import Answer

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """The figures of one application; nothing is shared between two of them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.requests = Counter("rag_requests", "Requests answered", ["method", "route", "status"], registry=registry)
        self.latency = Histogram(
            "rag_request_seconds", "Time until the last byte", ["route"], registry=registry, buckets=_SECONDS
        )
        self.stages = Histogram(
            "rag_stage_seconds", "Time of one stage of an answer", ["stage"], registry=registry, buckets=_SECONDS
        )
        self.answers = Counter("rag_answers", "Answers, by what came of them", ["outcome"], registry=registry)
        self.verdicts = Counter("rag_claims", "Claims checked, by verdict", ["verdict"], registry=registry)
        self.waiting = Gauge("rag_queue_waiting", "Requests that wait for their turn", registry=registry)
        self.running = Gauge("rag_queue_running", "Requests that are worked on", registry=registry)
        self.refused = Counter("rag_queue_refused", "Requests refused because too many waited", registry=registry)
        self.uploads = Gauge("rag_uploads_waiting", "Ingestion runs of uploads that wait or work", registry=registry)

    def count(self, answer: Answer) -> None:
        """Count an answer."""
        outcome = f"abstained_{answer.reason}" if answer.abstained else answer.reason or "answered"
        self.answers.labels(outcome).inc()
        for claim in (*answer.claims, *answer.withheld):
            self.verdicts.labels(claim.verdict).inc()
        for stage, value in answer.timings_ms.items():
            self.stages.labels(stage).observe(value / 1000)

    def text(self) -> bytes:
        """All figures in the text format of Prometheus."""
        return generate_latest(self.registry)
