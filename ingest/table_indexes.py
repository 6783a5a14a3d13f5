"""Indexes of the table of chunks: of its index terms for the text search, and of its identities once it is large."""

from typing import Any

INDEXED_FROM = 20_000  # chunks; with fewer, reading a whole column is as quick as an index (data/results/README.md)


def add_indexes(chunks: Any, *, anew: bool) -> None:
    """Make the indexes that the table of chunks lacks, or all of them where some are damaged.

    Rows that come later are looked through until the next `finish`.
    """
    from lancedb.index import BTree

    n_rows = chunks.count_rows()
    wanted: dict[str, Any] = {"terms": _text_index()} if n_rows else {}
    if n_rows >= INDEXED_FROM:
        wanted |= dict.fromkeys(("id", "edition", "digest"), BTree())
    there = {column for index in chunks.list_indices() for column in index.columns}
    if anew or ("terms" in there and not _can_search(chunks)):
        there = set()
    for column, kind in wanted.items():
        if column not in there:
            chunks.create_index(column, config=kind)


def _can_search(chunks: Any) -> bool:
    """False where the text index cannot be read."""
    from lancedb.query import MatchQuery

    try:
        some = chunks.search().select(["terms"]).limit(1).to_arrow()["terms"].to_pylist()
        for words in some:
            chunks.search(MatchQuery(words, "terms"), query_type="fts").select(["id", "_score"]).limit(1).to_arrow()
    except (OSError, RuntimeError, ValueError):
        return False
    return True


def _text_index() -> Any:
    """Terms are analysed by `ingest.analysis`, one language at a time; the index only splits at blanks."""
    from lancedb.index import FTS

    return FTS(
        base_tokenizer="whitespace",
        lower_case=False,
        stem=False,
        remove_stop_words=False,
        ascii_folding=False,
        max_token_length=None,
        with_position=False,
    )
