"""Traces for OpenTelemetry: a span for each request and, below it, one for each stage of its answer.

It is on where the extra `otel` is installed and the standard variables name an endpoint; nothing is sent else. Spans tell
routes, times and counts; a question's text only where `server.log_questions` is on, documents and answers never. Spans are sent
in the background: where that fails they are lost, and no request notices.
"""

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rag.answers import Answer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

_NAME = "grounded-rag"
_PROTOCOL = "http/protobuf"


class RequestSpan:
    """The span of one request, or nothing at all where there are no traces."""

    def __init__(self, tracer: "Tracer | None" = None, span: "Span | None" = None, *, with_question: bool = False) -> None:
        self._tracer = tracer
        self._span = span
        self._with_question = with_question

    def lap(self, stage: str, began_ns: int, ended_ns: int) -> None:
        """Tell of a stage that is over."""
        if self._tracer is None or self._span is None:
            return
        from opentelemetry.trace import set_span_in_context

        child = self._tracer.start_span(stage, set_span_in_context(self._span), start_time=began_ns)
        child.end(ended_ns)

    def answered(self, answer: Answer) -> None:
        """Tell what came of the question."""
        if self._span is None:
            return
        self._span.set_attributes(
            {
                "rag.abstained": answer.abstained,
                "rag.reason": answer.reason or "",
                "rag.policy": answer.policy,
                "rag.language": answer.language,
                "rag.repaired": answer.repaired,
                "rag.n_passages": len(answer.passages),
                "rag.n_claims": len(answer.claims),
                "rag.n_withheld": len(answer.withheld),
            }
        )
        if self._with_question:
            self._span.set_attribute("rag.question", answer.question)

    def end(self, method: str, route: str, status: int) -> None:
        """Tell how the request ended; 499: its client left."""
        if self._span is None:
            return
        from opentelemetry.trace import StatusCode

        self._span.update_name(f"{method} {route}")
        self._span.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})
        if status >= 500:
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class Spans:
    """The traces of one application; without a provider there are none."""

    def __init__(self, provider: "TracerProvider | None" = None, *, with_questions: bool = False) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer(_NAME) if provider is not None else None
        self._with_questions = with_questions

    def begin(self, request_id: str, headers: Mapping[str, str]) -> RequestSpan:
        """Begin the span of a request, within the trace that its headers name (W3C traceparent), if they do."""
        if self._tracer is None:
            return RequestSpan()
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        context = TraceContextTextMapPropagator().extract(headers)
        attributes = {"rag.request_id": request_id}
        span = self._tracer.start_span("request", context, kind=SpanKind.SERVER, attributes=attributes)
        return RequestSpan(self._tracer, span, with_question=self._with_questions)

    def close(self) -> None:
        """Send what is yet to be sent."""
        if self._provider is not None:
            self._provider.shutdown()


def spans_of_environment(*, with_questions: bool) -> Spans:
    """Traces as the variables OTEL_* say: none without an endpoint. What is asked for and cannot be done is told on stderr."""
    endpoint = _set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or _set("OTEL_EXPORTER_OTLP_ENDPOINT")
    if not endpoint or _set("OTEL_SDK_DISABLED").lower() == "true" or _set("OTEL_TRACES_EXPORTER") not in ("", "otlp"):
        return Spans()
    protocol = _set("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or _set("OTEL_EXPORTER_OTLP_PROTOCOL") or _PROTOCOL
    if protocol != _PROTOCOL:
        return _none_because(f"protocol `{protocol}` is not spoken, only `{_PROTOCOL}`")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        return _none_because("run `pip install 'grounded-rag[otel]'` first")
    is_named = _set("OTEL_SERVICE_NAME") or "service.name=" in _set("OTEL_RESOURCE_ATTRIBUTES")
    provider = TracerProvider(resource=Resource.create({} if is_named else {"service.name": _NAME}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Spans(provider, with_questions=with_questions)


def _none_because(why: str) -> Spans:
    # No error: these variables may be meant for other programs of the machine.
    print(f"note: no traces are sent to the endpoint that OTEL_* names: {why}.", file=sys.stderr)
    return Spans()


def _set(name: str) -> str:
    return os.environ.get(name, "").strip()
