"""What is printed for people steers no terminal, whether it is a file's name or a document's words."""

from io import StringIO

import pytest
from rich.table import Table
from rich.text import Text

from ingest.terminal import Terminal
from rag.answers import Passage, Place
from rag.display import show_passages

HOSTILE = "a\x1b]0;owned\x07b\x9b2Jc\u202ed\re"


def printed(show, **options):
    out = Terminal(file=StringIO(), width=200, highlight=False, **options)
    show(out)
    return out.file.getvalue()


def table():
    found = Table("name")
    found.add_row(HOSTILE)
    return found


@pytest.mark.parametrize(
    "show",
    [
        lambda out: out.print(Text(HOSTILE, style="bold")),
        lambda out: out.print(HOSTILE, markup=False),
        lambda out: out.print(table()),
        lambda out: show_passages(
            out, [Passage("c", HOSTILE, 0, 9, HOSTILE, 1, 0.5, 1, also=(Place(HOSTILE, None, 0, 9),))]
        ),
    ],
    ids=["text", "words", "table", "passages"],
)
def test_nothing_printed_steers_the_terminal(show):
    said = printed(show)
    assert "owned" in said and not set(said) & set("\x1b\x07\x9b\u202e\r")


def test_colours_are_the_consoles_own():
    assert "\x1b[1m" in printed(lambda out: out.print(Text("x", style="bold")), force_terminal=True)
