"""What may leave in an answer: addresses that the cited sources contain, and nothing that a reader does not see."""

import pytest

from rag.answers import Passage
from rag.checker.check import Checker
from rag.checker.support import LogisticSupport
from rag.drafts import Desk
from rag.generators import Draft
from rag.outgoing import plain

TEXT = "Employees get 25 days of leave. The form is at https://hr.example.org/leave (see intranet.example.org/help)."
OTHER = "The canteen opens at noon. The menu is at https://food.example.org/menu."
PASSAGES = [Passage(f"c{n}", f"d{n}.md", 0, len(text), text, None, 1.0, n) for n, text in enumerate((TEXT, OTHER), start=1)]


def shown(text):
    desk = Desk(Checker(None, model=LogisticSupport()), PASSAGES)
    reviewed = desk.review(Draft(text))
    assert all(reviewed.text[claim.start : claim.end] == claim.text for claim in reviewed.claims)
    return reviewed.text, [claim.text for claim in reviewed.claims]


@pytest.mark.parametrize(
    ("draft", "text"),
    [
        ("The form is at https://hr.example.org/leave [1].", "The form is at https://hr.example.org/leave."),
        ("See [the form](https://hr.example.org/leave) there [1].", "See [the form](https://hr.example.org/leave) there."),
        ("Help is at intranet.example.org/help [1].", "Help is at intranet.example.org/help."),
        ("Write to hr@example.org by 3.5. or 4/5 [1].", "Write to hr@example.org by 3.5. or 4/5."),
    ],
)
def test_an_address_of_the_cited_source_stays(draft, text):
    assert shown(draft) == (text, [text])


@pytest.mark.parametrize(
    "draft",
    [
        "The form is at https://hr.example.org/leave [2].",
        "The form is at https://hr.example.org/leave.",
        "The form is at https://hr.example.org/leave?q=secret [1].",
        "The form is at https://hr.example.org/lea [1].",
        "The form is at https://hr.example.org [1].",
        "The form is at HTTPS://EVIL.example/x [1].",
        "The form is at (https://evil.example/x) [1].",
        "The form is at [1](https://evil.example/x).",
        "The form is at ![](//evil.example/x) [1].",
        "The form is at ftp://evil.example/x, www.evil.example/y [1].",
    ],
)
def test_any_other_address_goes(draft):
    text, claims = shown(draft)
    assert "example" not in text.lower().replace("(2)", "")
    assert text.startswith("The form is at") and len(claims) == 1


def test_a_claim_that_was_nothing_but_an_address_goes():
    assert shown("https://evil.example/x [1]. Employees get 25 days of leave [1].")[1] == ["Employees get 25 days of leave."]


def test_plain_text_stays_as_it_is():
    text = "Ärzte: 5 < 6 | 7 > 2, 👩\u200d👩, می\u200cخواهم, tab\t, line\nend; <b>bold</b>"
    assert plain(text) == text
    assert plain("a\u200bb<|e\u00adnd|>c\x1b[0m\u202ed\U000e0041") == "ab c[0md"
