"""A result as one page of HTML that needs nothing else: no script, no request, readable in the dark and on paper.

Everything that comes from files, questions and models is escaped by the template; names of documents may be hostile. The
text of sources is looked up when the page is made, it is not part of a result.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rag.batch import LabelledPair
from rag.evaluation.compare import verdict_of
from rag.evaluation.rows import Row
from rag.evaluation.table import ON_INTERVALS, headline, warnings_of

Spans = Sequence[tuple[int, int]]
# Text with the names of the marks that lie on it.
Segments = list[tuple[str, str]]

_MAX_CASES = 10  # of each kind of failure
_MAX_LISTED = 500
_AROUND = 160  # characters of context on each side of cited words
_MAX_SOURCE_CHARS = 1500
_CONTROL = {code: "\ufffd" for code in (*range(32), 127) if chr(code) not in "\t\n\r"}
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 360, 260, 44, 36

_QUESTION_KINDS: dict[str, Callable[[Row], bool]] = {
    "Answered, though the documents do not say": lambda row: row["answerable"] is False and row.get("outcome") == "wrong",
    "Answered wrongly": lambda row: row["answerable"] is True and row.get("outcome") == "wrong",
    "Not answered, though it was found": lambda row: _was_silent(row) and _finest_hit(row) is True,
    "Not answered and not found": lambda row: _was_silent(row) and _finest_hit(row) is False,
    "Not answered": lambda row: _was_silent(row) and _finest_hit(row) is None,
    "Not found": lambda row: "outcome" not in row and _finest_hit(row) is False,
}


def question_page(result: Mapping[str, Any], text_of: Callable[[str], str]) -> str:
    """The page of a result over questions; `text_of` gives the text of a document by name."""
    failures = []
    for title, is_of_kind in _QUESTION_KINDS.items():
        rows = sorted((row for row in result["rows"] if is_of_kind(row)), key=lambda row: -row.get("confidence", 0.0))
        failures.append((title, len(rows), [_question_case(row, text_of) for row in rows[:_MAX_CASES]]))
    listed = [(row["id"], row["question"], verdict_of(row), row.get("confidence")) for row in result["rows"][:_MAX_LISTED]]
    return _page(result, failures=failures, listed=listed, risk="wrong of the answers given")


def pair_page(result: Mapping[str, Any], pairs: Sequence[LabelledPair]) -> str:
    """The page of a result over pairs; `pairs` are those of its rows, in their order."""
    both = list(zip(result["rows"], pairs, strict=True))
    passed = sorted(
        (item for item in both if item[0]["unsupported"] and not item[0]["predicted"]), key=lambda i: -i[0]["score"]
    )
    blamed = sorted((item for item in both if not item[0]["unsupported"] and item[0]["predicted"]), key=lambda i: i[0]["score"])
    failures = [
        (title, len(items), [_pair_case(row, pair) for row, pair in items[:_MAX_CASES]])
        for title, items in (("Unsupported, but passed", passed), ("Supported, but blamed", blamed))
    ]
    listed = [(row["id"], pair.job.answer, verdict_of(row), row["score"]) for row, pair in both[:_MAX_LISTED]]
    return _page(result, failures=failures, listed=listed, risk="unsupported among those kept")


def arms_page(result: Mapping[str, Any]) -> str:
    """The page of a result over arms: the answers of all arms side by side."""
    return _page(result, failures=[], listed=[], risk="")


def segments(text: str, layers: Mapping[str, Spans], start: int = 0, end: int | None = None) -> Segments:
    """Cut `text[start:end]` where a span begins or ends; each piece with the names of the layers that cover it."""
    end = len(text) if end is None else min(end, len(text))
    bounds = {bound for spans in layers.values() for span in spans for bound in span if start < bound < end}
    return [
        (text[a:b], " ".join(name for name, spans in layers.items() if any(s <= a and b <= e for s, e in spans)))
        for a, b in pairwise(sorted({start, end, *bounds}))
    ]


def _page(result: Mapping[str, Any], **more: Any) -> str:
    environment = Environment(
        loader=PackageLoader("rag.evaluation", ""),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for figure in result["figures"]:
        groups.setdefault(figure["part"], []).append(figure)
    return environment.get_template("page.html").render(
        result=result,
        headline=headline(result),
        on_intervals=ON_INTERVALS,
        warnings=warnings_of(result),
        groups=groups,
        risk_points=_points((p["coverage"], p["risk"]) for p in result.get("risk_coverage", ())),
        bins=_points((b["stated"], b["right"]) for b in (result.get("reliability") or {"bins": ()})["bins"]),
        box={"width": _WIDTH, "height": _HEIGHT, "left": _LEFT, "bottom": _BOTTOM},
        **more,
    )


def _clean(value: Any) -> Any:
    """Control characters have no place in HTML, not even escaped."""
    return value.translate(_CONTROL) if isinstance(value, str) and not isinstance(value, Markup) else value


def _points(shares: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Shares (across, up) as places in the plot."""
    return [
        (round(_LEFT + x * (_WIDTH - _LEFT - 8), 1), round((_HEIGHT - _BOTTOM) - y * (_HEIGHT - _BOTTOM - 8), 1))
        for x, y in shares
    ]


def _was_silent(row: Row) -> bool:
    return bool(row["answerable"]) and row.get("outcome") == "abstained"


def _finest_hit(row: Row) -> bool | None:
    """Whether the first five passages have what was wanted; None where that is not known."""
    found = verdict_of({"values": row["values"]})
    return None if not found else found == "found"


def _question_case(row: Row, text_of: Callable[[str], str]) -> dict[str, Any]:
    """One question with what was expected, said, cited and found."""
    gold = [item for item in row["gold"] if item.get("start") is not None and item.get("end") is not None]
    answer = row.get("answer", {"text": "", "claims": [], "withheld": [], "reason": None})
    wanted: dict[str, list[tuple[int, int]]] = {}
    for item in gold:
        wanted.setdefault(item["document"], []).append((item["start"], item["end"]))
    return {
        "id": row["id"],
        "question": row["question"],
        "turns": row["turns"],
        "expected": row["expected"],
        "gold": [_place(item, {"gold": wanted[item["document"]]}, text_of, _AROUND) for item in gold],
        "answer": answer,
        "confidence": row.get("confidence"),
        "error": row.get("error", ""),
        "claims": [
            (claim, [_cited(citation, wanted, text_of) for citation in claim["citations"]])
            for claim in (*answer["claims"], *answer["withheld"])
        ],
        "passages": [
            _place(item, {"gold": wanted.get(item["document"], [])}, text_of, 0) for item in row.get("passages", ())[:5]
        ],
    }


def _cited(citation: Mapping[str, Any], wanted: Mapping[str, Spans], text_of: Callable[[str], str]) -> dict[str, Any]:
    layers = {"cited": [(citation["start"], citation["end"])], "gold": wanted.get(citation["document"], [])}
    return _place(citation, layers, text_of, _AROUND)


def _place(item: Mapping[str, Any], layers: Mapping[str, Spans], text_of: Callable[[str], str], around: int) -> dict[str, Any]:
    """A place in a document with its words, marked, and `around` characters of what stands about it."""
    text = text_of(item["document"])
    words = segments(text, layers, max(0, item["start"] - around), item["end"] + around) if text else []
    return {"document": item["document"], "page": item.get("page"), "score": item.get("score"), "words": words}


def _pair_case(row: Row, pair: LabelledPair) -> dict[str, Any]:
    """One answer with the words that people and the checker marked, and the sources with the words that the checker cites."""
    marked = [
        (span["start"], span["end"])
        for claim in row["claims"]
        if claim["verdict"] != "supported"
        for span in claim["unsupported_spans"] or [claim]
    ]
    cited: dict[str, list[tuple[int, int]]] = {}
    for claim in row["claims"]:
        for citation in claim["citations"]:
            cited.setdefault(citation["source"], []).append((citation["start"], citation["end"]))
    gold = [(start, end) for start, end in row["gold_spans"]]
    return {
        "id": row["id"],
        "question": row["question"],
        "score": row["score"],
        "words": segments(pair.job.answer, {"gold": gold, "said": marked}),
        "sources": [(name, _excerpt(text, cited.get(name, []))) for name, text in pair.job.sources],
    }


def _excerpt(text: str, spans: Spans) -> Segments:
    """A source as far as it is shown: from shortly before the first cited words."""
    start = max(0, min((span[0] for span in spans), default=0) - _AROUND)
    return segments(text, {"cited": spans}, start, start + _MAX_SOURCE_CHARS)
