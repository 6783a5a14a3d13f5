"""Judge claims against evidence: gates first, then the support score; either can fail a claim.

A figure, a date, an identifier or a quotation that a gate misses fails its claim whatever the score says. Where a gate stumbles
over wording (a name, a negation, a word of degree), a model that has read both texts and is sure of them overrules it: of such
alarms over answers of language models hardly one in ten was true. Not so where a sentence is the claim but for a negation.
Where the evidence shares hardly a word with a claim, it fails unless that model holds it for supported
(data/results/checking-experiments.md).

Also the whole of `rag check`: an answer and its sources in, one verdict for each claim out. It knows nothing of stores or
generators, and it reads what the evidence says, not whether the evidence is true.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import cached_property
from math import isfinite
from typing import Any

from rag.answers import Judgement, Reason, Verdict
from rag.checker.entailment import CrossEncoderSupport
from rag.checker.evidence import Evidence, Source, squeeze
from rag.checker.gates import Finding, find_misses
from rag.checker.misplaced import find_misplaced
from rag.checker.support import Alignment, Reading, Support, SupportModel, coverage
from rag.checker.turned import find_turned, find_untrue
from rag.citations import DraftClaim, parse_answer
from rag.errors import CheckerError

_KEPT_SOURCES = 64
_VERBATIM_SCORE = 0.99
_MIN_VERBATIM_WORDS = 3
_CONTRADICTION_OVERLAP = 0.6  # share of the claim in the closest sentence from which a rival figure contradicts it
_EVIDENCE_FLOOR = 0.25  # a sentence that holds less of the claim does not speak for it
_WHOLE_FLOOR = 0.2  # nor does evidence that as a whole holds less
_SECOND_SENTENCE_GAIN = 0.15
_SURE = 2.0  # log-odds of a model that has read both texts, from which it overrules gates of wording
_HELD = 1.5  # the same, from which evidence that shares hardly a word may support a claim; few unrelated texts get there
_OF_WORDING = frozenset(("name", "negation", "modality", "scope", "comparison"))
_MAX_QUESTION_WORDS = 32
_MERGE_GAP = 24  # characters between two uncovered words that make one span of them

Item = tuple[str, Sequence[str]] | tuple[str, Sequence[str], str]


class Checker:
    """Judges claims. Give a `model` to put another support score in the place of the regression; the gates stay."""

    def __init__(self, threshold: float | None = None, *, model: SupportModel | None = None) -> None:
        """Set the checker up; `model` None means the shipped cross-encoder, `threshold` None the model's own.

        Raises: CheckerError for a threshold outside (0, 1).
        """
        self.model: SupportModel = model or CrossEncoderSupport()
        self.threshold = self.model.threshold if threshold is None else threshold
        if not 0 < self.threshold < 1:
            raise CheckerError(
                f"cannot check with threshold `{threshold}`: it must lie between 0 and 1. Set checker.threshold."
            )
        self.name = f"gates+{self.model.name}"
        self.version = self.model.version
        self._sources: OrderedDict[str, Source] = OrderedDict()

    def judge(self, claim: str, evidence: Sequence[str], *, context: str = "") -> Judgement:
        """Judge one claim against texts that together are its evidence."""
        return self.judge_all([(claim, evidence, context)])[0]

    def judge_all(self, items: Iterable[Item]) -> list[Judgement]:
        """Judge claims in one call of the support model; items are (claim, evidence) or (claim, evidence, context).

        Raises: CheckerError if the support model answers with anything but one probability for each claim.
        """
        cases = [_Case(self, item[0], item[1], item[2] if len(item) > 2 else "") for item in items]
        waiting = [case for case in cases if case.judgement is None]
        found = self.model.assess([case.reading() for case in waiting]) if waiting else []
        if len(found) != len(waiting) or not all(isfinite(s.probability) and 0 <= s.probability <= 1 for s in found):
            raise CheckerError(f"cannot check: support model `{self.model.name}` gave no valid probability for every claim.")
        for case, support in zip(waiting, found, strict=True):
            case.judgement = case.judged(support, self.threshold)
        return [case.judgement for case in cases if case.judgement is not None]

    def read_all(self, items: Iterable[Item]) -> list[Reading | None]:
        """What the support model would see of each claim; None where no score is asked for."""
        cases = [_Case(self, item[0], item[1], item[2] if len(item) > 2 else "") for item in items]
        return [case.reading() if case.judgement is None else None for case in cases]

    def source(self, text: str) -> Source:
        """Read a text, or return what was read before."""
        if text in self._sources:
            self._sources.move_to_end(text)
        else:
            self._sources[text] = Source(text)
            while len(self._sources) > _KEPT_SOURCES:
                self._sources.popitem(last=False)
        return self._sources[text]


def run_gates(alignment: Alignment) -> list[Finding]:
    """Everything that the deterministic gates find against a claim, in the order of its words."""
    found = [
        *find_misses(alignment.claim, alignment.evidence, alignment.closest, alignment.leans_on),
        *find_misplaced(alignment),
        *find_turned(alignment),
        *find_untrue(alignment),
    ]
    return sorted(found, key=lambda finding: finding.start)


def standing(findings: Sequence[Finding], log_odds: float) -> list[Finding]:
    """Those that fail a claim, given the log-odds of support by a model that has read both texts."""
    return [f for f in findings if f.is_copy or f.kind not in _OF_WORDING or log_odds < _SURE]


def fails(reading: Reading, log_odds: float) -> bool:
    """True where the claim is not supported whatever the score says."""
    return bool(standing(reading.findings, log_odds)) or not (reading.speaks or log_odds >= _HELD)


class _Case:
    """One claim on its way to a judgement."""

    def __init__(self, checker: Checker, claim: str, texts: Sequence[str], context: str) -> None:
        self.claim = claim
        self.context = context
        self.judgement: Judgement | None = None
        # The place of each text among those given is kept: citations name it.
        self.places = [place for place, text in enumerate(texts) if text.strip()]
        if not self.places or not claim.strip():
            self.judgement = Judgement("not_enough", 0.0, "no_source", unsupported_spans=_whole(claim))
            return
        self.evidence = Evidence([checker.source(texts[place]) for place in self.places])
        self.alignment = Alignment(claim, self.evidence, context)
        if verbatim := self._verbatim():
            self.judgement = Judgement("supported", _VERBATIM_SCORE, "supported", evidence=verbatim)
            return
        self.findings = run_gates(self.alignment)

    def reading(self) -> Reading:
        """What the support model sees."""
        return Reading(self.alignment, self.findings, self.context, self.speaks)

    def judged(self, support: Support, threshold: float) -> Judgement:
        """Join gates and score: a missed gate caps the score below the threshold."""
        score = support.probability
        evidence = tuple(place for place, holds in self.closest if holds)
        if not evidence and (self.speaks or support.log_odds >= _HELD):
            evidence = tuple(place for place, _ in self.closest[:1])
        if findings := standing(self.findings, support.log_odds):
            first = min(findings, key=lambda finding: not self._contradicts(finding))
            verdict: Verdict = "contradicted" if self._contradicts(first) else "not_enough"
            spans = _merged([*((f.start, f.end) for f in findings), *self._in_words(support.unsupported)])
            kind = first.kind
            reason: Reason = "name" if kind == "identifier" else "negation" if kind == "untrue" else kind
            return Judgement(verdict, min(score, 0.98 * threshold), reason, first.missed, spans, evidence)
        if score < threshold or not evidence:
            spans = _merged(self._in_words(support.weakest or support.unsupported)) or self._uncovered()
            verdict = "contradicted" if support.is_contradicted else "not_enough"
            return Judgement(verdict, min(score, 0.98 * threshold), "low_support", "", spans, evidence)
        return Judgement("supported", score, "supported", evidence=evidence)

    def _contradicts(self, finding: Finding) -> bool:
        """True where the closest sentence speaks of the same thing and has another figure or the opposite word."""
        if not finding.rival or not self.alignment.closest:
            return False
        if finding.kind in ("negation", "untrue"):
            return True
        covered = self.alignment.covered(self.alignment.closest[:1])
        rest = [
            credit
            for word, credit in zip(self.alignment.words, covered, strict=True)
            if not (finding.start < word.end and word.start < finding.end)
        ]
        return bool(rest) and sum(rest) / len(rest) >= _CONTRADICTION_OVERLAP

    def _verbatim(self) -> tuple[tuple[int, int, int, float], ...]:
        """Where the whole claim stands word for word, white space and the final full stop aside; empty if nowhere."""
        words = self.claim.strip().rstrip(".").split()
        if len(words) < _MIN_VERBATIM_WORDS:
            return ()
        plain = squeeze(self.claim).rstrip(".")
        pattern: re.Pattern[str] | None = None
        found = []
        for place, source in zip(self.places, self.evidence.sources, strict=True):
            if plain not in source.folded:
                continue
            pattern = pattern or re.compile(r"(?<!\w)" + r"\s+".join(map(re.escape, words)) + r"(?!\w)", re.IGNORECASE)
            match = pattern.search(source.text)
            if match and self._is_whole_statement(source, match.start(), match.end()):
                found.append((place, match.start(), match.end(), 1.0))
        return tuple(found)

    def _is_whole_statement(self, source: Source, start: int, end: int) -> bool:
        """True if the words are not a piece of a longer sentence that may turn them round ("It is not true that ...")."""
        for a, b in source.spans:
            if a <= start < b:
                return not re.search(r"\w", source.text[a:start]) and (end >= b or not re.search(r"\w", source.text[end:b]))
        return False

    @cached_property
    def speaks(self) -> bool:
        """True where a sentence, the evidence as a whole or a flag of a record holds enough of the claim to speak of it."""
        if any(holds for *_, holds in self.closest) or coverage(self.alignment) >= _WHOLE_FLOOR:
            return True
        return self.alignment.flags > 0

    @cached_property
    def closest(self) -> list[tuple[tuple[int, int, int, float], bool]]:
        """The sentence of each source that holds most of the claim, with the next one where that adds much; best first.

        With each whether it holds enough to speak of the claim.
        """
        best: dict[int, int] = {}
        for number in self.alignment.closest:
            best.setdefault(self.evidence.sentences[number][0], number)
        found = []
        for index, number in best.items():
            share, numbers = self.alignment.share([number]), [number]
            for other in (number - 1, number + 1):
                if 0 <= other < len(self.evidence.sentences) and self.evidence.sentences[other][0] == index:
                    wider = self.alignment.share([number, other])
                    if wider >= share + _SECOND_SENTENCE_GAIN:
                        share, numbers = wider, sorted({number, other})
            spans = [self.evidence.sources[index].spans[self.evidence.sentences[k][1]] for k in numbers]
            place = (self.places[index], spans[0][0], spans[-1][1], round(share, 4))
            found.append((place, share >= _EVIDENCE_FLOOR))
        return sorted(found, key=lambda item: -item[0][3])

    def _in_words(self, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Ranges without the function words at their ends; one of nothing else stays as it is."""
        found = []
        for start, end in spans:
            inside = [word for word in self.alignment.words if word.start < end and start < word.end]
            found.append((max(start, inside[0].start), min(end, inside[-1].end)) if inside else (start, end))
        return found

    def _uncovered(self) -> tuple[tuple[int, int], ...]:
        """The words that the evidence lacks, joined where they stand close; the whole claim if most are missing."""
        words = self.alignment.words
        missing = [word for index, word in enumerate(words) if self.alignment.is_missing(index)]
        if not missing or 2 * len(missing) > len(words):
            return _whole(self.claim)
        return _merged([(word.start, word.end) for word in missing], _MERGE_GAP)


def check_answer(
    answer: str, sources: Sequence[tuple[str, str]], checker: Checker, question: str | None = None
) -> dict[str, Any]:
    """Check an answer against sources (id, text): the output object of `rag check`.

    A claim with markers is checked against the sources it names, any other against all of them. `score` is the probability
    that everything in the answer is supported; an answer without claims is supported.
    """
    ids = [name for name, _ in sources]
    claims = parse_answer(answer, ids)
    chosen = [_chosen(claim, ids) for claim in claims]
    judgements = checker.judge_all(claim_items(claims, sources, question))
    return {
        "supported": all(judgement.verdict == "supported" for judgement in judgements),
        "score": round(answer_score([judgement.score for judgement in judgements]), 6),
        "claims": [
            _claim_json(claim, judgement, [sources[i] for i in places])
            for claim, judgement, places in zip(claims, judgements, chosen, strict=True)
        ],
    }


def claim_items(
    claims: Sequence[DraftClaim], sources: Sequence[tuple[str, str]], question: str | None = None
) -> list[tuple[str, list[str], str]]:
    """What to judge for each claim: its text without markers, the texts it must stand in, what it leans on."""
    ids = [name for name, _ in sources]
    asked = question if question and _asks(question) else None
    return [
        (
            _without_markers(claim),
            [sources[i][1] for i in _chosen(claim, ids)],
            " ".join(filter(None, (asked, claim.context))),
        )
        for claim in claims
    ]


def answer_score(scores: Sequence[float]) -> float:
    """Probability that every claim is supported: that of the weakest claim, since errors of one answer go together."""
    return min(scores, default=1.0)


def _asks(question: str) -> bool:
    """False for an instruction ("Summarise the following text:", or long ones), on which no claim leans."""
    return len(question.split()) <= _MAX_QUESTION_WORDS and not question.rstrip().endswith(":")


def _chosen(claim: DraftClaim, ids: Sequence[str]) -> list[int]:
    named = [i for i, name in enumerate(ids) if name in claim.markers]
    return named if claim.markers else list(range(len(ids)))


def _without_markers(claim: DraftClaim) -> str:
    """The claim with blanks in place of markers, so that positions stay."""
    if not claim.markers:
        return claim.text
    return re.sub(
        r"\[([^\[\]【】\n]+)\]|【([^\[\]【】\n]+)】",
        lambda match: " " * len(match.group()) if _names_only(match[1] or match[2], claim.markers) else match.group(),
        claim.text,
    )


def _names_only(inner: str, markers: Sequence[str]) -> bool:
    return inner.strip() in markers or all(part.strip() in markers for part in re.split(r"[,;]", inner))


def _claim_json(claim: DraftClaim, judgement: Judgement, sources: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {
        "text": claim.text,
        "start": claim.start,
        "end": claim.end,
        "verdict": judgement.verdict,
        "score": round(judgement.score, 6),
        "citations": [
            {"source": sources[place][0], "start": start, "end": end, "quote": sources[place][1][start:end]}
            for place, start, end, _ in judgement.evidence
        ],
        "unsupported_spans": [
            {"start": claim.start + start, "end": claim.start + end} for start, end in judgement.unsupported_spans
        ],
    }


def _whole(claim: str) -> tuple[tuple[int, int], ...]:
    return ((0, len(claim)),) if claim else ()


def _merged(spans: Sequence[tuple[int, int]], gap: int = 1) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1] + gap:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
