"""Data as evidence: every member is found, shown and cited as it stands, and read in words."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rag.checker.check import Checker, check_answer
from rag.checker.evidence import Evidence, Source
from rag.checker.records import in_words, is_data, members
from rag.checker.selection import select_sentences
from rag.checker.support import Alignment, LogisticSupport

PLACE = {
    "name": "The Lantern",
    "city": "Almere",
    "hours": {"Monday": "0:0-0:0", "Tuesday": "8:0-14:0", "Wednesday": "8:0-14:0"},
    "attributes": {"OutdoorSeating": True, "WiFi": "no", "good_for_groups": False, "Music": None},
    "reviews": [{"stars": 5.0, "text": "We loved the soup. The owner is kind."}, {"stars": 2.0, "text": "Too loud."}],
}


def _members(text: str) -> list[str]:
    return [text[start:end] for start, end in Source(text).spans]


def test_members_of_json_are_statements_of_their_own() -> None:
    assert _members(json.dumps(PLACE)) == [
        '"name": "The Lantern"',
        '"city": "Almere"',
        '"hours": {"Monday": "0:0-0:0", "Tuesday": "8:0-14:0", "Wednesday": "8:0-14:0"}',
        '"attributes": {"OutdoorSeating": true, "WiFi": "no", "good_for_groups": false, "Music": null}',
        '"reviews":',
        '"stars": 5.0',
        '"text": "We loved the soup.',
        'The owner is kind."',
        '"stars": 2.0',
        '"text": "Too loud."',
    ]


def test_a_python_literal_is_cut_alike() -> None:
    assert [text.replace("'", '"') for text in _members(repr(PLACE))] == [
        text.replace("true", "True").replace("false", "False").replace("null", "None") for text in _members(json.dumps(PLACE))
    ]


def test_members_are_read_in_words() -> None:
    said = in_words('"attributes": {"OutdoorSeating": true, "WiFi": "no", "good_for_groups": false, "Music": null}')
    assert said == "attributes: Outdoor Seating: yes, WiFi: no, good for groups: no, Music: not stated"
    assert in_words("'hours': {'Tuesday': '8:0-14:30'") == "hours: Tuesday: 8:00-14:30"


def test_prose_is_no_data() -> None:
    prose = 'She said "never": nobody believed her. The sign "open" was lit: at 8:0 it went out.'
    assert not is_data(prose)
    assert in_words("The fee {2024} is 30 euros.") == "The fee {2024} is 30 euros."


def test_what_is_said_of_the_last_member_reaches_a_reading_model() -> None:
    many = {f"field_{number}": f"value {number} of the long record" for number in range(80)} | {"OutdoorSeating": False}
    alignment = Alignment("The place has outdoor seating.", Evidence([Source(json.dumps(many))]))
    chosen = select_sentences(alignment, lambda text: len(text.split()), 40)
    assert any("OutdoorSeating" in alignment.evidence.text(number) for number in chosen)


def test_a_claim_cites_the_member_that_it_stands_on() -> None:
    text = json.dumps(PLACE)
    result = check_answer("The Lantern is in Almere and has outdoor seating.", [("r", text)], Checker(model=LogisticSupport()))
    quotes = [citation["quote"] for claim in result["claims"] for citation in claim["citations"]]
    assert quotes
    assert all(len(quote) < 120 for quote in quotes)
    assert all(text[c["start"] : c["end"]] == c["quote"] for claim in result["claims"] for c in claim["citations"])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=30),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=5),
        max_leaves=20,
    )
)
def test_members_lie_in_the_text_in_order_and_lose_only_marks(value: object) -> None:
    text = json.dumps(value)
    spans = list(members(text, 0, len(text)))
    assert all(start < end for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    left = list(text)
    for start, end in spans:
        left[start:end] = " " * (end - start)
    assert set("".join(left)) <= set(" ,{}[]\t\r\n")
