"""Answers as JSON, as the official client of OpenAI parses them into its models."""

import pytest
from openai import BadRequestError
from pydantic import BaseModel

from tests.integration.serving import build_site, build_store, running
from tests.integration.test_openai_chat import connect  # noqa: F401  a fixture
from tests.integration.test_structured import LIMIT, QUESTION, TEXT, Filler

ASKED = [{"role": "user", "content": QUESTION}]


class Travel(BaseModel):
    hotel_limit: str | None
    booked_by: str | None


GOOD = {"answer": {"hotel_limit": LIMIT, "booked_by": "the travel desk"}, "citations": ["[1]"]}
HALF = {"answer": {"hotel_limit": LIMIT, "booked_by": "the finance department"}, "citations": ["[1]"]}
NOTHING = {"answer": None, "citations": []}


@pytest.fixture
def client(tmp_path, fake_embedder, connect):  # noqa: F811
    with_servers = []

    def make(*drafts):
        (tmp_path / "docs").mkdir()
        (tmp_path / "docs" / "travel.md").write_text(TEXT, encoding="utf-8")
        store = build_store(tmp_path, tmp_path / "docs", fake_embedder)
        generator = Filler(*drafts) if drafts else None
        server = running(build_site(tmp_path, store, fake_embedder, generator=generator))
        with_servers.append(server)
        return connect(server.__enter__())

    yield make
    for server in with_servers:
        server.__exit__(None, None, None)


def test_a_completion_is_parsed_and_cites(client):
    completion = client(GOOD).chat.completions.parse(model="any", messages=ASKED, response_format=Travel)
    message = completion.choices[0].message
    assert message.parsed == Travel(hotel_limit=LIMIT, booked_by="the travel desk")
    assert message.refusal is None
    for annotation in message.annotations:
        cited = annotation.url_citation
        assert message.content[cited.start_index : cited.end_index] in (LIMIT, "the travel desk")
        assert TEXT[cited.source_start : cited.source_end] == cited.quote
    assert len(message.annotations) == 2


def test_what_is_not_supported_is_null_whole_and_streamed(client):
    asking = client(HALF)
    completion = asking.chat.completions.parse(model="any", messages=ASKED, response_format=Travel)
    parsed = completion.choices[0].message.parsed
    assert parsed == Travel(hotel_limit=LIMIT, booked_by=None)
    assert [claim["field"] for claim in completion.model_extra["grounding"]["withheld"]] == ["/booked_by"]
    with asking.chat.completions.stream(model="any", messages=ASKED, response_format=Travel) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.parsed == parsed


def test_a_response_is_parsed_whole_and_streamed(client):
    asking = client(GOOD)
    assert asking.responses.parse(model="any", input=QUESTION, text_format=Travel).output_parsed.hotel_limit == LIMIT
    with asking.responses.stream(model="any", input=QUESTION, text_format=Travel) as stream:
        assert stream.get_final_response().output_parsed.booked_by == "the travel desk"


def test_where_the_documents_do_not_say_there_is_a_refusal(client):
    asking = client(NOTHING)
    message = asking.chat.completions.parse(model="any", messages=ASKED, response_format=Travel).choices[0].message
    assert (message.content, message.parsed) == (None, None)
    assert message.refusal
    with asking.responses.stream(model="any", input=QUESTION, text_format=Travel) as stream:
        kinds = [event.type for event in stream]
        part = stream.get_final_response().output[-1].content[0]
    assert (part.type, part.refusal) == ("refusal", message.refusal)
    assert "response.refusal.done" in kinds and "response.output_text.delta" not in kinds


def test_what_holds_no_schema_and_who_writes_no_json_is_refused(client):
    quoting = client()
    for form in ({"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "x"}}):
        with pytest.raises(BadRequestError, match="schema"):
            quoting.chat.completions.create(model="any", messages=ASKED, response_format=form)
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    with pytest.raises(BadRequestError, match="it writes no JSON"):
        quoting.responses.create(
            model="any", input=QUESTION, text={"format": {"type": "json_schema", "name": "x", "schema": schema}}
        )
