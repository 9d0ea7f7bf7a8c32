import numpy as np
import pytest

from training import confusion_matrix, plot_confusion_matrix


def test_rows_are_true_classes_and_columns_predictions():
    scores = np.array([[1.0, 0, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0]])
    assert confusion_matrix(scores, np.array([0, 0, 1, 2])).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.uint64])
def test_classes_of_any_integer_dtype(dtype):
    # 19 * 20 + 19 = 399 is more than a byte holds
    matrix = confusion_matrix(np.eye(20), np.arange(20, dtype=dtype))
    np.testing.assert_array_equal(matrix, np.eye(20))


def test_the_picture_shows_the_counts_and_names():
    figure = plot_confusion_matrix([[5, 1], [0, 4]], names=["cat", "dog"])
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["5", "1", "0", "4"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    assert axes.get_title() == "accuracy 90.0%"


@pytest.mark.parametrize(
    ("matrix", "names", "message"),
    [
        ([[1, 2, 3], [4, 5, 6]], None, r"matrix must have shape \(C, C\), got \(2, 3\)"),
        ([[1, 2], [3, 4]], ["a"], "names must be 2, one a class, got 1"),
    ],
)
def test_what_does_not_fit_is_refused(matrix, names, message):
    with pytest.raises(ValueError, match=message):
        plot_confusion_matrix(matrix, names)
