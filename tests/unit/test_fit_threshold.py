import numpy as np

from rag.checker.training.fit_entailment import _balanced, _joint_threshold


def test_the_threshold_is_a_quarter_of_the_way_up_from_the_mildest_that_is_as_good_as_the_best():
    """Nothing scores between 0.4 and 0.8, so that every threshold there separates right from wrong."""
    wrong, right = np.linspace(0.05, 0.4, 400), np.linspace(0.8, 0.99, 400)
    between = np.array([0.5, 0.7])  # two more of either kind, hardly anything to the measure
    scores = np.concatenate([wrong, right, between])
    gold = np.array([True] * 400 + [False] * 400 + [True, False])
    assert 0.45 < _joint_threshold([(scores, gold, _balanced)]) < 0.55
