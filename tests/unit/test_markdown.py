"""Markdown as a reader sees it: what is not shown is blanks of equal length, front matter tells of the document."""

import pytest

from ingest.loaders import load_bytes


@pytest.mark.parametrize(
    "hidden",
    [
        "<!-- SECRET -->",
        "<!-- SECRET\n```\nSECRET -->",
        '<span style="display:none">SECRET</span>',
        '<div style="display:none">\n\n# SECRET\n\n<div>SECRET</div>\n</div>',
        "<p hidden>SECRET</p>",
        "<font color=white>SECRET</font>",
        "<script>SECRET</script>",
        "\n[//]: # (SECRET)\n",
        '\n[comment]: <> "SECRET"\n',
        "\n[//]: # 'SECRET'\n",
        "".join(chr(0xE0000 + ord(letter)) for letter in "SECRET"),
        "\u200b\u200c\u200d\u2060" * 3,
    ],
)
def test_what_a_reader_of_markdown_does_not_see_is_blank_and_counted(hidden):
    source = f"# Fees\n\nThe fee {hidden} is **30** euros.\n\n## Last\n\nEnd.\n"
    document = load_bytes(source.encode(), "a.md")
    assert "SECRET" not in document.text
    assert not any(ord(character) >= 0xE0000 or character == "\u2060" for character in document.text)
    assert len(document.text) == len(source)
    for word in ("The fee ", " is **30** euros.", "## Last", "End."):
        assert document.text.index(word) == source.index(word)
    assert [document.text[h.start : h.end] for h in document.headings] == ["# Fees", "## Last"]
    assert "characters that a reader does not see" in document.warnings[0]


@pytest.mark.parametrize(
    "seen",
    [
        "Use `<!-- SEEN -->` here.",
        "```html\n<!-- SEEN -->\n<p hidden>SEEN</p>\n```",
        "5 <!- SEEN",
        "text <!-- SEEN",
        '<div style="background:#000"><span style="color:white">SEEN</span></div>',
        '<p align="center"><b class="x">SEEN</b></p>',
        "<!-- --> SEEN",
        "[SEEN]: https://example.org 'Title'",
        "[^1]: # 'SEEN'",
        "a < b, SEEN > c",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f SEEN \U0001f468\u200d\U0001f469",
        "می\u200cخواهم SEEN",
    ],
)
def test_what_a_reader_of_markdown_sees_stays_as_it_is(seen):
    source = f"# Fees\n\n{seen}\n\nEnd.\n"
    document = load_bytes(source.encode(), "a.md")
    assert document.text == source.replace("<!-- -->", " " * 8)


def test_shapeless_characters_are_blank_in_plain_text_too():
    document = load_bytes("Fee 30\U000e0041\U000e0042 euros.".encode(), "a.txt")
    assert document.text == "Fee 30   euros."
    assert document.warnings == ("left out 2 characters that a reader does not see",)


FRONT = """---
title: "Travel: the rules"  
author: Ana Ruiz
date: 2026-03-01
tags: [a, b]
summary: >
  Who pays
  for what.
---

Body text.

Section
---

More.
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_front_matter_tells_title_author_and_date_and_is_no_heading(ends):
    source = FRONT.replace("\n", ends)
    document = load_bytes(source.encode(), "a.md")
    assert document.text == source
    assert document.title == "Travel: the rules"
    assert document.metadata == {"author": "Ana Ruiz", "created": "2026-03-01"}
    assert [(h.level, document.text[h.start : h.end]) for h in document.headings] == [(2, "Section")]


def test_lists_of_authors_are_joined():
    for authors in ("authors: [Ana, 'Bo']", "authors:\n  - Ana\n  - Bo", "authors:\n- name: Ana\n- name: Bo"):
        document = load_bytes(f"---\n{authors}\nupdated: 2026-01-02\n---\n# One\n".encode(), "a.md")
        assert document.metadata == {"author": "Ana, Bo", "modified": "2026-01-02"}
        assert document.title == "One"


@pytest.mark.parametrize(
    "source", ["---\n\nA line.\n\nSection\n---\n", "---\nA sentence\n---\n", "Text\n\n---\ntitle: x\n---\n"]
)
def test_a_line_of_dashes_is_no_front_matter(source):
    document = load_bytes(source.encode(), "a.md")
    assert document.text == source
    assert document.metadata == {}
    assert len(document.headings) == 1
