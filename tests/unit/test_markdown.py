"""Markdown: front matter tells of the document."""

import pytest

from ingest.loaders import load_bytes

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
