"""A threshold is proven on graded answers: what is promised holds in simulation, and what cannot be proven is refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import ConfigError
from rag.calibration import (
    Record,
    Target,
    choose,
    coverage_table,
    outcomes_at,
    rates,
    require_enough,
    risk_bound,
    target_for,
)
from rag.errors import CalibrationError


def record(confidence, outcome="right", *, answerable=None, document="d"):
    is_answerable = outcome == "right" if answerable is None else answerable
    return Record(confidence, outcome, is_answerable, document, outcome)


def graded(confidences, wrong):
    """Records of answers, wrong where it says so."""
    pairs = zip(confidences, wrong, strict=True)
    return [record(round(float(confidence), 6), "wrong" if is_wrong else "right") for confidence, is_wrong in pairs]


records_of_any_kind = st.lists(
    st.builds(
        record,
        st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]) | st.floats(0, 1).map(lambda value: round(value, 6)),
        st.sampled_from(["right", "wrong", "abstained"]),
        document=st.sampled_from("abcdefghij"),
    ),
    min_size=25,
    max_size=120,
)


class World:
    """Questions without end: a confidence is drawn, and the answer is wrong with a probability that falls with it."""

    def __init__(self, lowest: float, steepness: float, ties: int) -> None:
        self.lowest, self.steepness, self.ties = lowest, steepness, ties

    def draw(self, n, random):
        confidences = np.ceil(random.random(n) * self.ties) / self.ties
        chance = self.lowest + (1 - self.lowest) * (1 - confidences) ** self.steepness
        return confidences, random.random(n) < chance

    def true_risk(self, threshold, of):
        values = (np.arange(self.ties) + 1) / self.ties
        kept = values >= threshold
        chance = self.lowest + (1 - self.lowest) * (1 - values[kept]) ** self.steepness
        return chance.sum() / (kept.sum() if of == "answers" else len(values))


worlds = st.builds(World, st.floats(0, 0.1), st.floats(0.5, 6), st.sampled_from([7, 40, 1000]))


def risks(world, target, n, draws):
    """True risk of the threshold chosen in each draw, 0 where none was, as then nothing is changed."""
    random = np.random.default_rng(5)
    found = []
    for _ in range(draws):
        try:
            choice = choose(graded(*world.draw(n, random)), target)
        except CalibrationError:
            continue
        found.append(world.true_risk(choice.threshold, target.of) if choice.is_met else 0.0)
    return np.array(found)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(worlds, st.sampled_from([0.05, 0.1, 0.2]), st.sampled_from([30, 100]))
def test_among_questions_the_risk_is_kept_on_average(world, risk, n):
    found = risks(world, Target(risk), n, 300)
    assert found.mean() <= risk + 4 * found.std() / np.sqrt(len(found))


@settings(max_examples=12, deadline=None, derandomize=True)
@given(worlds, st.sampled_from([0.1, 0.2]), st.sampled_from(["questions", "answers"]))
def test_with_a_certainty_the_risk_is_kept_in_that_share_of_draws(world, risk, of):
    found = risks(world, Target(risk, of, 0.8), 120, 250)
    share = (found > risk + 1e-9).mean()
    assert share <= 0.2 + 4 * np.sqrt(0.2 * 0.8 / len(found))


def test_the_risk_that_is_allowed_is_used_and_not_only_kept():
    world = World(0.0, 2.0, 1000)
    assert 0.085 < risks(world, Target(0.1), 200, 300).mean() <= 0.105
    assert 0.03 < np.median(risks(world, Target(0.1, "answers", 0.8), 1000, 100)) <= 0.1


@settings(deadline=None)
@given(records_of_any_kind, st.sampled_from([0.05, 0.1, 0.3]), st.sampled_from([None, 0.7]))
def test_a_threshold_among_questions_keeps_its_bound_and_the_next_lower_one_does_not(records, risk, certainty):
    try:
        choice = choose(records, Target(risk, "questions", certainty))
    except CalibrationError:
        return
    outcomes = outcomes_at(records, choice.threshold)
    n_wrong = outcomes.count("wrong")
    assert (choice.n_wrong, choice.n_answers) == (n_wrong, len(records) - outcomes.count("abstained"))
    assert choice.bound == risk_bound(n_wrong, len(records), certainty)
    assert choice.is_met == (choice.bound <= risk)
    lower = [r.confidence for r in records if r.confidence < choice.threshold and r.outcome != "abstained"]
    if choice.is_met and lower:
        assert risk_bound(outcomes_at(records, max(lower)).count("wrong"), len(records), certainty) > risk
    if not choice.is_met:
        strictest = max(r.confidence for r in records if r.outcome != "abstained")
        assert choice.threshold == strictest


@settings(deadline=None)
@given(records_of_any_kind)
def test_a_looser_risk_never_asks_for_a_stricter_threshold(records):
    thresholds = []
    for risk in (0.1, 0.2, 0.4):
        try:
            choice = choose(records, Target(risk))
        except CalibrationError:
            continue
        thresholds.append(choice.threshold if choice.is_met else 2.0)
    assert thresholds == sorted(thresholds, reverse=True)


def test_ties_stand_or_fall_together():
    records = graded([0.9] * 30 + [0.5] * 30, [False] * 30 + [False] * 20 + [True] * 10)
    choice = choose(records, Target(0.1))
    assert (choice.threshold, choice.n_answers, choice.n_wrong) == (0.9, 30, 0)
    assert choose(records, Target(0.2)).threshold == 0.0


def test_order_of_the_records_does_not_matter():
    random = np.random.default_rng(1)
    records = graded(random.random(80).round(1), random.random(80) < 0.2)
    for target in (Target(0.1), Target(0.3, "answers", 0.8)):
        assert choose(records, target) == choose(records[::-1], target)


def test_nothing_is_held_back_where_everything_is_right():
    assert choose(graded(np.linspace(0.1, 0.9, 50), [False] * 50), Target(0.05)).threshold == 0.0
    assert choose(graded(np.linspace(0.1, 0.9, 50), [False] * 50), Target(0.05, "answers", 0.9)).threshold == 0.0


@pytest.mark.parametrize(
    ("target", "least"), [(Target(0.05), 19), (Target(0.05, "questions", 0.9), 45), (Target(0.05, "answers", 0.9), 45)]
)
def test_too_few_questions_are_refused_with_the_number_that_is_needed(target, least):
    require_enough(least, target)
    with pytest.raises(CalibrationError, match=f"takes {least}"):
        require_enough(least - 1, target)
    with pytest.raises(CalibrationError, match=f"takes {least}"):
        choose(graded([0.5] * (least - 1), [False] * (least - 1)), target)
    assert choose(graded([0.5] * least, [False] * least), target).is_met


def test_a_start_with_one_wrong_answer_does_not_end_it_where_there_are_many_answers():
    wrong = [True] + [False] * 399
    assert choose(graded(np.linspace(1, 0.2, 400), wrong), Target(0.05, "answers", 0.9)).threshold == 0.0


def test_where_no_threshold_will_do_the_closest_and_the_number_needed_are_told():
    few = graded([0.9] * 100, [True] * 4 + [False] * 96)
    choice = choose(few, Target(0.05, "answers", 0.9))
    assert (choice.is_met, choice.threshold, choice.n_wrong, choice.n_answers) == (False, 0.9, 4, 100)
    assert choice.bound > 0.05
    assert choice.n_needed and choice.n_needed > 100
    n = choice.n_needed // 25 * 25
    assert choose(graded([0.9] * 2 * n, ([True] + [False] * 24) * (2 * n // 25)), Target(0.05, "answers", 0.9)).is_met
    hopeless = choose(graded([0.9] * 100, [True] * 50 + [False] * 50), Target(0.05))
    assert (hopeless.is_met, hopeless.n_needed) == (False, None)


def test_without_an_answer_there_is_nothing_to_calibrate():
    for target in (Target(0.05), Target(0.05, "answers", 0.9)):
        with pytest.raises(CalibrationError, match="only 0 got an answer"):
            choose([record(0.0, "abstained")] * 60, target)


@pytest.mark.parametrize(
    ("risk", "certainty"), [(0, None), (1, None), (-0.1, None), (float("nan"), None), (0.05, 1), (0.05, 0)]
)
def test_a_risk_or_certainty_out_of_range_is_told(risk, certainty):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        target_for(risk, "questions", certainty)


def test_the_bounds_are_those_of_the_literature():
    assert risk_bound(0, 19, None) == 0.05
    assert risk_bound(3, 100, 0.95) == pytest.approx(0.0757, abs=1e-4)  # R: binom.test(3, 100, alternative = "less")
    assert risk_bound(5, 5, 0.95) == 1.0


def test_rates_have_the_right_denominators():
    records = [
        *(record(0.9, "right", document=f"d{i}") for i in range(10)),
        *(record(0.4, "wrong", answerable=True, document=f"d{i}") for i in range(5)),
        *(record(0.2, "wrong", answerable=False, document=f"u{i}") for i in range(5)),
        *(record(0.0, "abstained", answerable=True, document=f"u{i}") for i in range(5)),
    ]
    always = rates(records, outcomes_at(records, 0.0))
    assert {name: (round(rate.value, 3), rate.n) for name, rate in always.items() if rate} == {
        "wrong_of_questions": (0.4, 25),
        "wrong_of_answers": (0.5, 20),
        "answerable_abstained": (0.25, 20),
        "unanswerable_answered": (1.0, 5),
    }
    strict = rates(records, outcomes_at(records, 0.5))
    assert strict["wrong_of_answers"] is not None and strict["wrong_of_answers"].value == 0.0
    assert strict["wrong_of_answers"].high > 0.2, "ten right answers prove little, whatever a bootstrap says"
    assert rates(records, outcomes_at(records, 0.95))["wrong_of_answers"] is None


def test_an_interval_respects_that_questions_of_one_document_go_together():
    alone = [record(0.5, "wrong" if i % 2 else "right", document=str(i)) for i in range(100)]
    together = [replace(r, document=f"d{i % 10}") for i, r in enumerate(alone)]
    narrow, wide = (rates(records, outcomes_at(records, 0.0))["wrong_of_questions"] for records in (alone, together))
    assert narrow and wide
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_the_coverage_table_goes_as_far_as_there_are_answers():
    records = [*graded(np.linspace(1, 0.5, 60), [i >= 50 for i in range(60)]), *[record(0.0, "abstained")] * 40]
    points = coverage_table(records)
    assert [round(point.coverage, 2) for point in points] == [0.2, 0.3, 0.4, 0.5, 0.6]
    assert [round(point.wrong_of_answers, 3) for point in points] == [0, 0, 0, 0, 0.167]
    assert points[-1].wrong_of_questions == pytest.approx(0.1)
    assert [point.threshold for point in points] == sorted((point.threshold for point in points), reverse=True)
    assert coverage_table([record(0.0, "abstained")] * 40) == []
