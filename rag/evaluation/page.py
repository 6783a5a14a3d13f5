"""A result as one page of HTML that needs nothing else: no script, no request, readable in the dark and on paper.

Everything that comes from files, questions and models is escaped by the template; names of documents may be hostile. The
text of sources is looked up when the page is made, it is not part of a result.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ingest.documents import Document
from rag.batch import LabelledPair
from rag.evaluation.compare import verdict_of
from rag.evaluation.retrieval import KS
from rag.evaluation.rows import Row
from rag.evaluation.table import ON_INTERVALS, headline, warnings_of

Spans = Sequence[tuple[int, int]]
# Gives a document by name, None where there is none.
Read = Callable[[str], Document | None]
# Text with the names of the marks that lie on it.
Segments = list[tuple[str, str]]

_MAX_CASES = 10  # of each kind of failure
_MAX_PASSAGES = 5  # of each case
_MAX_LISTED = 500
_AROUND = 160  # characters of context on each side of cited words
_MAX_SOURCE_CHARS = 1500
_CONTROL = {code: "\ufffd" for code in (*range(32), 127) if chr(code) not in "\t\n\r"}
_MOST_PASSAGES = max(KS)  # the right end of the plot of recall
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 360, 260, 44, 36

_QUESTION_KINDS: dict[str, Callable[[Row], bool]] = {
    "Answered, though the documents do not say": lambda row: row["answerable"] is False and row.get("outcome") == "wrong",
    "Answered wrongly": lambda row: row["answerable"] is True and row.get("outcome") == "wrong",
    "Not answered, though it was found": lambda row: _was_silent(row) and _finest_hit(row) is True,
    "Not answered and not found": lambda row: _was_silent(row) and _finest_hit(row) is False,
    "Not answered": lambda row: _was_silent(row) and _finest_hit(row) is None,
    "Not found": lambda row: "outcome" not in row and _finest_hit(row) is False,
}


def question_page(result: Mapping[str, Any], document_of: Read) -> str:
    """The page of a result over questions; `document_of` gives a document by name, None where there is none."""
    failures = []
    for title, is_of_kind in _QUESTION_KINDS.items():
        rows = sorted((row for row in result["rows"] if is_of_kind(row)), key=lambda row: -row.get("confidence", 0.0))
        failures.append((title, len(rows), [_question_case(row, document_of) for row in rows[:_MAX_CASES]]))
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


def arms_page(result: Mapping[str, Any], document_of: Read) -> str:
    """The page of a result over arms: the worst cases of the last arm, the answers side by side and beside their sources."""
    *earlier, last = result["arms"]
    rows = result["rows"]

    def outcome(row: Row, arm: str) -> str:
        return str(row["arms"][arm]["outcome"])

    kinds = {f"Wrong in {last}": [row for row in rows if outcome(row, last) == "wrong"]}
    for arm in earlier:
        lost = [row for row in rows if outcome(row, arm) == "right" and outcome(row, last) != "right"]
        kinds[f"Right in {arm}, but not in {last}"] = lost
    failures = []
    for title, found in kinds.items():
        found = sorted(found, key=lambda row: -len(row["arms"][last]["unsupported"]))
        failures.append((title, len(found), [_arms_case(row, document_of) for row in found[:_MAX_CASES]]))
    listed = [
        (row["id"], row["question"], ", ".join(outcome(row, arm) for arm in result["arms"]), None) for row in rows[:_MAX_LISTED]
    ]
    return _page(result, failures=failures, listed=listed, risk="")


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
        recall=_recall_lines(result["figures"]),
        bars=_bars(result),
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


def _recall_lines(figures: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How recall grows with the passages that count, at each level: places in the plot, with those of the interval's ends."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for figure in figures:
        level, _, k = figure["metric"].partition(" recall@")
        if figure["part"] == "retrieval" and k.isdigit():
            across = int(k) / _MOST_PASSAGES
            ends = [(across, figure[name] / 100) for name in ("value", "low", "high")]
            (x, y), (_, low), (_, high) = _points(ends)
            lines.setdefault(level, []).append({"k": k, "x": x, "y": y, "low": low, "high": high})
    return [{"level": level, "points": points} for level, points in lines.items()]


def _bars(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What became of the questions in each arm, of those that the documents answer and of the others, as shares in percent."""
    bars = []
    for is_answerable, title in ((True, "answered in the documents"), (False, "not in the documents")):
        rows = [row for row in result["rows"] if row["answerable"] is is_answerable] if result["kind"] == "arms" else []
        for arm in result["arms"] if rows else ():
            outcomes = Counter(row["arms"][arm]["outcome"] for row in rows)
            counts, left = [], 0.0
            for name in ("right", "wrong", "abstained"):
                share = 100 * outcomes[name] / len(rows)
                counts.append({"name": name, "n": outcomes[name], "left": round(left, 2), "width": round(share, 2)})
                left += share
            bars.append({"arm": arm, "of": f"{len(rows)} {title}", "counts": counts})
    return bars


def _was_silent(row: Row) -> bool:
    return bool(row["answerable"]) and row.get("outcome") == "abstained"


def _finest_hit(row: Row) -> bool | None:
    """Whether the first five passages have what was wanted; None where that is not known."""
    found = verdict_of({"values": row["values"]})
    return None if not found else found == "found"


def _question_case(row: Row, document_of: Read) -> dict[str, Any]:
    """One question with what was expected, said, cited and found."""
    answer = row.get("answer", {"text": "", "claims": [], "withheld": [], "reason": None})
    wanted: dict[str, list[tuple[int, int]]] = {}
    for item in row["gold"]:
        if item.get("end") is not None:
            wanted.setdefault(item["document"], []).append((item["start"], item["end"]))
    return {
        "id": row["id"],
        "question": row["question"],
        "turns": row["turns"],
        "expected": row["expected"],
        "gold": [_gold_place(item, wanted, document_of) for item in row["gold"]],
        "answer": answer,
        "confidence": row.get("confidence"),
        "error": row.get("error", ""),
        "claims": [
            (claim, [_cited(citation, wanted, document_of) for citation in claim["citations"]])
            for claim in (*answer["claims"], *answer["withheld"])
        ],
        "passages": [_found(item, {"gold": wanted}, document_of) for item in row.get("passages", ())[:_MAX_PASSAGES]],
    }


def _arms_case(row: Row, document_of: Read) -> dict[str, Any]:
    """One question with the answers of all arms, and the passages with the words that are cited."""
    cited: dict[str, list[tuple[int, int]]] = {}
    for given in row["arms"].values():
        for place in given["citations"]:
            cited.setdefault(place["document"], []).append((place["start"], place["end"]))
    return {**row, "sources": [_found(item, {"cited": cited}, document_of) for item in row["passages"][:_MAX_PASSAGES]]}


def _gold_place(item: Mapping[str, Any], wanted: Mapping[str, Spans], document_of: Read) -> dict[str, Any]:
    """Where the right answer stands: its words where they are known, else how its page or its document begins."""
    if item.get("end") is not None:
        return _place(item, {"gold": wanted[item["document"]]}, document_of, _AROUND)
    document = document_of(item["document"])
    page = next((page for page in document.pages if page.number == item.get("page")), None) if document else None
    if document is None or (item.get("page") is not None and page is None):
        return {**_head(item), "words": []}
    start, end = (page.start, page.end) if page else (0, len(document.text))
    return {**_head(item), "words": segments(document.text, {}, start, min(end, start + _MAX_SOURCE_CHARS))}


def _cited(citation: Mapping[str, Any], wanted: Mapping[str, Spans], document_of: Read) -> dict[str, Any]:
    layers = {"cited": [(citation["start"], citation["end"])], "gold": wanted.get(citation["document"], [])}
    return _place(citation, layers, document_of, _AROUND)


def _found(item: Mapping[str, Any], marks: Mapping[str, Mapping[str, Spans]], document_of: Read) -> dict[str, Any]:
    """A passage that was found; `marks`: spans by document for each layer."""
    return _place(item, {name: spans.get(item["document"], []) for name, spans in marks.items()}, document_of, 0)


def _place(item: Mapping[str, Any], layers: Mapping[str, Spans], document_of: Read, around: int) -> dict[str, Any]:
    """A place in a document with its words, marked, and `around` characters of what stands about it."""
    document = document_of(item["document"])
    start, end = max(0, item["start"] - around), item["end"] + around
    return {**_head(item), "words": segments(document.text, layers, start, end) if document else []}


def _head(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"document": item["document"], "page": item.get("page"), "score": item.get("score")}


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
