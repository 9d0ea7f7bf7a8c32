"""Metrics against scikit-learn's definitions, worked by hand; and batches that add up to the whole."""

import numpy as np
import pytest

from training import Metric, accuracy, f1, mean_absolute_error, precision, r_squared, recall, top_k

SCORES = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.4, 0.3], [0.2, 0.1, 0.7], [0.6, 0.3, 0.1]])
CLASSES = np.array([0, 1, 2, 2, 1])
# predicted 0 1 1 2 0, true 0 1 2 2 1: rows of the confusion matrix are [1 0 0], [1 1 0], [0 1 1]


def test_accuracy():
    assert accuracy(SCORES, CLASSES) == 3 / 5


def test_accuracy_of_one_hot_targets_and_of_sequences():
    assert accuracy(SCORES, np.eye(3)[CLASSES]) == 3 / 5
    assert accuracy(SCORES[np.newaxis], CLASSES[np.newaxis]) == 3 / 5


@pytest.mark.parametrize("y", [np.array([1, 0, 1, 1]), np.array([1, -1, 1, 1])])
def test_one_score_for_each_example_is_positive_for_class_1(y):
    scores = np.array([2.0, 1.0, 3.0, -1.0])  # predicted 1 1 1 0
    assert accuracy(scores, y) == 0.5
    assert precision(scores, y) == pytest.approx(2 / 3)
    assert recall(scores, y) == pytest.approx(2 / 3)
    assert accuracy(scores[:, np.newaxis], y[:, np.newaxis]) == 0.5


def test_precision_recall_and_f1_are_means_over_the_classes():
    assert precision(SCORES, CLASSES) == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)
    assert recall(SCORES, CLASSES) == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)
    assert f1(SCORES, CLASSES) == pytest.approx((2 / 3 + 1 / 2 + 2 / 3) / 3)


def test_classes_that_do_not_occur_do_not_count():
    scores = np.hstack([SCORES, np.full((5, 4), -1.0)])
    assert precision(scores, CLASSES) == pytest.approx(precision(SCORES, CLASSES))


def test_a_class_that_is_never_predicted_has_precision_zero():
    assert precision(np.array([-1.0, -1.0]), np.array([1, 0])) == 0.0


def test_top_k():
    assert top_k(1)(SCORES, CLASSES) == accuracy(SCORES, CLASSES)
    assert top_k(2)(SCORES, CLASSES) == 4 / 5  # example 2: scores .3 .4 .3, class 2 ties with 0, which comes first
    assert top_k(3)(SCORES, CLASSES) == 1.0
    assert top_k(2).__name__ == "top_2_accuracy"


def test_mean_absolute_error():
    assert mean_absolute_error(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 2.0], [5.0, 4.0]])) == 3 / 4


def test_r_squared():
    y = np.array([1.0, 2.0, 6.0])  # mean 3, squares around it 4 + 1 + 9
    assert r_squared(np.array([1.0, 2.0, 3.0]), y) == pytest.approx(1 - 9 / 14)
    assert r_squared(y, y) == 1.0
    assert r_squared(np.full(3, 3.0), y) == pytest.approx(0.0)


def test_r_squared_of_several_outputs_is_their_mean():
    y = np.array([[1.0, 0.0], [3.0, 4.0]])
    assert r_squared(np.array([[1.0, 2.0], [3.0, 2.0]]), y) == pytest.approx((1 + 0) / 2)


@pytest.mark.parametrize("metric", [accuracy, precision, recall, f1, top_k(2)], ids=str)
def test_batches_add_up_to_the_whole_for_classes(metric, rng):
    scores, y = rng.normal(size=(50, 4)), rng.integers(0, 4, 50)
    tally = metric.start()
    for here in (slice(0, 7), slice(7, 8), slice(8, 50)):
        metric.add(tally, scores[here], y[here])
    assert metric.result(tally) == pytest.approx(metric(scores, y), rel=1e-12)


@pytest.mark.parametrize("metric", [mean_absolute_error, r_squared], ids=str)
def test_batches_add_up_to_the_whole_for_numbers(metric, rng):
    y = 1e4 + rng.normal(size=(50, 2))
    predictions = y + 0.3 * rng.normal(size=(50, 2))
    tally = metric.start()
    for here in (slice(0, 7), slice(7, 8), slice(8, 50)):
        metric.add(tally, predictions[here], y[here])
    assert metric.result(tally) == pytest.approx(metric(predictions, y), rel=1e-9)


@pytest.mark.parametrize(
    ("metric", "predictions", "y", "error", "message"),
    [
        (accuracy, SCORES, CLASSES[:4], ValueError, r"y must have shape \(5,\) or \(5, 3\) .*, got \(4,\)"),
        (accuracy, SCORES, CLASSES[:, np.newaxis], ValueError, r"y must have shape .*, got \(5, 1\)"),
        (accuracy, SCORES, CLASSES + 1, ValueError, r"classes 0 \.\. 2, got 1 \.\. 3"),
        (accuracy, SCORES, CLASSES * 1.0, TypeError, "class indices as integers, got dtype float64"),
        (accuracy, SCORES * np.nan, CLASSES, ValueError, "predictions must be finite"),
        (accuracy, SCORES[:0], CLASSES[:0], ValueError, "at least one example"),
        (accuracy, SCORES, np.ones((5, 3)), ValueError, "one-hot or probabilities that sum to 1"),
        (top_k(4), SCORES, CLASSES, ValueError, "at least 4 classes"),
        (mean_absolute_error, np.zeros((3, 1)), np.zeros(3), ValueError, r"same shape, got \(3, 1\) and \(3,\)"),
        (r_squared, np.zeros(3), np.ones(3), ValueError, "y must vary"),
    ],
)
def test_what_does_not_fit_is_refused(metric, predictions, y, error, message):
    with pytest.raises(error, match=message):
        metric(predictions, y)


def test_top_k_of_nothing():
    with pytest.raises(ValueError, match="top_k: k must be at least 1, got 0"):
        top_k(0)


def test_an_unfinished_metric_says_what_it_must_define():
    with pytest.raises(NotImplementedError, match="Metric must define add"):
        Metric("mine")(SCORES, CLASSES)
