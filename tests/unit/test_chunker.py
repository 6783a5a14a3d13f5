import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.chunker import ChunkerSettings, chunk_document, embedded_text, word_starts
from ingest.documents import Document, Heading, Page
from ingest.loaders import load_bytes

SMALL = ChunkerSettings(max_tokens=16, max_words=16, min_tokens=4, max_context_tokens=8)


def chunks_of(text, sizes=SMALL, **fields):
    document = Document("a.md", text, "0" * 64, **fields)
    return chunk_document(document, word_starts, sizes)


@settings(max_examples=200)
@given(
    st.lists(st.text(alphabet="ab .\n|#-é1", max_size=60), max_size=6),
    st.integers(min_value=16, max_value=60),
)
def test_chunks_are_exact_slices_that_cover_the_text_and_stay_on_their_page(texts, size):
    text, pages = "", []
    for number, part in enumerate(texts, start=1):
        pages.append(Page(number, len(text), len(text) + len(part)))
        text += part
    sizes = ChunkerSettings(max_tokens=size, max_words=size, min_tokens=4, max_context_tokens=8)
    document = Document("a.pdf", text, "0" * 64, pages=tuple(page for page in pages if page.start < page.end))
    chunks = chunk_document(document, word_starts, sizes)
    covered = []
    for chunk in chunks:
        assert document.text[chunk.start : chunk.end] == chunk.text
        assert len(word_starts(chunk.text)) <= size
        page = document.pages[[p.number for p in document.pages].index(chunk.page)]
        assert page.start <= chunk.start < chunk.end <= page.end
        covered.extend(range(chunk.start, chunk.end))
    assert len(covered) == len(set(covered)), "no character is in two chunks"
    assert all(text[i].isspace() for i in set(range(len(text))) - set(covered)), "every visible character is in a chunk"
    assert len({chunk.id for chunk in chunks}) == len(chunks)


def test_a_page_that_begins_inside_a_word_is_measured_with_what_is_left_of_the_word():
    text = "aaaa " + "b " * 16
    document = Document("a.pdf", text, "0" * 64, pages=(Page(1, 0, 2), Page(2, 2, len(text))))
    assert all(len(word_starts(chunk.text)) <= 16 for chunk in chunk_document(document, word_starts, SMALL))


def test_ids_depend_on_document_content_and_range_only():
    first, again = chunks_of("One two three."), chunks_of("One two three.")
    assert [c.id for c in first] == [c.id for c in again]
    other = chunk_document(Document("b.md", "One two three.", "0" * 64), word_starts, SMALL)
    assert other[0].id != first[0].id


def test_a_paragraph_that_fits_is_kept_whole_and_a_long_one_is_cut_between_sentences():
    short = "This paragraph is short enough to stay whole."
    long = "The first sentence has some words. The second one has as many words. The third one ends it all."
    texts = [chunk.text for chunk in chunks_of(f"{short}\n\n{long}")]
    assert texts[0] == short
    assert all(text.endswith(".") for text in texts)
    assert len(texts) == 3


def test_no_table_row_is_cut():
    rows = [f"| item {n} | {n * 10} EUR |" for n in range(12)]
    texts = [chunk.text for chunk in chunks_of("\n".join(rows))]
    assert [line for text in texts for line in text.split("\n")] == rows


def test_a_sentence_longer_than_a_chunk_is_cut_at_a_blank():
    texts = [chunk.text for chunk in chunks_of(" ".join(f"w{n}" for n in range(50)))]
    assert " ".join(texts).split() == [f"w{n}" for n in range(50)]


def test_text_without_any_blank_is_still_bounded():
    assert all(len(word_starts(c.text)) <= 16 for c in chunks_of("x.y" * 200))


def test_heading_path_rides_along_and_sections_are_not_mixed():
    document = load_bytes(b"# Handbook\n\n## Leave\n\nYou have days.\n\n## Travel\n\nBook early.\n", "h.md")
    chunks = chunk_document(document, word_starts, ChunkerSettings())
    by_text = {chunk.text.split("\n")[-1]: chunk for chunk in chunks}
    assert by_text["You have days."].context == "Handbook > Leave"
    assert by_text["Book early."].context == "Handbook > Travel"
    assert "Leave" not in by_text["Book early."].text
    assert embedded_text(by_text["Book early."]).startswith("Handbook > Travel\n")


def test_a_long_heading_path_gives_way():
    text = "Title of many words that go on and on and on"
    document = Document("a.md", f"{text}\n\nBody.", "0" * 64, title=text, headings=(Heading(1, 0, len(text)),))
    context = chunk_document(document, word_starts, SMALL)[0].context
    assert 0 < len(word_starts(context)) <= SMALL.max_context_tokens


def test_languages_foreign_to_the_embedder_are_measured_in_words():
    text = " ".join(["palabra"] * 30)
    crumbs = lambda t: list(range(len(t)))  # noqa: E731 - an embedder whose vocabulary knows only letters
    known = chunk_document(Document("a", text, "0" * 64, language="en"), crumbs, SMALL, ("en",))
    foreign = chunk_document(Document("a", text, "0" * 64, language="es"), crumbs, SMALL, ("en",))
    assert len(foreign) == 2
    assert len(known) > 10


def test_languages_without_blanks_are_cut_like_others():
    text = "休暇は年に二十五日です。翌年に繰り越せるのは五日までです。" * 40
    chunks = chunk_document(Document("a", text, "0" * 64, language="ja"), word_starts, ChunkerSettings(), ("en",))
    assert 150 < max(len(chunk.text) for chunk in chunks) <= 480
    assert "".join(chunk.text for chunk in chunks) == text


@pytest.mark.parametrize("language", ["en", "nl"])
def test_a_word_without_end_is_cut(language):
    text = f"Key: {'abcdefghij' * 2000} and more."
    one_token_a_word = lambda t: [m.start() for m in re.finditer(r"\w+|[^\w\s]", t)]  # noqa: E731 - as word pieces above a length
    chunks = chunk_document(Document("a", text, "0" * 64, language=language), one_token_a_word, ChunkerSettings(), ("en",))
    assert max(len(chunk.text) for chunk in chunks) <= 2000
    assert "".join(chunk.text for chunk in chunks).replace(" ", "") == text.replace(" ", "")


def test_long_words_of_a_language_are_words():
    assert len(word_starts("Rechtsschutzversicherungsgesellschaften zahlen")) == 2


@pytest.mark.parametrize("text", ["", " \n\n ", "\n"])
def test_nothing_gives_no_chunks(text):
    assert chunks_of(text) == []


COLUMNS = ["Article", "Price in EUR"]
MARKDOWN = (
    "# Prices\n\n| Article | Price in EUR |\n|---|--:|\n" + "".join(f"| Dock {n} | {n}.50 |\n" for n in range(30)) + "\nEnd.\n"
)
PAGE = (
    "<h1>Prices</h1><table><thead><tr><th>Article</th><th>Price in EUR</th></tr></thead>"
    + "".join(f"<tr><td>Dock {n}</td><td>{n}.50</td></tr>" for n in range(30))
    + "</table><p>End.</p>"
)


@pytest.mark.parametrize(
    ("name", "source"), [("a.md", MARKDOWN), ("crlf.md", MARKDOWN.replace("\n", "\r\n")), ("a.html", PAGE)]
)
def test_every_piece_of_a_table_knows_its_columns(name, source):
    sizes = ChunkerSettings(max_tokens=40, max_words=40, min_tokens=4, max_context_tokens=24)
    document = load_bytes(source.encode(), name)
    chunks = chunk_document(document, word_starts, sizes)
    assert all(document.text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    rows = [chunk for chunk in chunks if "Dock" in chunk.text]
    assert len(rows) > 3
    assert all("Article | Price in EUR" in chunk.text or chunk.context == "Prices > Article | Price in EUR" for chunk in rows)
    assert "Price in EUR" not in chunks[-1].context


def test_columns_leave_the_context_within_its_bounds():
    header = " | ".join(f"Column {n}" for n in range(30))
    line = " | ".join("x" * 30)
    document = load_bytes(f"# Wide\n\n| {header} |\n{'|-' * 30}|\n| {line} |\n| {line} |\n".encode(), "a.md")
    for chunk in chunk_document(document, word_starts, SMALL):
        assert len(word_starts(chunk.context)) <= SMALL.max_context_tokens
