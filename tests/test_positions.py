"""Positions, learned and of waves, and an embedding that is used twice: by hand, and in pieces."""

import numpy as np
import pytest

from layers import (
    Dense,
    Embedding,
    LayerNorm,
    Padded,
    PositionalEmbedding,
    ReLU,
    Sequential,
    SinusoidalPositions,
    Tied,
    TransformerBlock,
    check_gradients,
)
from losses import SoftmaxCrossEntropy


def test_a_learned_row_is_added_to_each_position():
    layer = PositionalEmbedding(4, 2)
    layer.weights = [[1, 10], [2, 20], [3, 30], [4, 40]]
    out = layer.forward(np.full((2, 3, 2), 0.5))
    np.testing.assert_array_equal(out, np.broadcast_to([[1.5, 10.5], [2.5, 20.5], [3.5, 30.5]], (2, 3, 2)))
    dout = np.arange(12.0).reshape(2, 3, 2)
    np.testing.assert_array_equal(layer.backward(dout), dout)
    np.testing.assert_array_equal(layer.dweights, [[6, 8], [10, 12], [14, 16], [0, 0]])  # the sum of both rows


def test_the_waves_are_those_of_the_paper():
    out = SinusoidalPositions(6).forward(np.zeros((1, 50, 6)))[0]
    for t in (0, 1, 7, 49):
        for i in range(3):
            angle = t / 10000 ** (2 * i / 6)
            np.testing.assert_allclose(out[t, 2 * i : 2 * i + 2], [np.sin(angle), np.cos(angle)], atol=1e-15)


@pytest.mark.parametrize("layer", [PositionalEmbedding(9, 3, rng=0), SinusoidalPositions(3)])
def test_positions_go_on_in_pieces_for_each_row_by_itself(layer, rng):
    x = rng.normal(size=(2, 6, 3))
    model = Sequential([layer], dtype=np.float64)
    first, state = model.advance(x[:, :2])
    rest, state = model.advance(x[:, 2:], state)
    np.testing.assert_allclose(np.concatenate([first, rest], axis=1), model.predict(x), rtol=1e-15)
    _, state = model.advance(Padded(x[:, :3], [3, 1]))
    out, state = model.advance(x[:, :2], state)
    zeros = model.predict(np.zeros((1, 6, 3)))[0]
    np.testing.assert_allclose(out, x[:, :2] + [zeros[3:5], zeros[1:3]], rtol=1e-15)


def test_the_dtype_stays(rng):
    x = rng.normal(size=(1, 2, 3)).astype(np.float32)
    assert SinusoidalPositions(3).forward(x).dtype == np.float32
    assert SinusoidalPositions(3).advance(x)[0].dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: PositionalEmbedding(2, 3).forward(np.ones((1, 3, 3))),
            ValueError,
            "x must end before position 2",
        ),
        (lambda: PositionalEmbedding(2, 3).advance(np.ones((1, 1, 3)), [2]), ValueError, "got a step at 2"),
        (
            lambda: PositionalEmbedding(2, 3).advance(np.ones((1, 1, 3)), [-1]),
            ValueError,
            "state must hold 1 pos",
        ),
        (lambda: PositionalEmbedding(2, 3).advance(np.ones((1, 1, 3)), "a"), ValueError, "state must hold 1 pos"),
        (lambda: SinusoidalPositions(3).forward(np.ones((2, 3))), ValueError, r"x must have shape \(N, T, 3\) with"),
        (lambda: SinusoidalPositions(0), ValueError, "SinusoidalPositions: n_features must be at least 1, got 0"),
        (lambda: Tied(Dense(2, 2), [ReLU()]), TypeError, "Tied: embedding must be an Embedding, got Dense"),
        (lambda: Tied(Embedding, [ReLU()]), TypeError, "Tied: embedding must be an Embedding, got the class Embedding"),
        (
            lambda: Tied(Embedding(5, 2), Dense(2, 3)).forward([[1]]),
            ValueError,
            "body must give 2 features",
        ),
        (
            lambda: Tied(Embedding(5, 2), Dense(2, 3)).output_shape((4,)),
            ValueError,
            "body must give 2 features",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_clear_words(call, error, text):
    with pytest.raises(error, match=text):
        call()


# ---- an embedding that is used twice ---------------------------------------------------------------------------------


def test_the_gradient_of_tied_weights_is_the_sum_of_both_uses(rng):
    tokens, dout = rng.integers(5, size=(3, 4)), rng.normal(size=(3, 4, 5))
    tied = Tied(Embedding(5, 3), [Dense(3, 3), ReLU(), LayerNorm(3)], dtype=np.float64, rng=0)
    apart = Sequential(
        [Embedding(5, 3), Dense(3, 3), ReLU(), LayerNorm(3), Dense(3, 5, use_bias=False)], dtype=np.float64
    )
    apart.load_state_dict(
        {
            "0.weights": tied.embedding.weights,
            **{f"{int(name[5]) + 1}{name[6:]}": a for name, a in tied.state_dict().items() if name[:5] == "body."},
            "4.weights": tied.embedding.weights.T,
        }
    )
    np.testing.assert_allclose(tied.forward(tokens), apart.forward(tokens), rtol=1e-14)
    tied.backward(dout)
    apart.backward(dout)
    np.testing.assert_allclose(tied.embedding.dweights, apart[0].dweights + apart[4].dweights.T, rtol=1e-13)
    np.testing.assert_allclose(tied.body[0].dweights, apart[1].dweights, rtol=1e-13)
    assert tied.parameters.size == apart.parameters.size - 15


def test_the_body_may_be_one_layer_a_list_or_a_chain():
    for body in (Dense(3, 3), [Dense(3, 3)], Sequential([Dense(3, 3)])):
        assert list(Tied(Embedding(5, 3), body).layout) == ["embedding.weights", "body.0.weights", "body.0.bias"]


def test_a_tied_network_takes_padded_rows(rng):
    model = Tied(Embedding(5, 4), [TransformerBlock(4, 2, causal=True)], dtype=np.float64, rng=0)
    x, lengths = rng.integers(5, size=(3, 4)), [4, 2, 0]
    out = model.forward(Padded(x, lengths))
    assert isinstance(out, Padded)
    np.testing.assert_allclose(out.x[1, :2], model.predict(x[1:2, :2])[0], rtol=1e-12)
    loss = SoftmaxCrossEntropy()
    loss.forward(out, x)
    assert loss.divisor == 6
    model.forward(Padded(x, lengths))
    model.backward(loss.backward())
    assert check_gradients(model, Padded(x, lengths), loss=SoftmaxCrossEntropy(), y=x).largest < 1e-6


def test_a_tied_network_goes_on_in_pieces(rng):
    model = Tied(
        Embedding(5, 4), [PositionalEmbedding(6, 4), TransformerBlock(4, 2, causal=True)], dtype=np.float64, rng=0
    )
    x, pieces, state = rng.integers(5, size=(2, 6)), [], None
    for cut in np.split(x, [1, 4], axis=1):
        out, state = model.advance(cut, state)
        pieces.append(out)
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), model.predict(x), rtol=1e-12)
    np.testing.assert_allclose(model.predict(x, batch_size=1), model.predict(x), rtol=1e-12)
