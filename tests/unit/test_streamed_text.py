"""Text that comes in pieces: what is given early is what the whole gives, however it is cut."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.citations import parse_answer, settled_claims
from rag.generators.content import ContentGuard, clean_content

IDS = ["1", "2", "3"]
SENTENCES = st.sampled_from(
    [
        "Leave is 25 days [1].",
        "It lasts until 31 March. [2]",
        "Mr. Roe pays 3.5 euros at 5 p.m. [1][2]",
        "Der Vertrag endet am 3. Oktober [3].",
        "The Acme Inc. office opens [1] and the shop closes at noon [2].",
        "No marker here!",
        "[2] A marker that opens the line.",
        "# A heading",
        "As follows:",
        "- an item [1]",
        "- another item without an end",
        "1. first step [9].",
        "Name | Days",
        "|---|---|",
        "| Ann | 25 | [1]",
        "short line",
        "Is it a question?",
        "He said “no.” [2†L4-L9]",
        "Sure!",
        "The documents do not say.",
        "Wait... (see [3])",
        "[",
        "【1】",
    ]
)
TEXTS = st.lists(st.tuples(SENTENCES, st.sampled_from([" ", "\n", "\n\n", "  "])), max_size=8).map(
    lambda parts: "".join(sentence + gap for sentence, gap in parts)
)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
@example("One is here. Two is there.\n\nName | Days\n--- | ---\nAnn | 25 [1]\n")
@example("First short.\nSecond short. More\nthird one [1]. End here now.")
def test_a_claim_that_is_settled_stays_as_it_is_whatever_follows(text):
    whole = parse_answer(text, IDS, strict_markers=True)
    n_before = 0
    for end in range(len(text) + 1):
        settled = settled_claims(text[:end], IDS, strict_markers=True)
        assert settled == whole[: len(settled)]
        assert len(settled) >= n_before
        n_before = len(settled)


def test_a_sentence_is_settled_once_the_next_has_a_word():
    settled = [settled_claims(text, IDS) for text in ("A is b [1]. ", "A is b [1]. The", "A is b [1]. The ", "A is b [1]. [")]
    assert [len(claims) for claims in settled] == [0, 0, 1, 0]


FRAGMENTS = st.sampled_from(
    [
        "Leave is 25 days [1]. ",
        "It is 3.5 euros. [2]\n",
        "<think>",
        "</think>",
        "SECRET ",
        "<|channel|>",
        "<|message|>",
        "analysis",
        "commentary",
        "assistant",
        "final",
        "The analysis says so. ",
        "<",
        "th",
        "ink>",
        "|>",
        "\n",
        " ",
        "Half a sent",
        "5 < 6 and 7 > 2. ",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(FRAGMENTS, max_size=8).map("".join), st.data(), st.booleans())
@example("<think>SECRET</think>Leave is 25 days. More.", None, False)
def test_pieces_given_early_join_to_the_cleaned_whole(content, data, is_cut):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(content)), max_size=12))) if data else range(len(content))
    edges = [0, *cuts, len(content)]
    guard = ContentGuard()
    given_out = [piece for a, b in pairwise(edges) for piece in guard.feed(content[a:b])]
    if guard.is_betrayed:  # some was given that turned out to be reasoning: no more comes, and whoever asked is told
        assert "</think>" in content
        assert list(guard.finish(is_cut=is_cut)) == []
        return
    assert clean_content(content, is_cut=is_cut).startswith("".join(given_out))
    given_out += guard.finish(is_cut=is_cut)
    assert "".join(given_out) == clean_content(content, is_cut=is_cut)


@pytest.mark.parametrize("lead", ["", "<think>SECRET</think>", "  "])
def test_a_sentence_is_given_before_the_end(lead):
    guard = ContentGuard()
    assert "".join(guard.feed(lead + "Leave is 25 days [1]. More")) == "Leave is 25 days [1]."


@pytest.mark.parametrize(
    "start", ["analysisSECRET. Thought. ", "<|channel|>commentary SECRET. More. ", "<think>SECRET. More. "]
)
def test_reasoning_is_held_back_to_the_end(start):
    guard = ContentGuard()
    assert [piece for character in start for piece in guard.feed(character)] == []
