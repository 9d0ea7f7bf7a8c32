"""What shows itself as a table: the text as it is, the HTML escaped, both with the same cells."""

import copy
import html
import pickle
import re

import numpy as np
import pytest

from layers import Dense, Layer, ReLU, Residual, Sequential, check_gradients
from layers.contract import LEFT, RIGHT, Table, html_of
from losses import SoftmaxCrossEntropy
from optimizers import SGD
from training import Diagnostics, History, confusion_matrix, fit

MODEL = Sequential([Dense(2, 3), Residual([ReLU()]), Dense(3, 2)], rng=0)


def cells(text):
    """Return the rows of the only table in some HTML."""
    assert text.count("<table>") == text.count("</table>") == 1
    rows = re.findall(r"<tr>(.*?)</tr>", text, re.S)
    return [[html.unescape(cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S)] for row in rows]


def test_a_summary_is_a_text_and_a_table():
    summary = MODEL.summary((2,))
    assert isinstance(summary, str)
    assert repr(summary) == str(summary) == summary
    rows = cells(summary._repr_html_())
    assert rows[0] == ["", "layer", "output shape", "parameters"]
    assert rows[2] == ["0", "Dense(2, 3)", "(N, 3)", "9"]
    assert rows[4][1] == "  ReLU()"  # what is inside is indented, and remains so
    assert "white-space: pre" in summary._repr_html_()
    assert [" ".join(row).split() for row in rows] == [line.split() for line in summary.splitlines()]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda table: pickle.loads(pickle.dumps(table))])
def test_a_copy_of_a_table_is_one(copied):
    table = MODEL.summary((2,))
    other = copied(table)
    assert other == table
    assert other._repr_html_() == table._repr_html_()


def test_every_cell_is_escaped():
    evil = "<script>alert('&')</script>"
    text = html_of([(evil,), (evil,)], ["left"], title=evil, notes=[evil])
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;") == 4
    assert "<script" not in Table([(evil, "a"), ("b", evil)], [LEFT, RIGHT])._repr_html_()


def test_a_layer_with_any_name_is_escaped():
    class Odd(Layer):
        def forward(self, x):
            self._cache = x
            return x

        def backward(self, dout):
            return dout + 0 * self._recall()

        def __repr__(self):
            return "Odd('<b>&')"

    for text in (
        Sequential([Odd()]).summary((2,))._repr_html_(),
        check_gradients(Odd(), np.ones((2, 2)))._repr_html_(),
        looked(Sequential([Odd(), Dense(2, 2)], rng=0))._repr_html_(),
    ):
        assert "&lt;b&gt;&amp;" in text
        assert "<b>" not in text


def looked(model):
    diagnostics = Diagnostics(verbose=False)
    x, y = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
    fit(model, SoftmaxCrossEntropy(), SGD(0.1), x, y, epochs=2, callbacks=[diagnostics], verbose=False)
    return diagnostics


def test_a_history_shows_its_rows_without_the_middle_of_many():
    short = History({"epoch": [0, 1], "loss": [2.0, 0.5], "<i>": [0.0, 1.0]})
    assert cells(short._repr_html_()) == [["epoch", "loss", "<i>"], ["0", "2", "0"], ["1", "0.5", "1"]]
    assert "History of 2 rows, best loss 0.5 at epoch 1" in short._repr_html_()
    assert "<i>" not in short._repr_html_()
    rows = cells(History({"epoch": list(range(100))})._repr_html_())
    assert rows[0] == ["epoch"]
    assert rows[1:3] + rows[-2:] == [["0"], ["1"], ["98"], ["99"]]
    assert ["..."] in rows
    assert len(rows) == 14
    assert "History()" in History()._repr_html_()


def test_a_gradient_report_shows_each_array_and_what_was_left_out():
    report = check_gradients(Sequential([Dense(2, 3), ReLU()], rng=0), np.array([[1.0, 2.0], [0.0, 0.0]]))
    report.skipped = 2
    rows = cells(report._repr_html_())
    assert [row[0] for row in rows] == ["gradient", "dx", "d0.weights", "d0.bias"]
    assert all(float(row[1]) < 1e-6 for row in rows[1:])
    assert repr(report) == str(report)
    assert repr(report).splitlines()[0].endswith("largest relative errors")
    assert "skipped on kinks" in repr(report)
    assert "skipped on kinks" in report._repr_html_()


def test_a_look_inside_shows_the_last_numbers_of_each_layer_and_the_warnings():
    diagnostics = looked(Sequential([Dense(2, 8), ReLU(), Dense(8, 2)], rng=0))
    diagnostics.warnings.append("0: <too> large")
    rows = cells(diagnostics._repr_html_())
    assert rows[0][:3] == ["layer", "", "gradient norm"]
    assert [row[:2] for row in rows[1:]] == [["0", "Dense(2, 8)"], ["1", "ReLU()"], ["2", "Dense(8, 2)"]]
    assert rows[1][2] == f"{diagnostics['gradient_norm']['0'][-1]:.3g}"
    assert rows[2][2] == ""  # a ReLU has no gradient
    assert "0: &lt;too&gt; large" in diagnostics._repr_html_()
    assert "no step seen" in Diagnostics()._repr_html_()
    assert repr(diagnostics) == "Diagnostics(verbose=False)"


def test_a_confusion_matrix_is_an_array_and_a_table():
    matrix = confusion_matrix(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2]))
    assert repr(matrix) == repr(np.asarray(matrix))
    assert cells(matrix._repr_html_()) == [
        ["true \\ predicted", "0", "1", "2"],
        ["0", "1", "0", "0"],
        ["1", "1", "1", "0"],
        ["2", "0", "0", "1"],
    ]
    for part in (matrix[0], matrix[:2], matrix.astype(float)[:, 0]):
        assert part._repr_html_() is None
    assert type(matrix / 2) is type(matrix + matrix) is type(matrix.sum(axis=0)) is np.ndarray
    assert isinstance(matrix.sum(), np.integer)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(matrix)), matrix)
    large = confusion_matrix(np.arange(31), np.arange(31))
    assert large._repr_html_() is None
