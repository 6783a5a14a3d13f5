"""Gates for statements turned round: negation, must and may, all and some, more and less, where the rest is the same.

A claim is laid beside the sentences closest to it. A marker word counts against the claim only if the sentence says the other
thing of the same word: "may be opened" beside "must be opened", not any two sentences with "may" and "must" in them. The word
lists (`wording`) are English, Spanish and German, for negation also French. Irony, and what no list knows, pass.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.analysis import fold, stem, stopwords
from rag.checker.gates import Finding, Kind, folded_words
from rag.checker.records import as_statements
from rag.checker.support import Alignment
from rag.checker.wording import (
    CONFLICTS,
    DEGREES,
    DENYING_OBJECTS,
    HEDGED_NEGATIONS,
    NEGATIONS,
    NOT_DENYING,
    OF_NEGATIONS,
    OPPOSITES,
    POSSIBLE,
    SOFTENED,
    TRUTH,
    TURNS,
    UNTRUE,
)

_MIN_SHARE = 0.5  # of the claim that a sentence must hold for its markers to be compared
_NEAR_BEST = 0.15  # share by which another sentence may stay behind the closest and still speak for the claim
_SENTENCES = 3
_REACH = 3  # content words that a marker speaks of
_LONGEST = 3  # words of a marker
_MIN_STATED = 2  # of these a sentence must have to state what the claim denies
_MORE_IN_COPY = 2  # content words that a sentence may have beyond those of a claim that it is, but for a negation
_DENIED_CHARS = 16  # between a negation and a marker that it turns round


@dataclass(frozen=True)
class _Marker:
    """A word that turns what it stands by; `scope` are the stems of the content words that it speaks of, nearest first."""

    kind: Kind
    sense: str
    start: int
    end: int
    scope: tuple[str, ...]


@dataclass(frozen=True)
class _Statement:
    """A text with its markers; `stems` of its content words with their places.

    `denied` are those that it has only as denied, `open` only as possible or planned.
    """

    text: str
    markers: tuple[_Marker, ...]
    stems: dict[str, tuple[int, int]]
    has_hedge: bool
    denied: frozenset[str]
    open: frozenset[str]


def find_turned(alignment: Alignment) -> list[Finding]:
    """Markers of the claim that every close sentence speaks against."""
    language = alignment.evidence.language
    claim = _read(alignment.claim, language)
    closest = {number: _read(alignment.evidence.text(number), language) for number in alignment.closest[:_SENTENCES]}
    found: dict[tuple[Kind, int], Finding] = {}
    for position, number in enumerate(_near(alignment)):
        conflicts = {(f.kind, f.start): f for f in _conflicts(claim, closest[number])}
        found = conflicts if position == 0 else {key: value for key, value in found.items() if key in conflicts}
        if not found:
            break
    others = (_read(alignment.evidence.text(number), language) for number in alignment.closest[_SENTENCES:])
    return (
        list(found.values())
        or list(_stated(claim, list(closest.values())))
        or list(_only_denied(claim, list(closest.values()), others))
    )


def find_untrue(alignment: Alignment) -> list[Finding]:
    """The claim as a whole, where every close sentence calls untrue what it says."""
    near = [alignment.evidence.text(number) for number in _near(alignment)]
    is_denying = any(word in negations for word, _, _ in folded_words(alignment.claim) for negations in NEGATIONS.values())
    if not near or is_denying or UNTRUE.search(fold(alignment.claim)) or not all(map(_is_called_untrue, near)):
        return []
    return [Finding("untrue", alignment.claim, 0, len(alignment.claim), near[0])]


def _is_called_untrue(sentence: str) -> bool:
    """True where a sentence calls a statement untrue that denies nothing itself."""
    found = UNTRUE.search(fold(sentence))
    if found is None:
        return False
    inner = sentence[found.end() :] if found[0].endswith(("that", "que", "dass")) else found[0]
    said = [word for word, _, _ in folded_words(inner)]
    if inner == found[0]:
        said = said[:-3]  # the end of it is what denies
    return not any(word in negations for word in said for negations in NEGATIONS.values())


def _stated(claim: _Statement, closest: Sequence[_Statement]) -> Iterator[Finding]:
    """What the claim denies and a sentence states in several words of the same, though much else of the claim is elsewhere."""
    if claim.has_hedge or any(sentence.has_hedge for sentence in closest):
        return
    for marker in claim.markers:
        wanted = marker.scope[:_REACH]
        if marker.kind != "negation" or len(wanted) < _MIN_STATED or any(s.denied & set(wanted) for s in closest):
            continue
        for sentence in closest:
            if sum(name in sentence.stems for name in wanted) >= _MIN_STATED and wanted[0] in sentence.stems:
                yield Finding("negation", claim.text[marker.start : marker.end], marker.start, marker.end, sentence.text)
                break


def _only_denied(claim: _Statement, closest: Sequence[_Statement], others: Iterable[_Statement]) -> Iterator[Finding]:
    """What the claim states, and every sentence that has the word denies, or calls possible or planned."""
    kinds: set[Kind] = set()
    if not claim.has_hedge and not any(marker.kind == "negation" for marker in claim.markers):
        kinds.add("negation")  # a claim that denies anything may say the same
    if not _is_soft(claim):
        kinds.add("modality")
    found = [
        (marker, sentence)
        for sentence in closest
        for marker in sentence.markers
        if marker.kind in kinds and (marker.kind == "modality" or not sentence.has_hedge) and _says_of(marker, sentence, claim)
    ]
    if not found:
        return
    stated = {name for sentence in (*closest, *others) for name in sentence.stems.keys() - sentence.denied - sentence.open}
    for marker, sentence in found:
        if marker.scope[0] not in stated:
            start, end = claim.stems[marker.scope[0]]
            yield Finding(marker.kind, claim.text[start:end], start, end, sentence.text)


def _says_of(marker: _Marker, sentence: _Statement, claim: _Statement) -> bool:
    """True if a marker takes something back that the claim has too: the word that it stands closest to, and the next."""
    is_one = marker.kind == "negation" or _is_open(marker, sentence.text)
    return is_one and _denies(marker, claim) and all(name in claim.stems for name in marker.scope[:2])


def _is_open(marker: _Marker, text: str) -> bool:
    """True for what may be so or is planned; "is" may stand for "will be"."""
    said = fold(text[marker.start : marker.end])
    is_month = text[marker.start].isupper() and marker.start > 0
    is_denied = text[marker.end :].startswith((" not ", "n't", "n’t"))
    return (said in POSSIBLE and not is_month and not is_denied) or (marker.sense == "plan" and said != "will")


def _is_soft(claim: _Statement) -> bool:
    """True for a claim of what may be so, or will be."""
    return any(word in SOFTENED for word, _, _ in folded_words(claim.text)) or any(m.sense == "plan" for m in claim.markers)


def _near(alignment: Alignment) -> list[int]:
    # The markers themselves differ between statements that are to be compared.
    rest = [i for i, word in enumerate(alignment.words) if not _is_marker(alignment.claim[word.start : word.end])]
    total = sum(alignment.weights[i] for i in rest)

    def share(number: int) -> float:
        covered = alignment.covered([number])
        return sum(covered[i] * alignment.weights[i] for i in rest) / total if total else 0.0

    shares = [(share(number), number) for number in alignment.closest[:_SENTENCES]]
    best = max((share for share, _ in shares), default=0.0)
    return [number for share, number in shares if share >= max(_MIN_SHARE, best - _NEAR_BEST)]


def _is_marker(word: str) -> bool:
    plain = fold(word)
    return plain in DEGREES or plain in OPPOSITES


def _read(text: str, language: str) -> _Statement:
    text = as_statements(text, language)
    words = folded_words(text)
    stops = stopwords(language)
    negations = NEGATIONS.get(language, frozenset())
    marks = _uncancelled(list(_found(text, words, negations)), words)
    taken = {index for kind, _, low, high in marks if kind != "comparison" for index in range(low, high)}
    content = [
        (index, stem(word, language))
        for index, (word, _, _) in enumerate(words)
        if word not in stops
        and word not in TURNS
        and index not in taken
        and word not in negations
        and not (word in OF_NEGATIONS and index and words[index - 1][0] in negations)
    ]
    stems = {name: words[index][1:] for index, name in reversed(content)}
    markers = tuple(
        _Marker(kind, sense, words[low][1], words[high - 1][2], _scope(content, text, words, low, high))
        for kind, sense, low, high in marks
    )
    has_hedge = any(word in HEDGED_NEGATIONS for word, _, _ in words)
    counts = Counter(name for _, name in content)
    denied = _only_in([marker.scope for marker in markers if marker.kind == "negation"], counts)
    opened = _only_in([marker.scope for marker in markers if _is_open(marker, text)], counts)
    return _Statement(text, markers, stems, has_hedge, denied, opened)


def _only_in(scopes: Sequence[tuple[str, ...]], counts: Mapping[str, int]) -> frozenset[str]:
    """Stems that a text has nowhere but in these scopes."""
    return frozenset(name for scope in scopes for name in scope if counts[name] <= sum(other.count(name) for other in scopes))


def _found(text: str, words: Sequence[tuple[str, int, int]], negations: frozenset[str]) -> Iterator[tuple[Kind, str, int, int]]:
    """Markers as (kind, sense, first word, after the last word); the longest wins, "at least" over "least"."""
    index = 0
    while index < len(words):
        for size in range(min(_LONGEST, len(words) - index), 0, -1):
            phrase = " ".join(word for word, _, _ in words[index : index + size])
            if phrase in DEGREES:
                kind, sense = DEGREES[phrase]
                yield kind, sense, index, index + size
                index += size - 1
                break
        else:
            word = words[index][0]
            is_name = index and text[words[index][1]].isupper() and word != "n't"  # "Doctors Without Borders"
            then = [word for word, _, _ in words[index + 1 : index + 3]]
            is_only = bool(NOT_DENYING & {*then[:1], " ".join(then)})
            if word in negations and not is_name and not is_only:
                yield "negation", "not", index, index + 1
            elif word in OPPOSITES:
                yield "comparison", word, index, index + 1
        index += 1


def _uncancelled(
    marks: list[tuple[Kind, str, int, int]], words: Sequence[tuple[str, int, int]]
) -> list[tuple[Kind, str, int, int]]:
    """Markers without two negations of which one calls untrue what the other denies: "it is not true that it is not safe"."""
    places = [place for place, mark in enumerate(marks) if mark[0] == "negation"]
    for place, then in pairwise(places):
        after = {word for word, _, _ in words[marks[place][3] : marks[place][3] + _LONGEST]}
        if after & TRUTH and len(places) == 2:
            return [mark for number, mark in enumerate(marks) if number not in (place, then)]
    return marks


def _scope(
    content: Sequence[tuple[int, str]], text: str, words: Sequence[tuple[str, int, int]], low: int, high: int
) -> tuple[str, ...]:
    """Stems of the content words after a marker, up to the end of the clause, or before it where none follows."""
    after = []
    for index, name in content:
        if index < high or words[index][0] in TRUTH:  # "it is not true that the pump is safe" denies the pump's being safe
            continue
        if _are_apart(text, words, high - 1, index):
            break
        after.append(name)
    before = [name for index, name in reversed(content) if index < low]
    if words[low][0] in DENYING_OBJECTS:
        own = [name for index, name in reversed(content) if index < low and not _are_apart(text, words, index, low)]
        return tuple(own[:_REACH]) or tuple(after[:_REACH])
    if len(words[low:high]) == 1 and words[low][0] in OPPOSITES:
        return (*before[:_REACH], *after[:_REACH])  # a verb or an adjective: what it speaks of may stand on either side
    return tuple(after[:_REACH]) or tuple(before[:_REACH])


def _are_apart(text: str, words: Sequence[tuple[str, int, int]], left: int, right: int) -> bool:
    """True if another clause begins between two words."""
    between = text[words[left][2] : words[right][1]]
    return any(mark in between for mark in ",;:.()") or any(word in TURNS for word, _, _ in words[left + 1 : right])


def _conflicts(claim: _Statement, sentence: _Statement) -> list[Finding]:
    degrees = [f for marker in claim.markers if (f := _against(marker, claim, sentence))]
    negations = [] if claim.has_hedge or sentence.has_hedge else list(_negations(claim, sentence))
    return [*degrees, *negations, *_hardened(claim, sentence)]


def _hardened(claim: _Statement, sentence: _Statement) -> Iterator[Finding]:
    """Words that the sentence says of what may be so, and the claim of what is."""
    for marker in () if _is_soft(claim) else sentence.markers:
        if marker.kind == "modality" and _says_of(marker, sentence, claim):
            start, end = claim.stems[marker.scope[0]]
            yield Finding("modality", claim.text[start:end], start, end, sentence.text)


def _against(marker: _Marker, claim: _Statement, sentence: _Statement) -> Finding | None:
    """The finding where the sentence has a rival of a marker, said of the same word, and not the marker itself."""
    if marker.kind == "negation":
        return None
    same_kind = [other for other in sentence.markers if other.kind == marker.kind]
    rivals = CONFLICTS.get(marker.sense) or OPPOSITES.get(marker.sense, frozenset())
    if any(other.sense == marker.sense for other in same_kind) or any(
        other.kind == marker.kind and other.sense in rivals for other in claim.markers
    ):
        return None
    is_denied = _is_denied(marker, claim)
    if not any(
        other.sense in rivals and set(other.scope) & set(marker.scope) and _is_denied(other, sentence) == is_denied
        for other in same_kind
    ):
        return None  # also where two reversals cancel: "not below" is "above"
    return Finding(marker.kind, claim.text[marker.start : marker.end], marker.start, marker.end, sentence.text)


def _is_denied(marker: _Marker, statement: _Statement) -> bool:
    """True if a negation stands a few words before a marker."""
    return any(other.kind == "negation" and 0 <= marker.start - other.end <= _DENIED_CHARS for other in statement.markers)


def _negations(claim: _Statement, sentence: _Statement) -> Iterator[Finding]:
    """Words that one side denies and the other states: only the word that a negation stands closest to is sure to be denied."""
    for marker in claim.markers:
        if marker.kind == "negation" and _denies(marker, sentence) and not sentence.denied & set(marker.scope):
            is_copy = _is_copy(claim, sentence)
            yield Finding("negation", claim.text[marker.start : marker.end], marker.start, marker.end, sentence.text, is_copy)
    for marker in sentence.markers:
        if marker.kind == "negation" and _denies(marker, claim) and not claim.denied & set(marker.scope):
            start, end = claim.stems[marker.scope[0]]
            yield Finding("negation", claim.text[start:end], start, end, sentence.text, _is_copy(claim, sentence))


def _is_copy(claim: _Statement, sentence: _Statement) -> bool:
    """True where the sentence has every content word of the claim and hardly any other: nothing but the negation can differ."""
    has_all = len(claim.stems) >= _MIN_STATED and claim.stems.keys() <= sentence.stems.keys()
    return has_all and len(sentence.stems) <= len(claim.stems) + _MORE_IN_COPY


def _denies(marker: _Marker, other: _Statement) -> bool:
    """True if the other text has the word that a negation stands closest to, and not as a name."""
    place = other.stems.get(marker.scope[0]) if marker.scope else None
    return place is not None and (place[0] == 0 or not other.text[place[0]].isupper())
