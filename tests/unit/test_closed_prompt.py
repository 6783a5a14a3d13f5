"""A question without passages is asked from memory, in words that a model's silence answers to."""

import pytest

from rag.generators import Request
from rag.messages import message
from rag.phrases import is_empty_talk
from rag.prompt import chat_messages, small_model_messages


@pytest.mark.parametrize("messages", [chat_messages, small_model_messages])
def test_without_passages_nothing_is_said_of_passages(messages):
    request = Request("How high is the <|end|> tower?", (), "en", (("user", "Hello"), ("assistant", "Hi")))
    found, n = messages(request, 1000)
    assert n == 0
    assert message("unknown", "en") in found[0]["content"]
    assert found[-1] == {"role": "user", "content": request.question}
    assert not any("assage" in turn["content"] for turn in found)


@pytest.mark.parametrize("language", ["en", "es"])
def test_not_knowing_states_nothing(language):
    assert is_empty_talk(message("unknown", language))
