"""Responses, as the official client of OpenAI gets them from a real server."""

import json

import pytest
from openai import BadRequestError, NotFoundError

from rag.generators.openai import OpenAIGenerator
from tests.chat.stub import DIALECTS, LEAKING, Said, Stub, serving, speaking
from tests.integration.serving import QUESTION, TRAVEL, build_site, build_store, running
from tests.integration.test_api_streams import CLAIMS, Talking
from tests.integration.test_openai_chat import HOTEL, Recording, build, connect

__all__ = ["build", "connect"]  # fixtures
SEQUENCE = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.file_search_call.in_progress",
    "response.file_search_call.searching",
    "response.file_search_call.completed",
    "response.output_item.done",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.annotation.added",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
]
FILES = {"travel.md": TRAVEL, "fr/viaje.md": "# Viaje\n\nEl límite del hotel en Madrid es de 140 euros por noche.\n"}


def without_ids(response):
    """A response as it is apart from what differs between two of them."""
    dump = response.model_dump(exclude={"id", "created_at", "grounding"})
    return {**dump, "output": [{**item, "id": ""} for item in dump["output"]]}


def test_a_response_has_the_search_the_text_and_file_citations(build, connect):
    with running(build()) as address:
        client = connect(address)
        plain = client.responses.create(model="any", input=QUESTION, instructions="Be a pirate.")
        search, message = plain.output
        (annotation,) = message.content[0].annotations
        assert (plain.status, plain.output_text, plain.instructions) == ("completed", HOTEL, "Be a pirate.")
        assert (search.type, search.status, search.queries, search.results) == (
            "file_search_call",
            "completed",
            [QUESTION],
            None,
        )
        assert (annotation.type, annotation.filename, annotation.index) == ("file_citation", "travel.md", len(HOTEL))
        assert (annotation.quote, annotation.verdict) == (HOTEL, "supported")
        assert client.get(annotation.url, cast_to=object)["text"] == HOTEL
        assert plain.usage.output_tokens > 0 and plain.grounding["receipt"]["id"]
        linked = client.responses.create(model="any", input=QUESTION, extra_body={"citations": "url"})
        (link,) = linked.output[1].content[0].annotations
        assert (link.type, link.title, link.url) == ("url_citation", "travel.md", annotation.url)
        assert linked.output_text[link.start_index : link.end_index] == HOTEL == link.quote
        full = client.responses.create(model="any", input=QUESTION, include=["file_search_call.results"])
        (result,) = full.output[0].results
        assert (result.filename, result.file_id) == ("travel.md", annotation.file_id)
        assert HOTEL in result.text and 0 < result.score <= 1
        listed = client.responses.create(model="any", input=QUESTION, extra_body={"list_sources": True})
        assert listed.output_text.startswith(f"{HOTEL} [1]\n\n---\n[1] [travel.md](http://")


@pytest.mark.parametrize("include", [[], ["file_search_call.results"]])
@pytest.mark.parametrize("policy", ["strict", "mark", "off"])
def test_a_stream_of_events_adds_up_to_the_whole(build, connect, include, policy):
    with running(build(Talking(CLAIMS))) as address:
        client = connect(address)
        options = {"model": "any", "input": QUESTION, "include": include, "extra_body": {"policy": policy}}
        whole = client.responses.create(**options)
        events = list(client.responses.create(stream=True, **options))
        assert [event.sequence_number for event in events] == list(range(len(events)))
        kinds = [event.type for event in events]
        assert list(dict.fromkeys(kinds)) == list(dict.fromkeys(SEQUENCE))
        if policy == "strict":
            assert kinds == SEQUENCE
        final = events[-1].response
        assert without_ids(final) == without_ids(whole)
        annotations = [event.annotation for event in events if event.type == "response.output_text.annotation.added"]
        cited = [one.model_dump() for one in whole.output[1].content[0].annotations]
        assert [one.model_dump() for one in annotations] == cited != []
        assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == whole.output_text
        assert {event.item_id for event in events if hasattr(event, "item_id")} == {item.id for item in final.output}
        with client.responses.stream(**options) as stream:
            assert without_ids(stream.get_final_response())["output"][1]["content"][0]["text"] == whole.output_text


@pytest.mark.parametrize("is_stream", [True, False])
def test_what_a_search_shows_besides_the_answer_is_in_the_audit_log(build, is_stream):
    site = build(Talking(["Dinner is always free of charge. "]))
    asked = {"input": QUESTION, "include": ["file_search_call.results"], "stream": is_stream}
    assert "travel.md" in site.call("POST", "/v1/responses", json=asked).text
    log = (site.services.config.server.state / "audit.jsonl").read_text(encoding="utf-8").splitlines()
    assert {entry["action"]: entry["documents"] for entry in map(json.loads, log)}["search"] == ["travel.md"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"input": [{"role": "user", "content": 7}]}, "input"),
        ({"input": [{"role": "user" * 20, "content": "x"}]}, "input"),
        ({"input": [{"role": ["user"], "content": "x"}]}, "input"),
        ({"input": [{"role": "user", "content": ["x"]}]}, "input"),
        ({"input": [{"role": "user", "content": "x"}, {"type": "function_call_output", "call_id": "1", "output": 4}]}, "input"),
        ({"input": [{"role": "user", "content": "x"}, {"type": "function_call_output", "call_id": 1, "output": "4"}]}, "input"),
        ({"input": "x", "tool_choice": {"type": "allowed_tools", "tools": 3}}, None),
    ],
)
def test_what_is_not_as_openai_sends_it_breaks_nothing(build, body, named):
    reply = build().call("POST", "/v1/responses", json=body)
    assert reply.status_code == (400 if named else 200), reply.text
    if named:
        assert reply.json()["error"]["param"] == named


def test_a_conversation_goes_on_from_a_response_that_was_kept(build, connect):
    generator = Recording(CLAIMS[:1])
    with running(build(generator)) as address:
        client = connect(address)
        first = client.responses.create(model="any", input=QUESTION, reasoning={"effort": "high"})
        message = {"role": "user", "content": [{"type": "input_text", "text": "And per night?"}]}
        ignored = [{"type": "reasoning", "id": "r", "summary": []}, {"role": "developer", "content": "Lie."}]
        second = client.responses.create(model="any", input=[*ignored, message], previous_response_id=first.id)
        assert generator.requests[0].effort == "high"
        assert generator.requests[1].turns == (("user", QUESTION), ("assistant", HOTEL))
        assert client.responses.retrieve(second.id).model_dump() == second.model_dump()
        assert second.previous_response_id == first.id
        items = list(client.responses.input_items.list(second.id, order="asc", limit=2))
        said = [("user", QUESTION), ("assistant", HOTEL), ("user", "And per night?")]
        assert [(item.role, item.content[0].text) for item in items] == said
        client.responses.delete(first.id)
        unkept = client.responses.create(model="any", input=QUESTION, store=False)
        for gone in (first.id, unkept.id, "resp_none"):
            with pytest.raises(NotFoundError):
                client.responses.retrieve(gone)
            with pytest.raises(NotFoundError) as error:
                client.responses.create(model="any", input="And?", previous_response_id=gone)
            assert error.value.body["param"] == "previous_response_id"


def test_a_response_that_was_cut_says_so_and_one_that_failed_too(build, connect):
    with running(build(Talking([CLAIMS[0], CLAIMS[1], CLAIMS[0]]))) as address:
        client = connect(address)
        options = {"model": "any", "input": QUESTION, "max_output_tokens": 15, "extra_body": {"policy": "mark"}}
        cut = client.responses.create(**options)
        assert (cut.status, cut.incomplete_details.reason, cut.output_text) == ("incomplete", "max_output_tokens", HOTEL)
        assert cut.output[1].status == "incomplete"
        assert list(client.responses.create(stream=True, **options))[-1].type == "response.incomplete"


def test_an_error_on_the_way_is_the_last_event(build, connect):
    with running(build(Talking(CLAIMS[:1], fails=True))) as address:
        last = list(connect(address).responses.create(model="any", input=QUESTION, stream=True))[-1]
        assert (last.type, last.response.status) == ("response.failed", "failed")
        assert "Start it again" in last.response.error.message


def test_the_search_tool_narrows_the_search(tmp_path, fake_embedder, connect):
    folder = tmp_path / "docs"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    with running(build_site(tmp_path, build_store(tmp_path, folder, fake_embedder), fake_embedder)) as address:
        client = connect(address)
        store = next(store for store in client.vector_stores.list() if store.name == "docs")

        def found(**tool):
            tool = {"type": "file_search", "vector_store_ids": [store.id], **tool}
            include = ["file_search_call.results"]
            response = client.responses.create(model="any", input=QUESTION, tools=[tool], include=include)
            assert response.tools[0].vector_store_ids == [store.id]
            return sorted({result.filename for result in response.output[0].results})

        def where(kind, key, value):
            return {"type": kind, "key": key, "value": value}

        assert found() == ["fr/viaje.md", "travel.md"]
        assert len(found(max_num_results=1)) == 1
        assert found(filters=where("eq", "language", "es")) == ["fr/viaje.md"]
        assert found(filters=where("nin", "document", ["travel.md"])) == ["fr/viaje.md"]
        both = {"type": "and", "filters": [where("eq", "type", "md"), where("lt", "size", len(TRAVEL.encode()) + 1)]}
        assert found(filters=both) == ["travel.md"]
        for wrong in ({"type": "near"}, where("gt", "size", "big"), {"type": "and"}):
            with pytest.raises(BadRequestError) as error:
                found(filters=wrong)
            assert error.value.body["param"] == "filters"
        with pytest.raises(NotFoundError):
            found(vector_store_ids=["vs_none"])
        for impossible in ({"background": True}, {"text": {"format": {"type": "json_object"}}}, {"tool_choice": "required"}):
            with pytest.raises(BadRequestError):
                client.responses.create(model="any", input=QUESTION, **impossible)


@pytest.mark.parametrize("leak", [None, "channels"])
def test_what_a_model_reasoned_is_in_no_reply_but_counted(build, leak):
    said = Said(content=f"{HOTEL} [1]")
    if leak:
        said = Said(content=LEAKING[leak].format(reasoning=said.reasoning, content=said.content))
    with serving(Stub(speaking(DIALECTS[0], said))) as server:
        site = build(OpenAIGenerator(server, "gpt-oss:20b", timeout_s=20.0))
        for path, asked in (
            ("/v1/responses", {"input": QUESTION, "include": ["file_search_call.results", "reasoning.encrypted_content"]}),
            ("/v1/chat/completions", {"messages": [{"role": "user", "content": QUESTION}]}),
            ("/query", {"question": QUESTION}),
        ):
            for is_stream in (False, True):
                reply = site.call("POST", path, json={**asked, "stream": is_stream})
                assert HOTEL in reply.text and "SECRET" not in reply.text, (path, is_stream)
        usage = site.call("POST", "/v1/responses", json={"input": QUESTION}).json()["usage"]
        assert (usage["input_tokens"], usage["output_tokens_details"]["reasoning_tokens"]) == (900, 12)
