"""Choose the confidence below which to abstain, so that wrong answers are rare to a degree that can be proven.

It works on records of answers that were graded with nothing held back; it asks no question and knows no store. What is proven
holds for further questions that are drawn as these were: from the same source, each by itself, over the same documents and
with the same models.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import floor, log2
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from ingest.errors import ConfigError
from rag.errors import CalibrationError
from rag.evaluation.answers import Outcome
from rag.evaluation.intervals import mean_with_interval, usable_clusters

Of = Literal["questions", "answers"]

_DEFAULT_CERTAINTY = 0.9
# Fixed beforehand, as the proof wants it, from strict to loose.
_GRID = tuple(step / 100 for step in range(100, -1, -1))
_MOST_QUESTIONS = 1_000_000
_COVERAGES = tuple(range(20, 101, 10))


@dataclass(frozen=True)
class Target:
    """The share of wrong answers that is allowed, `risk`, among all questions or among the answers given.

    `certainty`: probability, over the draw of the questions, with which the risk is kept. None, for questions only: the risk is
    kept on average over such draws.
    """

    risk: float
    of: Of = "questions"
    certainty: float | None = None

    def __post_init__(self) -> None:
        if self.of == "answers" and self.certainty is None:
            raise ValueError("a risk among the answers given is never kept on average: it needs a certainty")


@dataclass(frozen=True)
class Record:
    """One graded question. `outcome` and `confidence` are of the answer with nothing held back.

    `configured`: the outcome as the product was configured. `document` says which questions hang together.
    """

    confidence: float
    outcome: Outcome
    answerable: bool
    document: str
    configured: Outcome


@dataclass(frozen=True)
class Choice:
    """What a threshold leads to: `n_wrong` of `n_answers` wrong, and `bound`, up to which the risk is proven.

    `is_met`: the bound keeps the risk. If it does not, this is the threshold that came closest, and `n_needed` is about how
    many questions would do, None where no number of them would.
    """

    threshold: float
    n_wrong: int
    n_answers: int
    bound: float
    is_met: bool
    n_needed: int | None = None


@dataclass(frozen=True)
class Rate:
    """A share of `n`, with a 95 % interval."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Point:
    """What answering only the surest comes to: the share of questions answered, from which confidence, and both risks."""

    coverage: float
    threshold: float
    wrong_of_answers: float
    wrong_of_questions: float


def target_for(risk: float, of: Of, certainty: float | None) -> Target:
    """Make a target; without a certainty it is 0.9 for answers.

    Raises: ConfigError for a risk or certainty that does not lie between 0 and 1.
    """
    for name, value in (("--risk", risk), ("--confidence", certainty)):
        if value is not None and not 0 < value < 1:
            raise ConfigError(f"cannot calibrate with {name} `{value}`: it must lie between 0 and 1. 0.05 means 5 %.")
    return Target(risk, of, _DEFAULT_CERTAINTY if certainty is None and of == "answers" else certainty)


def require_enough(n: int, target: Target) -> None:
    """Raises: CalibrationError if `n` questions could not prove the risk even with every answer right."""
    if n < (least := _least_faultless(target)):
        raise CalibrationError(
            f"cannot calibrate with {n} question(s): even without a wrong answer a risk of {target.risk:.4g} takes {least:,}. "
            "Add questions, or raise --risk."
        )


def risk_bound(n_wrong: int, n: int, certainty: float | None) -> float:
    """What the true share of wrong answers stays below, given `n_wrong` of `n`.

    With a certainty: the upper bound of Clopper and Pearson 1934. With None: the expected risk of the next question.
    Source: Angelopoulos et al. 2022, conformal risk control, for a loss of at most 1.
    """
    if certainty is None:
        return (n_wrong + 1) / (n + 1)
    return 1.0 if n_wrong >= n else float(betaincinv(n_wrong + 1, n - n_wrong, certainty))


def choose(records: Sequence[Record], target: Target) -> Choice:
    """The lowest threshold that is proven to keep the risk, going from strict to loose until one does not.

    Among all questions the share of wrong answers can only grow on that way, so that every confidence that occurs may be tried:
    conformal risk control, or with a certainty Bates et al. 2021, risk-controlling prediction sets. Among the answers given it
    may go up and down: fixed-sequence testing over a fixed grid with several starts, Angelopoulos et al. 2021, Learn then Test.
    A start passes over thresholds that leave too few answers to prove anything, which takes for granted that answers of higher
    confidence are not more often wrong.

    Raises: CalibrationError when there are too few questions or answers.
    """
    require_enough(len(records), target)
    curve = _Curve(records)
    walks = _walks_of_answers(curve, target) if target.of == "answers" else [_walk_of_questions(curve, len(records), target)]
    tried = [choice for walk in walks for choice in walk]
    if not tried:
        raise CalibrationError(
            f"cannot calibrate: of {len(records)} questions only {len(curve.confidences)} got an answer, too few to prove "
            f"a risk of {target.risk:.4g}. Add questions, or check with `rag search` that the store holds what they ask about."
        )
    if met := [choice for choice in tried if choice.is_met]:
        loosest = max(met, key=lambda choice: choice.n_answers)
        return replace(loosest, threshold=0.0) if loosest.n_answers == len(curve.confidences) else loosest
    best = min(tried, key=lambda choice: choice.bound)
    return replace(best, n_needed=_needed(best, len(records), target))


def outcomes_at(records: Sequence[Record], threshold: float) -> list[Outcome]:
    """What becomes of each question at a threshold."""
    return [record.outcome if record.confidence >= threshold else "abstained" for record in records]


def rates(records: Sequence[Record], outcomes: Sequence[Outcome]) -> dict[str, Rate | None]:
    """The rates that a threshold trades against each other, None where there is nothing of which to take a share.

    The interval is the wider of Clopper-Pearson and a bootstrap of whole documents.
    """
    pairs = list(zip(records, outcomes, strict=True))
    return {
        "wrong_of_questions": _rate([(r, o == "wrong") for r, o in pairs]),
        "wrong_of_answers": _rate([(r, o == "wrong") for r, o in pairs if o != "abstained"]),
        "answerable_abstained": _rate([(r, o == "abstained") for r, o in pairs if r.answerable]),
        "unanswerable_answered": _rate([(r, o != "abstained") for r, o in pairs if not r.answerable]),
    }


def coverage_table(records: Sequence[Record]) -> list[Point]:
    """Risk by coverage, for 20, 30, ... 100 % of the questions answered, or as many as have an answer; ties count together."""
    curve = _Curve(records)
    points: dict[float, Point] = {}
    for percent in _COVERAGES:
        wanted = min(-(-percent * len(records) // 100), len(curve.confidences))
        if wanted:
            threshold = float(curve.confidences[wanted - 1])
            n_wrong, n_answers = curve.at(threshold)
            n = len(records)
            points[threshold] = Point(n_answers / n, threshold, n_wrong / n_answers, n_wrong / n)
    return list(points.values())


class _Curve:
    """Answers and wrong answers from any threshold on. `confidences`: of all answers, descending."""

    def __init__(self, records: Sequence[Record]) -> None:
        answered = sorted((r for r in records if r.outcome != "abstained"), key=lambda record: -record.confidence)
        self.confidences: NDArray[np.float64] = np.array([record.confidence for record in answered])
        self._wrong = np.cumsum([0] + [record.outcome == "wrong" for record in answered])

    def at(self, threshold: float) -> tuple[int, int]:
        """Number of wrong answers, and of answers, with at least this confidence."""
        n_answers = int(np.searchsorted(-self.confidences, -threshold, side="right"))
        return int(self._wrong[n_answers]), n_answers


def _walk_of_questions(curve: _Curve, n_questions: int, target: Target) -> Iterator[Choice]:
    """Try the confidences that occur, from strict to loose, up to the first that is not proven."""
    for threshold in dict.fromkeys(float(value) for value in curve.confidences):
        n_wrong, n_answers = curve.at(threshold)
        bound = risk_bound(n_wrong, n_questions, target.certainty)
        yield Choice(threshold, n_wrong, n_answers, bound, bound <= target.risk)
        if bound > target.risk:
            return


def _walks_of_answers(curve: _Curve, target: Target) -> Iterator[Iterator[Choice]]:
    """One walk for each start: at the fewest answers that can prove anything, at twice as many, and so on.

    A late start can afford a wrong answer among the first, an early one finds a strict threshold where a loose one would fail.
    The more answers there are, the more starts; they share the doubt that the certainty leaves.
    """
    n_starts = _n_starts(len(curve.confidences), target)
    shared = replace(target, certainty=_shared_certainty(len(curve.confidences), target))
    for number in range(n_starts):
        yield _walk_of_answers(curve, shared, _least_faultless(shared) * 2**number)


def _n_starts(n_answers: int, target: Target) -> int:
    return max(1, floor(log2(max(n_answers, 1) / _least_faultless(target))))


def _shared_certainty(n_answers: int, target: Target) -> float | None:
    """The certainty that each of several starts needs so that all of them together have that of the target."""
    if target.of == "questions" or target.certainty is None:
        return target.certainty
    return 1 - (1 - target.certainty) / _n_starts(n_answers, target)


def _walk_of_answers(curve: _Curve, target: Target, start: int) -> Iterator[Choice]:
    """Try the grid from the first threshold that leaves `start` answers, up to the first that is not proven."""
    for threshold in _GRID:
        n_wrong, n_answers = curve.at(threshold)
        if n_answers < start:
            continue
        bound = risk_bound(n_wrong, n_answers, target.certainty)
        yield Choice(threshold, n_wrong, n_answers, bound, bound <= target.risk)
        if bound > target.risk:
            return


def _needed(best: Choice, n_records: int, target: Target) -> int | None:
    """About how many questions would prove the risk if the share of wrong answers stays as it is at the best threshold."""
    n = best.n_answers if target.of == "answers" else n_records
    if best.n_wrong / n >= target.risk:
        return None
    least = _least(lambda m: risk_bound(-(-best.n_wrong * m // n), m, _shared_certainty(m, target)) <= target.risk)
    return None if least > _MOST_QUESTIONS else -(-least * n_records // n)


def _least_faultless(target: Target) -> int:
    """The fewest questions, or answers, that prove the risk if none is answered wrongly."""
    return _least(lambda n: risk_bound(0, n, target.certainty) <= target.risk)


def _least(holds: Callable[[int], bool]) -> int:
    """The least number for which `holds`, which stays true once it is; more than _MOST_QUESTIONS if it takes more."""
    low, high = 0, 1
    while not holds(high):
        if high > _MOST_QUESTIONS:
            return high
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _rate(members: Sequence[tuple[Record, bool]]) -> Rate | None:
    if not members:
        return None
    n, n_events = len(members), sum(event for _, event in members)
    clusters = usable_clusters([record.document for record, _ in members])
    mean, low, high = mean_with_interval([float(event) for _, event in members], clusters)
    exact_low, exact_high = 1 - risk_bound(n - n_events, n, 0.975), risk_bound(n_events, n, 0.975)
    return Rate(mean, min(low, exact_low), max(high, exact_high), n)
