"""The assistant has words, in both of its languages, for everything that it shows and that the product may tell it."""

import re
from pathlib import Path
from typing import get_args

import pytest

from rag.answers import Instead, Reason, Silence, Verdict
from rag.pipeline import Stage

WEB = Path(__file__).resolve().parent.parent.parent / "rag" / "web"
WORDS, _, _CODE = (WEB / "i18n.js").read_text(encoding="utf-8").partition("\n};\n")
KEYS = {
    part[:2]: re.findall(r"^    (\w+):", part, re.MULTILINE)
    for part in re.split(r"^  (?=(?:en|es): \{)", WORDS, flags=re.MULTILINE)[1:]
}


def test_both_languages_say_the_same_things_once():
    assert set(KEYS) == {"en", "es"}
    assert KEYS["en"] == KEYS["es"] and len(KEYS["en"]) == len(set(KEYS["en"]))


@pytest.mark.parametrize("file", [*sorted(WEB.glob("*.js")), WEB / "index.html"], ids=lambda file: file.name)
def test_every_word_that_is_used_is_there(file):
    text = file.read_text(encoding="utf-8")
    used = re.findall(r"""\b(?:t|count)\("(\w+)["]|data-t(?:-[\w-]+)?="(\w+)\"""", text)
    assert {one or other for one, other in used} <= set(KEYS["en"])


def test_what_the_product_may_say_of_an_answer_has_words():
    told = (
        {f"why_{reason}" for reason in get_args(Reason)}
        | {f"stage_{stage}" for stage in get_args(Stage)}
        | set(get_args(Verdict))
    )
    told |= {f"{where}_{reason}" for reason in get_args(Silence) for where in ("abstain", "outcome_abstained")}
    told |= {f"outcome_{reason}" for reason in ("answered", *get_args(Instead))}
    assert told <= set(KEYS["en"])
    assert told <= set(KEYS["es"])
