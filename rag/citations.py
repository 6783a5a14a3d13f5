"""Take an answer apart into claims: which sentences state something, where they stand, and which markers belong to them.

Pure text work. It does not know the sources behind the ids, does not check anything, and cannot tell a true sentence from
a false one. When in doubt a sentence is a claim, because a claim is checked and anything else is not.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ingest.sentences import last_block, sentence_spans, trim
from rag.phrases import is_empty_talk, leans_on_context

_BRACKET = re.compile(r"\[([^\[\]【】\n]{1,300})\]|【([^\[\]【】\n]{1,300})】")
_BULLET = re.compile(r"(?:[-*•–·▪>]|\d{1,3}[.)]|[a-z]\))\s+")
# The number of an empty list item, unless it is all that is said.
_ENUMERATOR = re.compile(r"\(?\d{1,3}[.)]")
_RULE_ROW = re.compile(r"^[\s|:\-–—=+]+$")
_WORD = re.compile(r"\w+(?:[-'’.,]\w+)*")
# What may join two clauses of one sentence; it belongs to neither.
_JOINT = re.compile(
    r"[\s,;:.–—]*(?:(?:and|but|while|whereas|or|y|e|pero|mientras que|mientras|und|aber|während|et|mais|tandis que)\b\s*)?",
    re.I,
)
_MIN_CLAUSE_WORDS = 3
_OPEN_BRACKET = re.compile(r"[\[【][^\[\]【】\n]{0,300}\Z")
_WHOLE_WORD = re.compile(r"\w\S*\s")


class LineMarkers(Collection[str]):
    """Ids of an answer that cites lines of what was displayed, as gpt-oss was trained to: `【0†L4-L7】`.

    With these ids a marker with a dagger names its lines or nothing, never the source whose number stands before the dagger,
    and everything in `【】` is a marker.
    """


@dataclass(frozen=True)
class DraftClaim:
    """One statement of an answer before it is checked; `text` is the answer's `[start, end)`.

    `markers` are ids in the order of their first mention, `unresolved` numbers that look like markers but name nothing.
    `context` is the sentence without which the claim cannot be understood, or "".
    """

    text: str
    start: int
    end: int
    markers: tuple[str, ...] = ()
    context: str = ""
    unresolved: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Marker:
    start: int
    end: int
    ids: tuple[str, ...]
    unresolved: tuple[str, ...]


def parse_answer(text: str, ids: Collection[str], *, strict_markers: bool = False) -> tuple[DraftClaim, ...]:
    """Claims of `text` in order, without overlap. A bracket is a marker only if everything in it is one of `ids`.

    `strict_markers` is for generated answers whose sources are numbered: there `[7]` is a marker even if no source has
    that number, and is reported as unresolved. A marker after a full stop belongs to the sentence before it.
    """
    markers = _markers(text, ids, strict_markers)
    masked = _masked(text, markers)
    sentences = sentence_spans(masked)
    owned = _owners(masked, sentences, markers)
    claims: list[DraftClaim] = []
    previous = lead_in = header = ""
    for index, (start, end) in enumerate(sentences):
        sentence = masked[start:end]
        is_row = sentence.count("|") >= 2 or " | " in sentence
        if _RULE_ROW.match(sentence):
            continue
        if is_row and index + 1 < len(sentences) and _RULE_ROW.match(masked[slice(*sentences[index + 1])]):
            header = _plain(sentence)
            continue
        header = header if is_row else ""
        body, stop = _body(masked, start, end)
        is_item = body > start and not is_row
        is_number = bool(_ENUMERATOR.fullmatch(masked[body:stop].strip())) and (body > start or len(sentences) > 1)
        if is_number or not _is_claim(masked[start:end], masked[body:stop]):
            lead_in = _plain(sentence) if sentence.rstrip("*_ ").endswith(":") else lead_in if is_item else ""
            previous = _plain(masked[body:stop]) if not is_empty_talk(masked[body:stop]) else previous
            continue
        lead_in = lead_in if is_item else ""
        plain = _plain(masked[body:stop])
        leaning = header or lead_in or (previous if leans_on_context(plain) else "")
        claims.extend(_clauses(text, masked, body, stop, owned[index], leaning))
        previous = plain
    return tuple(claims)


def settled_claims(text: str, ids: Collection[str], *, strict_markers: bool = False) -> tuple[DraftClaim, ...]:
    """The first claims of a text that is still being written: those that no words to come can change.

    A claim is settled when a whole word of the next sentence is there. Where a paragraph has several lines, those after the
    first settle only with the paragraph: its later lines decide whether it is prose or a table.
    """
    open_bracket = _OPEN_BRACKET.search(text)  # it may become a marker of the sentence before it
    text = text[: open_bracket.start()] if open_bracket else text
    masked = _masked(text, _markers(text, ids, strict_markers))
    starts = [start for start, _ in sentence_spans(masked) if _WHOLE_WORD.search(masked, start)]
    line_end = masked.find("\n", last_block(masked))
    starts = [start for start in starts if start < line_end] if line_end >= 0 else starts
    boundary = starts[-1] if starts else 0
    if len(starts) > 1 and "|" in masked[starts[-2] : boundary]:
        boundary = starts[-2]  # a row of a table is its header if a rule follows
    return tuple(claim for claim in parse_answer(text, ids, strict_markers=strict_markers) if claim.end <= boundary)


def strip_markers(
    text: str, claims: Sequence[DraftClaim], *, ids: Collection[str] = (), strict_markers: bool = False
) -> tuple[str, tuple[DraftClaim, ...]]:
    """Remove the markers, and the white space before them, and move the claims along.

    Markers are those of the claims; give `ids` and `strict_markers` as they were given to `parse_answer` to reach markers
    that stand outside every claim too. In the result `stripped[claim.start:claim.end] == claim.text`.
    """
    named = (name for claim in claims for name in (*claim.markers, *claim.unresolved))
    known = ids if isinstance(ids, LineMarkers) else {*ids, *named}
    spans = [(claim.start, claim.end) for claim in claims]
    while markers := _markers(text, known, strict_markers):  # taking one out may bring brackets together: "[[1]1]"
        cuts = _cuts(text, markers)
        spans = [(_moved(start, cuts), _moved(end, cuts)) for start, end in spans]
        text = "".join(_kept(text, cuts))
    return text, _placed(text, claims, spans)


def cut_out(text: str, claims: Sequence[DraftClaim], cuts: Sequence[tuple[int, int]]) -> tuple[str, tuple[DraftClaim, ...]]:
    """Remove ranges of the text, in order and apart, and move the claims along; one without a word left goes."""
    spans = [(_moved(claim.start, cuts), _moved(claim.end, cuts)) for claim in claims]
    text = "".join(_kept(text, cuts))
    return text, tuple(claim for claim in _placed(text, claims, spans) if _WORD.search(claim.text))


def _placed(text: str, claims: Sequence[DraftClaim], spans: Sequence[tuple[int, int]]) -> tuple[DraftClaim, ...]:
    moved = []
    for claim, (start, end) in zip(claims, spans, strict=True):
        start, end = trim(text, start, end)
        if start < end:
            moved.append(replace(claim, text=text[start:end], start=start, end=end))
    return tuple(moved)


def _markers(text: str, ids: Collection[str], strict: bool) -> list[_Marker]:
    known = ids if isinstance(ids, (set, frozenset, dict, LineMarkers)) else set(ids)
    has_lines = strict and isinstance(ids, LineMarkers)
    found = []
    for match in _BRACKET.finditer(text):
        inner = (match.group(1) or match.group(2) or "").strip()
        parts = [inner] if inner in known else [part.strip() for part in re.split(r"[,;]", inner)]
        if strict and inner not in known:
            parts = [number for part in parts for number in ([part] if has_lines and "†" in part else _numbers(part))]
        is_native = has_lines and (match.group(2) is not None or "†" in inner)
        if is_native or all(part in known or (strict and _is_number(part)) for part in parts):
            resolved = tuple(dict.fromkeys(part for part in parts if part in known))
            unresolved = tuple(dict.fromkeys(part for part in parts if part not in known))
            found.append(_Marker(match.start(), match.end(), resolved, unresolved))
    return found


def _is_number(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) <= 3


def _numbers(part: str) -> list[str]:
    """Numbers that one part of a generated marker names: "1-3" names three, "2†L4-L9" (a habit of gpt-oss) the second."""
    part = part.split("†")[0].strip()
    ends = re.fullmatch(r"(\d{1,3})\s*[-–]\s*(\d{1,3})", part)
    if ends and int(ends[1]) < int(ends[2]) <= int(ends[1]) + 20:
        return [str(number) for number in range(int(ends[1]), int(ends[2]) + 1)]
    return [part]


def _masked(text: str, markers: list[_Marker]) -> str:
    """The text with blanks in place of markers, so that they neither join nor part sentences; positions stay."""
    characters = list(text)
    for marker in markers:
        characters[marker.start : marker.end] = " " * (marker.end - marker.start)
    return "".join(characters)


def _owners(masked: str, sentences: list[tuple[int, int]], markers: list[_Marker]) -> list[list[_Marker]]:
    """The markers of each sentence: those inside it, those after its end, and those that open its line."""
    owned: list[list[_Marker]] = [[] for _ in sentences]
    for marker in markers:
        before = [i for i, (start, _) in enumerate(sentences) if start <= marker.start]
        following = len(before)
        if not before or marker.start >= sentences[before[-1]][1]:
            line_before = not before or "\n" in masked[sentences[before[-1]][1] : marker.start]
            opens = following < len(sentences) and "\n" not in masked[marker.end : sentences[following][0]]
            if line_before and opens:
                owned[following].append(marker)
                continue
        if before:
            owned[before[-1]].append(marker)
    return owned


def _body(masked: str, start: int, end: int) -> tuple[int, int]:
    """The sentence without its bullet or number, or without the outer bars of a table row."""
    while bullet := _BULLET.match(masked, start, end):
        start = bullet.end()
    if masked[start:end].startswith("|"):
        start, end = trim(masked, start + 1, end)
        if masked[start:end].endswith("|"):
            start, end = trim(masked, start, end - 1)
    return start, end


def _is_claim(sentence: str, body: str) -> bool:
    """False for headings, lead-ins, questions, greetings, rules and statements that the documents do not say."""
    bare = body.strip("*_ \t\n\"'”»¡¿")
    if not _WORD.search(bare) or sentence.lstrip().startswith("#"):
        return False
    if bare.endswith((":", "?")) or sentence.rstrip().rstrip("\"'”»)*_ ").endswith("?"):
        return False
    if body.startswith("**") and body.endswith("**") and body.count("**") == 2 and not bare.endswith("."):
        return False  # a line of nothing but bold type is a heading
    return not is_empty_talk(bare)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"\*\*|__|^#+\s*", "", text)).strip(" |\t\n")


def _clauses(text: str, masked: str, start: int, end: int, markers: list[_Marker], context: str) -> Iterator[DraftClaim]:
    """One claim for the sentence, or one for each clause where the clauses cite differently."""
    cuts = _clause_ends(masked, start, end, markers)
    position, lead = start, context
    for cut in [*cuts, end]:
        joint = _JOINT.match(masked, position, cut) if position > start else None
        a, b = trim(text, joint.end() if joint else position, cut)
        mine = markers if not cuts else [m for m in markers if position <= m.start < cut or (cut == end and m.start >= cut)]
        if a < b and _WORD.search(masked, a, b):
            yield DraftClaim(text[a:b], a, b, _joined(m.ids for m in mine), lead, _joined(m.unresolved for m in mine))
            lead = lead if position > start else _plain(masked[a:b])
        position = cut


def _clause_ends(masked: str, start: int, end: int, markers: list[_Marker]) -> list[int]:
    """Where to cut a sentence whose clauses cite differently; empty where a cut would leave a fragment."""
    groups: list[list[_Marker]] = []
    for marker in sorted((m for m in markers if start <= m.start), key=lambda m: m.start):
        if groups and not _WORD.search(masked, groups[-1][-1].end, marker.start):
            groups[-1].append(marker)
        else:
            groups.append([marker])
    if len(groups) < 2 or len({_joined((*m.ids, *m.unresolved) for m in group) for group in groups}) < 2:
        return []
    if _WORD.search(masked, groups[-1][-1].end, end):
        groups.pop()  # words after the last marker: no telling where its clause ends, so the last cut is left out
        if not groups:
            return []
    else:
        groups = groups[:-1]
    edges = [start, *(group[-1].end for group in groups), end]
    lengths = [len(_WORD.findall(masked[a:b])) for a, b in pairwise(edges)]
    return edges[1:-1] if min(lengths) >= _MIN_CLAUSE_WORDS else []


def _joined(groups: "Iterator[tuple[str, ...]] | Collection[tuple[str, ...]]") -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in groups for name in group))


def _cuts(text: str, markers: list[_Marker]) -> list[tuple[int, int]]:
    """Ranges to remove: markers, what joins them ("[1], [2]"), brackets of only markers, and the blanks before."""
    groups: list[list[int]] = []
    for marker in markers:
        if groups and re.fullmatch(r"[ \t]*[,;]?[ \t]*", text[groups[-1][1] : marker.start]):
            groups[-1][1] = marker.end
        else:
            groups.append([marker.start, marker.end])
    cuts: list[tuple[int, int]] = []
    for start, end in groups:
        if text[start - 1 : start] == "(" and text[end : end + 1] == ")":
            start, end = start - 1, end + 1
        floor = cuts[-1][1] if cuts else 0
        while start > floor and text[start - 1] in " \t":
            start -= 1
        if start == 0 or text[start - 1] == "\n":
            while end < len(text) and text[end] in " \t":
                end += 1
        cuts.append((start, end))
    return cuts


def _kept(text: str, cuts: Sequence[tuple[int, int]]) -> Iterator[str]:
    position = 0
    for start, end in cuts:
        yield text[position:start]
        position = end
    yield text[position:]


def _moved(position: int, cuts: Sequence[tuple[int, int]]) -> int:
    """Where a position of the text stands once the cuts are taken out."""
    return position - sum(min(end, position) - start for start, end in cuts if start < position)
