"""LastStep, Repeat and SequenceDropout."""

import numpy as np
import pytest

from layers import Dropout, LastStep, Padded, Repeat, SequenceDropout, Sequential, check_gradients


def test_the_last_step_of_each_row(rng):
    x = rng.normal(size=(3, 4, 2))
    layer = LastStep()
    np.testing.assert_array_equal(layer.forward(x), x[:, 3])
    np.testing.assert_array_equal(layer.forward(x, [4, 0, 2]), [x[0, 3], [0, 0], x[2, 1]])
    dx = layer.backward(np.ones((3, 2)))
    assert dx.sum() == 4
    assert dx[0, 3].all()
    assert dx[2, 1].all()


def test_the_last_step_of_padded_rows_reads_no_padding(rng):
    x = rng.normal(size=(3, 4, 2))
    x[0, 1:] = x[2] = np.nan
    model = Sequential([LastStep()])
    out = model.forward(Padded(x, [1, 4, 0]))
    assert np.isfinite(out).all()
    assert not out[2].any()
    assert check_gradients(LastStep(), rng.normal(size=(3, 4, 2))).largest <= 1e-7


def test_repeat_copies_and_its_backward_adds(rng):
    layer, x = Repeat(3), rng.normal(size=(2, 5))
    out = layer.forward(x)
    np.testing.assert_array_equal(out, np.stack([x, x, x], axis=1))
    dout = rng.normal(size=(2, 3, 5))
    np.testing.assert_allclose(layer.backward(dout), dout[:, 0] + dout[:, 1] + dout[:, 2], rtol=1e-14)


def test_a_feature_is_dropped_in_all_steps_of_a_row_or_in_none(rng):
    layer = SequenceDropout(0.5, rng=0)
    out = layer.forward(np.ones((50, 7, 40)))
    assert set(np.unique(out)) == {0.0, 2.0}
    assert (out == out[:, :1]).all()
    assert 0.45 < out[:, 0].mean() / 2 < 0.55
    assert (out[0] != out[1]).any()
    np.testing.assert_array_equal(layer.backward(np.ones((50, 7, 40))), out)


def test_a_part_of_a_batch_has_the_masks_of_its_rows_in_the_whole_whatever_its_length_is():
    whole, part = SequenceDropout(0.5, rng=0), SequenceDropout(0.5, rng=0)
    part.place(0, row=3)
    masks = whole.forward(np.ones((5, 7, 9)))
    np.testing.assert_array_equal(part.forward(np.ones((2, 4, 9))), masks[3:, :4])


def test_predict_drops_nothing(rng):
    x = rng.normal(size=(2, 3, 4))
    np.testing.assert_array_equal(SequenceDropout(0.9, rng=0).predict(x), x)


@pytest.mark.parametrize(
    ("make", "x", "message"),
    [
        (LastStep, (2, 3), r"LastStep\(\): an example must have shape \(T, D\), got \(3,\)"),
        (LastStep, (2, 3, 4, 5), r"an example must have shape \(T, D\), got \(3, 4, 5\)"),
        (lambda: Repeat(2), (2, 3, 4), r"Repeat\(2\): an example must have shape \(D,\), got \(3, 4\)"),
        (lambda: SequenceDropout(0.5), (2, 3), r"an example must have shape \(T, D\), got \(3,\)"),
        (lambda: SequenceDropout(0.5), (2, 3, 4, 5), "of images use Dropout2D"),
    ],
)
def test_x_must_have_the_axes(make, x, message):
    with pytest.raises(ValueError, match=message):
        make().forward(np.ones(x))


def test_a_number_of_steps_and_a_rate_out_of_range_are_refused():
    with pytest.raises(ValueError, match="Repeat: n_steps must be at least 1, got 0"):
        Repeat(0)
    with pytest.raises(ValueError, match=r"SequenceDropout: rate must be in \[0, 1\), got 1"):
        SequenceDropout(1)
    assert isinstance(SequenceDropout(0.1), Dropout)
