"""Traces: what the spans of a request tell and what they never tell, with the exporters of OpenTelemetry's own SDK."""

import json
import logging
import sys
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from rag.api.app import build_app
from rag.api.spans import Spans, spans_of_environment
from tests.integration.serving import QUESTION, TRAVEL, Site, build_site, build_store

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    from tests.conftest import FakeEmbedder

    root = tmp_path_factory.mktemp("spans")
    (root / "docs").mkdir()
    (root / "docs" / "travel.md").write_text(TRAVEL, encoding="utf-8")
    return build_store(root, root / "docs", FakeEmbedder())


@pytest.fixture
def trace(store, tmp_path, fake_embedder):
    def build(exporter=None, *, with_questions=False):
        exporter = exporter or InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        site = build_site(tmp_path, store, fake_embedder)
        services = replace(site.services, spans=Spans(provider, with_questions=with_questions))
        return Site(build_app(services), services), exporter

    return build


def by_name(exporter):
    return {span.name: span for span in exporter.get_finished_spans()}


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_request_is_a_span_with_its_stages_below_it(trace, is_streamed):
    site, exporter = trace()
    headers = {"X-Request-ID": "mine-1", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    body = {"question": QUESTION, "stream": is_streamed}
    assert site.call("POST", "/query", json=body, headers=headers).status_code == 200
    spans = by_name(exporter)
    whole = spans["POST /query"]
    assert (whole.kind, f"{whole.context.trace_id:032x}") == (SpanKind.SERVER, TRACE)
    told = {name: whole.attributes[name] for name in ("rag.request_id", "rag.abstained", "rag.n_claims", "rag.reason")}
    assert told == {"rag.request_id": "mine-1", "rag.abstained": False, "rag.n_claims": 1, "rag.reason": ""}
    assert whole.attributes["http.response.status_code"] == 200
    for stage in ("retrieve", "generate", "check"):
        assert spans[stage].parent.span_id == whole.context.span_id
        assert whole.start_time <= spans[stage].start_time <= spans[stage].end_time


def test_no_span_tells_a_question_a_document_or_an_answer(trace):
    site, exporter = trace()
    site.call("POST", "/query", json={"question": QUESTION})
    site.call("POST", "/v1/chat/completions", json={"messages": [{"role": "user", "content": QUESTION}]})
    site.call("GET", "/documents/text", params={"document": "travel.md"})
    site.call("GET", "/healthz")
    spans = exporter.get_finished_spans()
    assert {span.name for span in spans} >= {"POST /query", "POST /v1/chat/completions", "GET /documents/text"}
    assert not any("healthz" in span.name for span in spans)
    everything = " ".join(span.to_json() for span in spans)
    assert not any(word in everything for word in ("Madrid", "travel", "euros", "hotel"))


def test_a_question_is_told_where_questions_are_logged_and_an_abstention_says_why(trace):
    site, exporter = trace(with_questions=True)
    site.call("POST", "/query", json={"question": "Who was the first emperor?"})
    told = by_name(exporter)["POST /query"].attributes
    assert (told["rag.question"], told["rag.abstained"]) == ("Who was the first emperor?", True)
    assert told["rag.reason"] in ("no_evidence", "low_confidence")


def test_an_error_is_marked_and_a_refusal_is_none(trace, monkeypatch):
    site, exporter = trace()
    assert site.call("POST", "/query", json={"question": "?"}).status_code == 422
    monkeypatch.setattr(type(site.services.engine.retriever), "search", lambda *_: 1 / 0)
    assert site.call("POST", "/search", json={"question": QUESTION}).status_code == 500
    spans = by_name(exporter)
    assert spans["POST /query"].status.status_code == StatusCode.UNSET
    assert spans["POST /search"].status.status_code == StatusCode.ERROR


def test_an_exporter_that_fails_harms_no_answer(trace):
    class Broken(SpanExporter):
        def export(self, spans):
            raise RuntimeError("it is broken")

    site, _ = trace(Broken())
    assert site.call("POST", "/query", json={"question": QUESTION}).json()["abstained"] is False


def test_without_an_endpoint_there_are_no_traces_and_what_cannot_be_sent_is_told(monkeypatch, capsys):
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    assert spans_of_environment(with_questions=False)._provider is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    assert spans_of_environment(with_questions=False)._provider is None
    assert "http/protobuf" in capsys.readouterr().err
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_PROTOCOL")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    assert spans_of_environment(with_questions=False)._provider is None
    assert "grounded-rag[otel]" in capsys.readouterr().err
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert spans_of_environment(with_questions=False)._provider is None
    assert capsys.readouterr().err == ""


def test_spans_go_to_the_endpoint_that_the_environment_names(monkeypatch, caplog):
    from tests.chat.stub import send, serving

    came = []

    def collect(handler):
        came.append((handler.path, handler.rfile.read(int(handler.headers["content-length"]))))
        send(handler, 200, json.dumps({}))

    with serving(collect) as address:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address.removesuffix("/v1"))
        spans = spans_of_environment(with_questions=False)
        spans.begin("mine-2", {}).end("GET", "/status", 200)
        with caplog.at_level(logging.WARNING):
            spans.close()
    ((path, sent),) = came
    assert path == "/v1/traces"
    assert all(word in sent for word in (b"grounded-rag", b"GET /status", b"mine-2"))
    assert not caplog.records
