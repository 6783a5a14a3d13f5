"""The generator in process without its model: how a run is read, broken off and told of."""

import pytest

from rag.errors import GeneratorUnavailable
from rag.generators import Request
from rag.generators.llamacpp import LlamaCppGenerator
from tests.tinyoss.scenarios import passage

REQUEST = Request("How many days of leave?", [passage("leave.md", 1)], "en")
WORDS = ["Leave ", "is 25 days", " [1]. ", "More ", "of it [1]", "."]


class Server:
    """Gives completions in parts to a function, as llama.cpp in process does, until that returns true."""

    def __init__(self, words, finish="stop", error=None):
        self.words, self.finish, self.error = words, finish, error
        self.n_given = 0
        self.bodies = []

    def handle_chat_completions(self, body, take):
        self.bodies.append(body)
        for word in self.words:
            self.n_given += 1
            if take({"choices": [{"delta": {"content": word}, "finish_reason": None}]}):
                return
        if isinstance(self.error, Exception):
            raise self.error
        if self.error:
            take({"error": {"code": 500, "message": self.error}})
            return
        take({"choices": [{"delta": {}, "finish_reason": self.finish}]})
        take({"choices": [], "usage": {"prompt_tokens": 90, "completion_tokens": 7}})


def generator(*words, **options):
    made = LlamaCppGenerator("m.gguf")
    made._server = Server(words or WORDS, **options)
    return made


def test_pieces_are_whole_sentences_and_join_to_the_draft():
    made = generator()
    *pieces, last = made.stream(REQUEST)
    assert pieces == ["Leave is 25 days [1].", " More of it [1]."]
    assert last.text == "".join(pieces) == made.generate(REQUEST).text
    assert last.account == {"prompt_tokens": 90, "output_tokens": 7, "reasoning_tokens": 0}
    assert generator(finish="length").generate(REQUEST).text == "".join(pieces)
    assert generator(*WORDS[:4], finish="length").generate(REQUEST).text == pieces[0]


def test_whoever_leaves_stops_the_model_and_whoever_forgets_blocks_nobody():
    made = generator(*WORDS[:3], *["word "] * 200_000)
    pieces = made.stream(REQUEST)
    assert next(pieces) == "Leave is 25 days [1]."
    pieces.close()
    assert made._server.n_given < 200_000
    forgotten = made.stream(REQUEST)
    next(forgotten)
    made._server.words = WORDS
    assert made.generate(REQUEST).text.endswith("More of it [1].")


@pytest.mark.parametrize("error", ["slot is gone", RuntimeError("slot is gone")])
def test_a_run_that_fails_is_told_in_its_words(error):
    with pytest.raises(GeneratorUnavailable, match=r"m\.gguf` failed: slot is gone\. .*try another"):
        generator(error=error).generate(REQUEST)
    pieces = generator(error=error).stream(REQUEST)
    assert next(pieces) == "Leave is 25 days [1]."
    with pytest.raises(GeneratorUnavailable, match="slot is gone"):
        list(pieces)


def test_reasoning_that_shows_itself_late_ends_the_stream():
    with pytest.raises(GeneratorUnavailable, match="reasoning"):
        list(generator("SECRET one. ", "SECRET two. ", "</think>", "Answer [1].").stream(REQUEST))


def test_json_is_asked_for_by_its_schema_and_half_of_it_is_none():
    schema = {"type": "object"}
    asked = Request(REQUEST.question, REQUEST.passages, "en", schema=schema)
    made = generator('{"a": "x. y', '"}')
    assert made.generate(asked).text == '{"a": "x. y"}'
    assert made._server.bodies[0]["response_format"]["json_schema"]["schema"] == schema
    with pytest.raises(GeneratorUnavailable, match="max_output_tokens"):
        generator('{"a": "x. y', finish="length").generate(asked)


def test_a_question_is_rewritten_within_a_bound_and_never_by_the_packaged_model():
    made = LlamaCppGenerator("m.gguf", max_output_tokens=4096)
    made._server = Server(["How many days ", "in Spain?"])
    assert made.can_rewrite and not LlamaCppGenerator().can_rewrite
    asked = Request("And in Spain?", (), "en", (("user", "How many days?"),), is_rewrite=True)
    assert made.generate(asked).text == "How many days in Spain?"
    (body,) = made._server.bodies
    assert body["max_tokens"] == 512
    assert "How many days?" in body["messages"][1]["content"] and len(body["messages"]) == 2
