"""The contract that every layer keeps, for one row of each public layer in the table of gradients."""

import copy
import re

import numpy as np
import pytest
from test_gradients import GATES, LAYERS, drawn, named

import layers
from layers import Add, Embedding, Flatten, Identity, Layer, ReLU, Reshape, Tied


def one_of_each(rows):
    return pytest.mark.parametrize(("layer", "inputs"), named({type(row[0]): row for row in reversed(rows)}.values()))


of_layers, of_all = one_of_each(LAYERS), one_of_each([*LAYERS, *GATES])


@pytest.fixture
def fresh(layer):
    """Return the layer of the row, with nothing to recall from other tests."""
    return copy.deepcopy(layer)


def says(layer, what):
    return re.escape(f"{layer.who}: {what}")


def gradients(layer, dout):
    """Return everything that backward gives."""
    dinputs = layer.backward(dout)
    return [layer.gradients.copy(), *(dinputs if isinstance(dinputs, tuple) else [dinputs])]


def assert_same(arrays, others):
    for array, other in zip(arrays, others, strict=True):
        np.testing.assert_array_equal(array, other)


@of_all
def test_backward_needs_a_forward_and_uses_it_up(fresh, inputs, rng):
    inputs = drawn(rng, inputs)
    message = says(fresh, "backward() needs a forward() before it")
    dout = fresh.predict(*inputs)  # which remembers nothing
    with pytest.raises(RuntimeError, match=message):
        fresh.backward(dout)
    fresh.forward(*inputs)
    fresh.backward(dout)
    with pytest.raises(RuntimeError, match=message):
        fresh.backward(dout)


@of_all
def test_backward_sets_the_gradients_and_does_not_add_to_them(fresh, inputs, rng):
    inputs, twin = drawn(rng, inputs), copy.deepcopy(fresh)
    dout = fresh.forward(*inputs)
    twin.forward(*inputs)
    twin.gradients = np.full_like(twin.gradients, np.nan)
    assert_same(gradients(fresh, dout), gradients(twin, dout))


@of_all
def test_predict_does_not_disturb_a_backward_still_to_come(fresh, inputs, rng):
    inputs, twin = drawn(rng, inputs), copy.deepcopy(fresh)
    dout = fresh.forward(*inputs)
    twin.forward(*inputs)
    fresh.predict(*(x[::-1] if np.ndim(x) else x for x in inputs))
    with pytest.raises((TypeError, ValueError)):
        fresh.predict(*("abc" for _ in inputs))
    assert_same(gradients(fresh, dout), gradients(twin, dout))


@of_all
def test_dout_must_have_exactly_the_shape_of_out(fresh, inputs, rng, unchanged):
    inputs = drawn(rng, inputs)
    shape = np.shape(fresh.predict(*inputs))
    for wrong in {(1, *shape), (*shape, 1), (), (7,)} - {shape}:  # the first three would broadcast
        fresh.forward(*inputs)
        message = re.escape(f"dout must have the shape of out, {shape}, got {wrong}")
        with unchanged(fresh.parameters, fresh.gradients), pytest.raises(ValueError, match=message):
            fresh.backward(np.ones(wrong))


@of_all
def test_dout_must_hold_real_numbers(fresh, inputs, rng, unchanged):
    inputs = drawn(rng, inputs)
    for dout in (1j * fresh.predict(*inputs), None):
        fresh.forward(*inputs)
        kind = np.asarray(dout).dtype
        message = f"dout must hold real numbers, got ({'None|' if dout is None else ''}dtype {kind})"
        with unchanged(fresh.gradients), pytest.raises(TypeError, match=message):
            fresh.backward(dout)


@one_of_each(
    [row for row in [*LAYERS, *GATES] if not isinstance(row[0], Embedding | Tied | Flatten | Identity | Reshape)]
)
def test_whole_numbers_are_numbers(fresh, inputs, rng):
    whole, twin = [np.rint(x).astype(int) + 5 for x in drawn(rng, inputs)], copy.deepcopy(fresh)
    out = fresh.forward(*whole)
    assert out.dtype == fresh.parameters.dtype
    np.testing.assert_array_equal(out, twin.forward(*map(np.float64, whole)))
    dinputs = gradients(fresh, np.ones(out.shape, int))
    assert {array.dtype for array in dinputs} == {fresh.parameters.dtype}
    assert_same(dinputs, gradients(twin, np.ones(out.shape)))


@of_layers
def test_an_empty_batch_is_refused(fresh, inputs, rng, unchanged):
    (x,) = drawn(rng, inputs)
    with unchanged(fresh.parameters), pytest.raises(ValueError, match=r"with at least one example, got \(0"):
        fresh.forward(x[:0])


@of_layers
@pytest.mark.parametrize("x", [None, "abc", [[1j]], np.array([["a"]]), 3.0])
def test_x_must_be_an_array_of_numbers(fresh, inputs, x):
    with pytest.raises((TypeError, ValueError), match=r": x must h(old|ave)"):
        fresh.forward(x)


@of_layers
def test_row_i_belongs_to_example_i(fresh, inputs, rng):
    (x,) = drawn(rng, inputs)
    # rows by themselves go through other kernels of the same product: equal up to the last digits
    rtol = 1e-5 if fresh.parameters.dtype == np.float32 else 1e-13
    np.testing.assert_allclose(fresh.predict(x[1:2]), fresh.predict(x)[1:2], rtol, atol=rtol)


@of_layers
def test_output_shape_is_that_of_one_example(fresh, inputs, rng):
    (x,) = drawn(rng, inputs)
    assert fresh.output_shape(x.shape[1:]) == fresh.output_shape(list(x.shape[1:])) == fresh.forward(x).shape[1:]


@of_layers
@pytest.mark.parametrize("shape", [(0,), (2.5,), "ab", None])
def test_output_shape_needs_a_shape(fresh, inputs, shape):
    with pytest.raises(ValueError, match="input_shape must hold whole numbers of at least 1, got"):
        fresh.output_shape(shape)


@of_all
def test_repr_is_what_one_would_type(fresh, inputs):
    assert repr(eval(repr(fresh), vars(layers).copy())) == repr(fresh)


@pytest.mark.parametrize(("layer", "option"), [(ReLU, "inplace"), (Flatten, "start_dim"), (Add, "alpha")])
def test_a_layer_without_options_takes_none(layer, option):
    # they must not be taken for the shapes of arrays
    with pytest.raises(TypeError, match=re.escape(f"{layer.__name__}() takes no arguments, got {option}")):
        layer(**{option: 1})


@pytest.mark.parametrize(
    ("method", "message"),
    [("forward", "Layer must define forward(self, x)"), ("backward", "Layer must define backward(self, dout)")],
)
def test_a_layer_must_define_its_two_methods(method, message):
    with pytest.raises(NotImplementedError, match=re.escape(message)):
        getattr(Layer(), method)(np.ones((1, 1)))
