"""Every kind and layout of x and dout gives the same numbers, in the dtype of the network."""

import copy

import numpy as np
import pytest
from test_gradients import GATES, LAYERS, drawn, named

from layers import Dropout, Embedding, PReLU, Sequential, Tied
from training import accuracy, confusion_matrix, mean_absolute_error, r_squared, top_k
from training.data import standardize

LAYOUTS = {
    "fortran": np.asfortranarray,
    "negative strides": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "gaps": lambda a: np.stack([a, a], axis=-1)[..., 0],
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "big-endian fortran": lambda a: np.asfortranarray(a.astype(a.dtype.newbyteorder(">"))),
    "read-only": lambda a: _read_only(a.copy()),
    "broadcast": lambda a: np.broadcast_to(a[:1], a.shape),
}


def _read_only(a):
    a.flags.writeable = False
    return a


def run(layer, inputs, dout_of):
    layer = copy.deepcopy(layer)
    layer.initialize(np.random.default_rng(3))  # the same noise
    out = layer.forward(*inputs)
    dinputs = layer.backward(dout_of(out))
    return [out, layer.gradients, *(dinputs if isinstance(dinputs, tuple) else [dinputs])]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("layer", "inputs"), named([*LAYERS, *GATES]))
def test_any_layout_of_x_and_dout_gives_the_same_numbers(layer, inputs, layout, rng):
    if any(isinstance(other, np.ndarray) and other.ndim == 0 for other in inputs):
        return
    inputs, arrange = [np.asarray(a) for a in drawn(rng, inputs)], LAYOUTS[layout]
    if layout == "broadcast":
        inputs = [np.broadcast_to(a[:1], a.shape) if a.ndim else a for a in inputs]
    noise = rng.normal(size=np.shape(layer.predict(*inputs)))
    if layout == "broadcast" and noise.ndim:
        noise = np.broadcast_to(noise[:1], noise.shape)
    plain = run(layer, [np.array(a) for a in inputs], lambda out: np.array(noise))
    found = run(
        layer, [arrange(a) if a.ndim else a for a in inputs], lambda out: arrange(noise) if noise.ndim else noise
    )
    for one, other in zip(found, plain, strict=True):
        if other is not None:
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", [np.int64, np.uint8, bool, np.float16, np.float32, np.float64, ">f4", np.longdouble])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("layer", "inputs"), named({type(row[0]): row for row in reversed(LAYERS)}.values()))
def test_a_network_of_one_dtype_gives_it_whatever_comes_in(layer, inputs, dtype, kind, rng):
    (x,) = drawn(rng, inputs)
    if not isinstance(layer, Embedding | Tied):
        x = np.abs(x * 3).astype(kind)
    model = Sequential([copy.deepcopy(layer)], dtype=dtype)
    with np.errstate(all="ignore"):  # float16 may not hold what is drawn
        out = model.forward(x)
        dx = model.backward(np.ones(out.shape, kind))
    assert model.gradients.dtype == dtype
    passed = x.dtype.kind in "iub" and type(layer).__module__ == "layers.shape"  # which leave integers alone
    if not passed:
        assert out.dtype == dtype
    assert dx is None or dx.dtype == dtype
    for name in model[0].buffers:
        assert getattr(model[0], name).dtype == dtype


def test_sums_over_many_rows_keep_their_digits(rng):
    n = 300_000
    x, dout = ((rng.normal(size=(n, 2)) + 3).astype(np.float32) for _ in range(2))
    for n_features in (1, 2):
        model = Sequential([PReLU(n_features)])
        model.forward(-x)
        model.backward(dout)
        expected = (dout.astype(float) * np.minimum(-x, 0)).sum(axis=0)
        np.testing.assert_allclose(model[0].dslopes, expected.sum() if n_features == 1 else expected, rtol=3e-7)
    model = Sequential([Embedding(3, 2)])
    tokens = rng.integers(3, size=n)
    model.forward(tokens)
    model.backward(dout)
    expected = [dout[tokens == k].sum(axis=0, dtype=float) for k in range(3)]
    np.testing.assert_allclose(model[0].dweights, expected, rtol=2e-7)


def test_options_given_as_numpy_numbers_do_not_promote(rng):
    model = Sequential([Dropout(np.float64(0.5), rng=0)])
    assert model.forward(rng.normal(size=(3, 2))).dtype == np.float32


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "broadcast"])
def test_metrics_and_data_take_any_layout(layout, rng):
    arrange = LAYOUTS[layout]
    scores, y = rng.normal(size=(50, 4)), rng.integers(4, size=50)
    assert accuracy(arrange(scores), arrange(y)) == accuracy(scores, y)
    assert top_k(2)(arrange(scores), arrange(y)) == top_k(2)(scores, y)
    np.testing.assert_array_equal(confusion_matrix(arrange(scores), arrange(y)), confusion_matrix(scores, y))
    other = rng.normal(size=(50, 4))
    for metric in (mean_absolute_error, r_squared):
        np.testing.assert_allclose(metric(arrange(scores), arrange(other)), metric(scores, other), rtol=1e-12)
    found = standardize(arrange(scores))
    assert found.dtype == np.float64
    assert found.dtype.isnative
    np.testing.assert_allclose(found, standardize(scores), rtol=1e-12, atol=1e-12)
