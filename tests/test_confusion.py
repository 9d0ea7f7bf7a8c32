import numpy as np
import pytest

from training import confusion_matrix


def test_rows_are_true_classes_and_columns_predictions():
    scores = np.array([[1.0, 0, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0]])
    assert confusion_matrix(scores, np.array([0, 0, 1, 2])).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.uint64])
def test_classes_of_any_integer_dtype(dtype):
    # 19 * 20 + 19 = 399 is more than a byte holds
    matrix = confusion_matrix(np.eye(20), np.arange(20, dtype=dtype))
    np.testing.assert_array_equal(matrix, np.eye(20))
