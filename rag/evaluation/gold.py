"""Gold that cannot be found because it is not there: a document that the store lacks, a place beyond the end of its document.

Such gold counts as missed by every search, so a figure of 0 may say nothing of the search. It knows nothing of figures.
"""

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ingest.documents import Document
from rag.batch import Labelled

_MAX_NAMED = 5


def misplaced_gold(
    questions: Iterable[Labelled], names: Iterable[str], document_of: Callable[[str], Document | None]
) -> dict[str, Any]:
    """What of the gold is not in a store whose documents have these names.

    `not_in_store` has each such document with its number of questions and the nearest name that the store knows, None where
    none is like it; `n_lacking` counts its questions, of `n_with_gold`. `beyond` has gold items beyond their document's end.
    """
    known = set(names)
    strange: Counter[str] = Counter()
    beyond: list[dict[str, Any]] = []
    n_lacking = n_with_gold = 0
    for question in questions:
        gold = question.label["gold"]
        lacking = {item["document"] for item in gold} - known
        outside = [item for item in gold if item["document"] in known and _is_beyond(item, document_of)]
        strange.update(lacking)
        beyond += [{"id": question.job.identity, **item} for item in outside]
        n_lacking += bool(lacking)
        n_with_gold += bool(gold)
    listed = [{"document": name, "n": n} for name, n in strange.most_common()]
    for entry in listed[:_MAX_NAMED]:  # comparing names takes long in a large store, and nobody reads more
        entry["nearest"] = nearest(str(entry["document"]), known)
    return {"n_with_gold": n_with_gold, "n_lacking": n_lacking, "not_in_store": listed, "beyond": beyond}


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like this one: of those with the same file name if there are any, else of all."""
    known = list(known)
    file_name = PurePosixPath(name).name.casefold()
    same = [other for other in known if PurePosixPath(other).name.casefold() == file_name]
    found = difflib.get_close_matches(name, same, n=1, cutoff=0) or difflib.get_close_matches(name, known, n=1)
    return found[0] if found else None


def warnings_of(found: Mapping[str, Any]) -> list[str]:
    """What to tell of misplaced gold, a line each; nothing where all is in its place."""
    told = []
    if strange := found["not_in_store"]:
        told.append(
            f"gold of {found['n_lacking']} of {found['n_with_gold']} questions cannot be found and counts as missed. Not in "
            f"the store: {_listed([_named(entry) for entry in strange])}. Write names as `rag search --json` prints them."
        )
    if beyond := found["beyond"]:
        places = [f"{item['document']}, {_place(item)}" for item in beyond]
        told.append(
            f"{len(beyond)} gold place(s) lie beyond the end of their document and count as missed: {_listed(places)}. "
            "Was the document changed since, or are the positions those of another text?"
        )
    return told


def _is_beyond(item: Mapping[str, Any], document_of: Callable[[str], Document | None]) -> bool:
    start, end, page = item.get("start"), item.get("end"), item.get("page")
    if end is None and page is None:
        return False
    document = document_of(item["document"])
    if document is None:
        return True
    has_page = page is None or any(known.number == page for known in document.pages)
    return not has_page or (start is not None and end is not None and end > len(document.text))


def _named(entry: Mapping[str, Any]) -> str:
    near = entry.get("nearest")
    return f"`{entry['document']}`" + (f" (nearest: `{near}`)" if near else "")


def _place(item: Mapping[str, Any]) -> str:
    return f"page {item['page']}" if item.get("end") is None else f"{item['start']} to {item['end']}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MAX_NAMED
    return "; ".join(names[:_MAX_NAMED]) + (f"; and {more} more" if more > 0 else "")
