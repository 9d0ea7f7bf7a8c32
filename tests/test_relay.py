"""State through containers: tuples of one entry a layer, in and out, forward and backward."""

import copy

import numpy as np
import pytest

from layers import (
    GRU,
    LSTM,
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    GlobalAveragePool,
    LastStep,
    LayerNorm,
    Padded,
    Repeat,
    Residual,
    Sequential,
    SimpleRNN,
    Tanh,
)
from losses import SoftmaxCrossEntropy


def network():
    inner = Sequential([SimpleRNN(5, 5), Tanh()])
    block = Residual([GRU(5, 5), Dense(5, 5)])
    sides = Concatenate([LSTM(5, 2)], [Dense(5, 4), GRU(4, 3)])
    return Sequential(
        [Dense(3, 4), LSTM(4, 5), LayerNorm(5), inner, block, sides, Dense(5, 2)], dtype=np.float64, rng=0
    )


def arrays(state):
    """Return all arrays in a state, from left to right."""
    if isinstance(state, tuple):
        return [array for entry in state for array in arrays(entry)]
    return [] if state is None else [state]


def like(state, rng):
    """Return a state of random numbers with the entries of this one."""
    if isinstance(state, tuple):
        return tuple(like(entry, rng) for entry in state)
    return None if state is None else rng.normal(size=state.shape)


def close(a, b):
    for one, other in zip(arrays(a), arrays(b), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


@pytest.fixture
def x(rng):
    return rng.normal(size=(3, 6, 3))


def test_the_state_of_a_chain_has_one_entry_for_each_layer(x):
    model = network()
    model.forward(x)
    dense, lstm, norm, inner, block, sides, last = model.state
    assert dense is norm is last is None
    assert [part.shape for part in lstm] == [(3, 5), (3, 5)]
    assert inner[1] is None
    assert len(block) == 1  # one branch, of two layers
    assert block[0][0].shape == (3, 5)
    assert [len(side) for side in sides] == [1, 2]
    assert sides[1][0] is None
    assert model.takes_state
    assert not Sequential([Dense(3, 3), Residual([Tanh()])]).takes_state


def test_pieces_with_carried_state_and_dstate_equal_the_whole(x, rng):
    model, dout = network(), rng.normal(size=(3, 6, 2))
    model.forward(x)
    first, dlast = like(model.state, rng), like(model.state, rng)
    out = model.forward(x, state=first)
    last = model.state
    dx = model.backward(dout, dstate=dlast)
    dfirst, gradients = model.dstate, model.gradients.copy()

    pieces, outs, state = [slice(0, 2), slice(2, 3), slice(3, 6)], [], first
    copies = [copy.deepcopy(model) for _ in pieces]
    for piece, part in zip(pieces, copies, strict=True):
        outs.append(part.forward(x[:, piece], state=state))
        state = part.state
    close(np.concatenate(outs, axis=1), out)
    close(state, last)
    dxs, dstate, added = [], dlast, 0.0
    for piece, part in reversed([*zip(pieces, copies, strict=True)]):
        dxs.insert(0, part.backward(dout[:, piece], dstate=dstate))
        dstate, added = part.dstate, added + part.gradients
    close(np.concatenate(dxs, axis=1), dx)
    close(dstate, dfirst)
    close(added, gradients)


def test_dstate_is_the_derivative_by_the_first_state(x, rng):
    model, weights = network(), rng.normal(size=(3, 6, 2))
    model.forward(x)
    first, dlast = like(model.state, rng), like(model.state, rng)

    def loss(state):
        out = model.forward(x, state=state)
        return np.sum(out * weights) + sum(
            np.sum(a * b) for a, b in zip(arrays(model.state), arrays(dlast), strict=True)
        )

    loss(first)
    model.backward(weights, dstate=dlast)
    for part, gradient in zip(arrays(first), arrays(model.dstate), strict=True):
        direction, step = rng.normal(size=part.shape), 1e-6
        part += step * direction
        above = loss(first)
        part -= 2 * step * direction
        below = loss(first)
        part += step * direction
        assert (above - below) / (2 * step) == pytest.approx(np.sum(gradient * direction), rel=1e-6, abs=1e-8)


def test_dstate_comes_out_without_an_input_gradient_too(x, rng):
    model = Sequential([LSTM(3, 4), Dense(4, 2)], rng=0)
    out = model.forward(x)
    model.backward(out)
    expected = arrays(model.dstate)
    model.forward(x)
    assert model.backward(out, input_gradient=False) is None
    close(tuple(arrays(model.dstate)), tuple(expected))


def test_a_resting_layer_gives_the_gradient_of_the_state_that_it_was_given(rng):
    tokens, state = rng.integers(0, 4, (3, 5)), (None, (rng.normal(size=(3, 6)), rng.normal(size=(3, 6))), None)
    awake = Sequential([Embedding(4, 3), LSTM(3, 6), Dense(6, 4)], dtype=np.float64, rng=0)
    resting = copy.deepcopy(awake)
    for layer in resting.layers[:2]:
        layer.rest()
    for model in (awake, resting):
        out = model.forward(tokens, state=state)
        model.backward(np.ones_like(out), input_gradient=False)
    close(resting.dstate, awake.dstate)
    resting.forward(tokens)
    resting.backward(np.ones_like(out), input_gradient=False)
    assert resting.dstate == (None, None, None)  # nobody gave it one: no work for it, and nothing left of the last pass


@pytest.mark.parametrize("cuts", [[1, 2, 3, 4, 5], [4], [2, 3]])
def test_advance_in_pieces_gives_what_predict_gives(cuts, x):
    model = network()
    before, states, state, outs = model.predict(x), [], None, []
    for piece in np.split(np.arange(6), cuts):
        out, state = model.advance(x[:, piece], state)
        outs.append(out)
        states.append(state)
    close(np.concatenate(outs, axis=1), before)
    close(states[-1], model.advance(x)[1])
    with pytest.raises(RuntimeError, match="needs a forward"):
        model.backward(before)


def test_advance_touches_neither_the_state_that_it_is_given_nor_the_model(x, unchanged):
    model = network()
    out = model.forward(x)
    state = model.state
    with unchanged(model.parameters, *arrays(state)):
        after, _ = model.advance(x, state), model.advance(x, state)
        close(after, model.advance(x, state))
    close(model.state, state)
    model.backward(out)


def test_a_layer_without_memory_advances_by_predict(x):
    model = Sequential([Dense(3, 4), Dropout(0.5), Tanh()], rng=0)
    out, state = model.advance(x)
    np.testing.assert_array_equal(out, model.predict(x))
    assert state == (None, None, None)
    np.testing.assert_array_equal(model.advance(x, state)[0], out)
    assert Dense(3, 4).advance(x)[1] is None


def test_what_advance_leaves_is_what_forward_begins_with(x):
    inner = Sequential([Tanh(), Residual([Dense(4, 4)])])
    model = Sequential([Dense(3, 4), inner, LSTM(4, 5), Sequential([GRU(5, 2)])], dtype=np.float64, rng=0)
    _, state = model.advance(x[:, :3])
    assert state[1] == (None, ((None,),))  # of a Residual one entry for each branch
    out = model.forward(x[:, 3:], state=state)
    np.testing.assert_array_equal(out, model.advance(x[:, 3:], state)[0])
    np.testing.assert_array_equal(out, model.predict(x[:, 3:], state=state))
    model.backward(out, dstate=model.advance(x)[1])  # a dstate has the form of a state


def test_padded_rows_advance_too(rng):
    tokens, lengths = rng.integers(0, 5, (3, 4)), [4, 2, 0]
    model = Sequential([Embedding(5, 3), GRU(3, 4), Dense(4, 2)], dtype=np.float64, rng=0)
    out, state = model.advance(Padded(tokens, lengths))
    np.testing.assert_array_equal(out.steps, model.predict(Padded(tokens, lengths)).steps)
    model.forward(Padded(tokens, lengths))
    close(state, model.state)
    end, state = Sequential([GRU(3, 4, rng=0), LastStep()]).advance(Padded(rng.normal(size=(3, 4, 3)), lengths))
    assert end.shape == state[0].shape == (3, 4)
    np.testing.assert_array_equal(end, state[0])  # without a first state also in the row of length 0
    pool = Sequential([GlobalAveragePool()])
    np.testing.assert_array_equal(pool.advance(Padded(np.ones((2, 3, 1)), [3, 0]))[0], [[1.0], [0.0]])


def test_an_encoder_and_a_decoder_that_begins_with_its_state(rng):
    # the whole derivative by hand: decoder, then encoder by dstate
    x, tokens, y = rng.normal(size=(3, 5, 2)), rng.integers(0, 4, (3, 4)), rng.integers(0, 4, (3, 4))
    encoder = Sequential([LSTM(2, 6)], dtype=np.float64, rng=0)
    decoder = Sequential([Embedding(4, 3), LSTM(3, 6), Dense(6, 4)], dtype=np.float64, rng=1)
    loss = SoftmaxCrossEntropy()

    def value():
        encoder.forward(x)
        return loss.forward(decoder.forward(tokens, state=(None, encoder.state[0], None)), y)

    value()
    decoder.backward(loss.backward())
    encoder.backward(np.zeros((3, 5, 6)), dstate=(decoder.dstate[1],))
    gradient, direction, step = encoder.gradients.copy(), rng.normal(size=encoder.parameters.size), 1e-6
    encoder.parameters += step * direction
    above = value()
    encoder.parameters -= 2 * step * direction
    below = value()
    assert (above - below) / (2 * step) == pytest.approx(gradient @ direction, rel=1e-6)


def test_an_encoder_and_a_decoder_in_one_chain(rng):
    model = Sequential([LSTM(3, 4), LastStep(), Repeat(2), LSTM(4, 4), Dense(4, 5)], rng=0)
    assert model.output_shape((7, 3)) == (2, 5)
    out = model.forward(Padded(rng.normal(size=(2, 7, 3)), [7, 3]))
    assert type(out) is np.ndarray  # the lengths have ended at the last step
    assert model.backward(out).shape == (2, 7, 3)


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (np.zeros((3, 4)), TypeError, "state must be a tuple, one entry for each layer, got ndarray"),
        ((None,), ValueError, "state must have 2 entries, one for each layer, got 1"),
        (
            (np.zeros((3, 4)), None),
            TypeError,
            r"Dense\(3, 4\), layer 0: state must be None, since this",
        ),
        ((None, np.zeros((3, 5))), ValueError, r"GRU\(4, 4\), layer 1: state h must have shape \(3, 4\), got \(3, 5\)"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(state, error, message, x):
    model = Sequential([Dense(3, 4), GRU(4, 4)])
    for go in (lambda: model.forward(x, state=state), lambda: model.advance(x, state)):
        with pytest.raises(error, match=message):
            go()
    out = model.forward(x)
    with pytest.raises(error, match=message.replace("state", "dstate", 1)):
        model.backward(out, dstate=state)


def test_a_state_is_for_the_whole_batch(x):
    model = Sequential([GRU(3, 4)])
    with pytest.raises(TypeError, match="with a batch_size x must be a Padded, which has its lengths, without a state"):
        model.predict(x, batch_size=2, state=(None,))


def test_a_residual_without_projection_hands_the_state_on(x):
    block = Residual([LSTM(3, 3)], rng=0)
    out = block.forward(x)
    (((h, _),),) = block.state
    np.testing.assert_array_equal(out[:, -1], x[:, -1] + h)
    state = block.state
    np.testing.assert_array_equal(block.forward(x, state=state), block.advance(x, state)[0])
