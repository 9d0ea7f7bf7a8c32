"""SimpleRNN, LSTM and GRU: against PyTorch, against their definitions, with states, lengths and in reverse.

`recurrent.npz` was made with PyTorch 2.13.0 in float64, by this script run from the folder `tests`:

    import numpy as np, torch
    from test_recurrent import TORCH, of_torch

    torch.set_default_dtype(torch.float64)
    numbers = {}
    for name, (_, torch_name, options) in TORCH.items():
        torch.manual_seed(0)
        layer = getattr(torch.nn, torch_name)(3, 4, batch_first=True, **options)
        x = torch.randn(2, 5, 3, requires_grad=True)
        state = [torch.randn(1, 2, 4, requires_grad=True) for _ in range(1 + (torch_name == "LSTM"))]
        out, last = layer(x, tuple(state) if len(state) > 1 else state[0])
        last = last if len(state) > 1 else (last,)
        dout, dlast = torch.randn_like(out), [torch.randn_like(part) for part in last]
        ((out * dout).sum() + sum((part * d).sum() for part, d in zip(last, dlast))).backward()
        weights = [layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0]
        found = {"x": x, "out": out, "dout": dout, "dx": x.grad}
        found |= {f"state{i}": part[0] for i, part in enumerate(state)}
        found |= {f"dstate{i}": part.grad[0] for i, part in enumerate(state)}
        found |= {f"last{i}": part[0] for i, part in enumerate(last)}
        found |= {f"dlast{i}": part[0] for i, part in enumerate(dlast)}
        found |= of_torch(torch_name, [w.detach().numpy() for w in weights], "")
        found |= of_torch(torch_name, [w.grad.numpy() for w in weights], "d")
        for key, value in found.items():
            value = value.detach().numpy() if isinstance(value, torch.Tensor) else value
            numbers[f"{name} {key}"] = value

    for kind in ("LSTM", "GRU"):  # both ways, rows of unequal length
        torch.manual_seed(1)
        layer = getattr(torch.nn, kind)(3, 4, batch_first=True, bidirectional=True)
        x, dout = torch.randn(3, 5, 3, requires_grad=True), torch.randn(3, 5, 8)
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, [2, 5, 4], batch_first=True, enforce_sorted=False)
        out, last = layer(packed)
        out, _ = torch.nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
        (out * dout).sum().backward()
        last = last[0] if kind == "LSTM" else last
        found = {"x": x, "out": out, "dout": dout, "dx": x.grad, "last": last}
        for side in ("", "_reverse"):
            weights = [getattr(layer, f"{w}_l0{side}") for w in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            found |= of_torch(kind, [w.detach().numpy() for w in weights], f"{side}")
            found |= of_torch(kind, [w.grad.numpy() for w in weights], f"{side}d")
        for key, value in found.items():
            numbers[f"both {kind} {key}"] = value.detach().numpy() if isinstance(value, torch.Tensor) else value
    np.savez_compressed("recurrent.npz", **numbers)
"""

import copy
import math
import pickle
import re
import threading
from pathlib import Path

import numpy as np
import pytest
from drawn_layers import draw_layer, recurrent

from layers import GRU, LSTM, Concatenate, Container, Padded, Sequential, SimpleRNN, check_gradients, normal
from layers.contract import real_steps
from layers.sequences.gru import plain_gru
from layers.sequences.lstm import plain_lstm
from layers.sequences.simple_rnn import plain_rnn

# name: our layer, the class of torch.nn with its options
TORCH = {
    "rnn": (SimpleRNN(3, 4), "RNN", {}),
    "rnn relu": (SimpleRNN(3, 4, activation="relu"), "RNN", {"nonlinearity": "relu"}),
    "lstm": (LSTM(3, 4), "LSTM", {}),
    "gru": (GRU(3, 4), "GRU", {}),
}


def of_torch(kind, weights, d):
    """Return our arrays, given those of torch: (out, in) there, the order of the gates is the same.

    What two biases only have together, their sum, is the value of our one; the gradient of each is that of the sum.
    """
    w, u, b, c = weights
    arrays = {f"{d}weights": w.T, f"{d}recurrent_weights": u.T}
    if kind == "GRU":
        return {**arrays, f"{d}bias": b, f"{d}recurrent_bias": c}
    return {**arrays, f"{d}bias": b if d.endswith("d") else b + c}


FILE = Path(__file__).with_name("recurrent.npz")
NUMBERS = np.load(FILE) if FILE.exists() else {}  # while it is made, it is not there

KINDS = [
    SimpleRNN(3, 4, rng=0),
    SimpleRNN(3, 4, activation="relu", rng=0),
    LSTM(3, 4, rng=0),
    GRU(3, 4, rng=0),
    GRU(3, 4, reset_after=False, rng=0),
]
KINDS += [
    SimpleRNN(3, 4, reverse=True, rng=1),
    LSTM(3, 4, reverse=True, rng=1),
    GRU(3, 4, reverse=True, rng=1),
    GRU(3, 4, reset_after=False, reverse=True, rng=1),
]
LENGTHS = [None, [5, 5, 5], [5, 3, 1], [2, 5, 4], [0, 5, 0], [1, 1, 1], [0, 0, 0], [3, 3, 3]]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=repr)
every_length = pytest.mark.parametrize("lengths", LENGTHS, ids=str)


@pytest.fixture
def layer(kind, rng):
    """Return a layer of that kind with biases that are not zero."""
    layer = copy.deepcopy(kind)
    layer.parameters = rng.normal(0, 0.5, layer.parameters.size)
    return layer


def parts(state):
    return state if isinstance(state, tuple) else (state,)


def as_state(layer, arrays):
    return tuple(arrays) if isinstance(layer, LSTM) else arrays[0]


def draw_state(rng, layer, n):
    return as_state(layer, [rng.normal(size=(n, layer.n_units)) for _ in layer.parts])


def gradients(layer):
    return {name: getattr(layer, f"d{name}").copy() for name in layer.shapes}


class Carried(Container):
    """A recurrent layer of which the first state is an input and the last one a part of out, (N, ...)."""

    def __init__(self, layer, lengths=None):
        super().__init__([layer])
        self.lengths = lengths

    def forward(self, x, *state):
        (layer,) = self.layers
        out = layer.forward(x, self.lengths, as_state(layer, state))
        self._cache = out.shape
        return np.concatenate([out.reshape(len(x), -1), *parts(layer.state)], axis=1)

    def backward(self, dout, input_gradient=True):
        (layer,), (n, n_steps, units) = self.layers, self._recall()
        dout, *dlast = np.split(dout, [n_steps * units + i * units for i in range(len(layer.parts))], axis=1)
        dx = layer.backward(dout.reshape(n, n_steps, units), input_gradient, dstate=as_state(layer, dlast))
        return (dx, *parts(layer.dstate)) if input_gradient else None


# ---- the numbers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TORCH)
def test_out_state_and_gradients_are_those_of_pytorch(name):
    layer = copy.deepcopy(TORCH[name][0])
    number = {key.removeprefix(f"{name} "): NUMBERS[key] for key in NUMBERS if key.startswith(f"{name} ")}
    for array in layer.shapes:
        setattr(layer, array, number[array])
    state = as_state(layer, [number[f"state{i}"] for i in range(len(layer.parts))])
    # float64, five steps: what is left is the order of sums
    same = {"rtol": 1e-12, "atol": 1e-14}
    np.testing.assert_allclose(layer.forward(number["x"], state=state), number["out"], **same)
    for i, part in enumerate(parts(layer.state)):
        np.testing.assert_allclose(part, number[f"last{i}"], **same)
    dlast = as_state(layer, [number[f"dlast{i}"] for i in range(len(layer.parts))])
    np.testing.assert_allclose(layer.backward(number["dout"], dstate=dlast), number["dx"], **same)
    for i, part in enumerate(parts(layer.dstate)):
        np.testing.assert_allclose(part, number[f"dstate{i}"], **same)
    for array in layer.shapes:
        np.testing.assert_allclose(getattr(layer, f"d{array}"), number[f"d{array}"], **same)


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_both_ways_through_rows_of_unequal_length_are_those_of_pytorch(kind):
    name = f"both {kind.__name__} "
    number = {key.removeprefix(name): NUMBERS[key] for key in NUMBERS if key.startswith(name)}
    layer = Concatenate([kind(3, 4)], [kind(3, 4, reverse=True)])
    sides = dict(zip(("", "_reverse"), (branch[0] for branch in layer.branches), strict=True))
    for side, inner in sides.items():
        for array in inner.shapes:
            setattr(inner, array, number[f"{side}{array}"])
    same = {"rtol": 1e-12, "atol": 1e-14}
    out = layer.forward(Padded(number["x"], [2, 5, 4]))
    np.testing.assert_allclose(out.x, number["out"], **same)
    for last, inner in zip(number["last"], sides.values(), strict=True):
        np.testing.assert_allclose(parts(inner.state)[0], last, **same)
    np.testing.assert_allclose(layer.backward(number["dout"]), number["dx"], **same)
    for side, inner in sides.items():
        for array in inner.shapes:
            np.testing.assert_allclose(getattr(inner, f"d{array}"), number[f"{side}d{array}"], **same)


def test_a_gru_with_reset_before_is_that_of_its_paper(rng):
    # Cho et al. (2014), equations 5 to 8, unit by unit: h_j = z_j h_j + (1 - z_j) h~_j, h~ of [U (r * h)]_j
    layer = GRU(2, 3, reset_after=False, rng=0)
    layer.parameters = rng.normal(size=layer.parameters.size)
    x, h = rng.normal(size=(4, 2)), np.zeros(3)
    squash = lambda a: 1 / (1 + math.exp(-a))  # noqa: E731
    weighted = lambda gate, j, given, h: (  # noqa: E731
        sum(layer.weights[k, 3 * gate + j] * given[k] for k in range(2))
        + sum(layer.recurrent_weights[k, 3 * gate + j] * h[k] for k in range(3))
        + layer.bias[3 * gate + j]
    )
    expected = []
    for given in x:
        r = [squash(weighted(0, j, given, h)) for j in range(3)]
        z = [squash(weighted(1, j, given, h)) for j in range(3)]
        new = [math.tanh(weighted(2, j, given, [r[k] * h[k] for k in range(3)])) for j in range(3)]
        h = [z[j] * h[j] + (1 - z[j]) * new[j] for j in range(3)]
        expected.append(h)
    np.testing.assert_allclose(layer.forward(x[np.newaxis])[0], expected, rtol=1e-13)


def test_the_fast_forms_compute_their_definitions(rng):
    x, h, c = rng.normal(size=(6, 7, 3)), rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
    draw = lambda *shape: rng.normal(size=shape)  # noqa: E731
    rnn, lstm, after, before = SimpleRNN(3, 4), LSTM(3, 4), GRU(3, 4), GRU(3, 4, reset_after=False)
    for layer in (rnn, lstm, after, before):
        layer.parameters = draw(layer.parameters.size)
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)  # noqa: E731
    arrays = lambda layer: [getattr(layer, name) for name in layer.shapes]  # noqa: E731

    out, last = plain_rnn(x, h, *arrays(rnn))
    close(rnn.forward(x, state=h), out)
    close(rnn.state, last)
    out, last = plain_lstm(x, h, c, *arrays(lstm))
    close(lstm.forward(x, state=(h, c)), out)
    close(lstm.state, last)
    out, last = plain_gru(x, h, *arrays(after))
    close(after.forward(x, state=h), out)
    close(after.state, last)
    out, last = plain_gru(x, h, *arrays(before), None)
    close(before.forward(x, state=h), out)
    close(before.state, last)


@every_kind
@every_length
def test_gradients_with_a_state_and_lengths(layer, lengths, rng):
    x = rng.normal(size=(3, 5, 3))
    report = check_gradients(Carried(layer, lengths), x, *parts(draw_state(rng, layer, 3)))
    assert report.largest <= 1e-7
    assert report.skipped == 0


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 6, 1), (4, 1, 1), (2, 3, 1)], ids=str)
@pytest.mark.parametrize("make", [SimpleRNN, LSTM, GRU, lambda n, m: GRU(n, m, reset_after=False)])
def test_gradients_of_one_unit_one_step_one_row(make, shape, rng):
    layer = make(1, 1)
    report = check_gradients(Carried(layer), rng.normal(size=shape), *parts(draw_state(rng, layer, shape[0])))
    assert report.largest <= 1e-7


@pytest.mark.parametrize("seed", range(30))
def test_gradients_of_random_layers_at_random_scales(seed):
    draw = draw_layer(np.random.default_rng(seed), wide=False, families=[recurrent])
    assert draw.check(check_gradients).largest <= 1e-7


# ---- state -----------------------------------------------------------------------------------------------------------


@every_kind
def test_no_state_is_a_state_of_zeros(layer, rng):
    x = rng.normal(size=(2, 5, 3))
    zeros = as_state(layer, [np.zeros((2, 4)) for _ in layer.parts])
    np.testing.assert_array_equal(layer.forward(x), layer.forward(x, state=zeros))


@every_kind
def test_the_first_part_of_the_state_is_the_last_out(layer, rng):
    out = layer.forward(rng.normal(size=(2, 5, 3)))
    np.testing.assert_array_equal(parts(layer.state)[0], out[:, 0 if layer.reverse else -1])


@every_kind
def test_nothing_is_remembered_from_one_forward_to_the_next(layer, rng):
    x = rng.normal(size=(2, 5, 3))
    first = layer.forward(x)
    layer.backward(first, dstate=draw_state(rng, layer, 2))
    np.testing.assert_array_equal(layer.forward(x), first)


@every_kind
@pytest.mark.parametrize("cuts", [[1], [4], [2, 3], [1, 2, 3, 4]])
def test_pieces_with_carried_state_and_dstate_equal_the_whole(layer, cuts, rng):
    x, state = rng.normal(size=(3, 5, 3)), draw_state(rng, layer, 3)
    dout, dlast = rng.normal(size=(3, 5, 4)), draw_state(rng, layer, 3)
    out = layer.forward(x, state=state)
    last = layer.state
    dx = layer.backward(dout, dstate=dlast)
    dfirst, whole = layer.dstate, gradients(layer)

    order = -1 if layer.reverse else 1  # in reverse, the piece at the end is the first that is read
    pieces, outs, dxs, copies = np.split(np.arange(5), cuts)[::order], {}, {}, []
    for piece in pieces:
        copies.append(copy.deepcopy(layer))
        outs[piece[0]] = copies[-1].forward(x[:, piece], state=state)
        state = copies[-1].state
    added = dict.fromkeys(whole, 0.0)
    for piece, part in zip(pieces[::-1], copies[::-1], strict=True):
        dxs[piece[0]] = part.backward(dout[:, piece], dstate=dlast)
        dlast = part.dstate
        added = {name: added[name] + gradient for name, gradient in gradients(part).items()}
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)  # noqa: E731
    close(np.concatenate([outs[k] for k in sorted(outs)], axis=1), out)
    close(state, last)
    close(np.concatenate([dxs[k] for k in sorted(dxs)], axis=1), dx)
    close(dlast, dfirst)
    for name, gradient in whole.items():
        close(added[name], gradient)


@every_kind
def test_advance_is_predict_with_memory_and_leaves_nothing_behind(layer, rng, unchanged):
    x, state = rng.normal(size=(2, 5, 3)), draw_state(rng, layer, 2)
    before = dict(vars(layer))
    with unchanged(*parts(state), layer.parameters):
        out, last = layer.advance(x, state)
        np.testing.assert_array_equal(out, layer.predict(x, state=state))
    assert vars(layer) == before
    assert layer.state is None
    np.testing.assert_array_equal(out, layer.forward(x, state=state))
    np.testing.assert_array_equal(last, layer.state)


def test_predict_keeps_the_state_and_the_cache_of_the_last_forward(rng):
    layer, x = LSTM(3, 4, rng=0), rng.normal(size=(2, 5, 3))
    out = layer.forward(x)
    state = layer.state
    layer.predict(x[::-1])
    layer.advance(x[::-1])
    assert layer.state is state
    dx = layer.backward(out)
    layer.forward(x)
    np.testing.assert_array_equal(layer.backward(out), dx)


def test_the_arrays_of_the_caller_and_of_the_last_pass_are_not_changed(rng, unchanged):
    for n, n_steps in ((1, 5), (3, 1), (1, 1), (2, 4)):  # where no row has to move in memory, too
        for kind in KINDS:
            layer = copy.deepcopy(kind)
            x, state, dstate = rng.normal(size=(n, n_steps, 3)), draw_state(rng, layer, n), draw_state(rng, layer, n)
            dout = rng.normal(size=(n, n_steps, 4))
            with unchanged(x, dout, *parts(state), *parts(dstate)):
                out = layer.forward(x, state=state)
                with unchanged(out, *parts(layer.state)):
                    layer.backward(dout, dstate=dstate)


def test_a_state_does_not_decide_the_dtype(rng):
    x = rng.normal(size=(2, 5, 3)).astype(np.float32)
    for kind in KINDS:
        model = Sequential([copy.deepcopy(kind)])
        out = model.forward(x, state=(draw_state(rng, kind, 2),))
        assert out.dtype == np.float32
        assert {part.dtype for part in parts(model.state[0])} == {np.dtype(np.float32)}
        dx = model.backward(np.ones(out.shape), dstate=(draw_state(rng, kind, 2),))
        assert dx.dtype == model.gradients.dtype == np.float32
        assert {part.dtype for part in parts(model.dstate[0])} == {np.dtype(np.float32)}


def test_one_part_of_the_state_of_an_lstm_may_be_left_out(rng):
    layer, x, h = LSTM(3, 4, rng=0), rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 4))
    np.testing.assert_array_equal(layer.forward(x, state=(h, None)), layer.forward(x, state=(h, np.zeros((2, 4)))))


def test_a_copy_has_neither_state_nor_cache(rng):
    layer = LSTM(3, 4, rng=0)
    layer.forward(rng.normal(size=(2, 5, 3)))
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert other.state is None
        np.testing.assert_array_equal(other.parameters, layer.parameters)


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (np.zeros((2, 4)), TypeError, r"state must be a tuple \(h, c\), got ndarray"),
        ((np.zeros((2, 4)),), ValueError, r"state must be \(h, c\), got 1 of them"),
        ((np.zeros((2, 4)), np.zeros((2, 5))), ValueError, r"state c must have shape \(2, 4\), got \(2, 5\)"),
        ((np.zeros((1, 4)), np.zeros((2, 4))), ValueError, r"state h must have shape \(2, 4\), got \(1, 4\)"),
        ((np.zeros((2, 4)), "c"), TypeError, "state c must hold real numbers, got dtype <U1"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(state, error, message, rng):
    layer, x = LSTM(3, 4, rng=0), rng.normal(size=(2, 5, 3))
    with pytest.raises(error, match=r"^LSTM\(3, 4\): " + message):
        layer.forward(x, state=state)
    layer.forward(x)
    with pytest.raises(error, match=r"^LSTM\(3, 4\): d" + message):
        layer.backward(np.ones((2, 5, 4)), dstate=state)


@every_kind
def test_x_must_be_sequences(layer):
    for shape in ((2, 3), (2, 5, 4), (2, 5, 2, 3)):
        with pytest.raises(ValueError, match=re.escape(f"x must have shape (N, T, 3), got {shape}")):
            layer.forward(np.zeros(shape))
    for shape, what in (((0, 5, 3), "example"), ((2, 0, 3), "step")):
        with pytest.raises(ValueError, match=re.escape(f"with at least one {what}, got {shape}")):
            layer.forward(np.zeros(shape))


# ---- lengths ---------------------------------------------------------------------------------------------------------


@every_kind
@every_length
def test_each_row_is_as_if_it_were_alone_and_not_padded(layer, lengths, rng):
    x, state = rng.normal(size=(3, 5, 3)), draw_state(rng, layer, 3)
    dout, dlast = rng.normal(size=(3, 5, 4)), draw_state(rng, layer, 3)
    out = layer.forward(x, lengths, state)
    last = layer.state
    dx = layer.backward(dout, dstate=dlast)
    dfirst, whole, added = layer.dstate, gradients(layer), dict.fromkeys(layer.shapes, 0.0)
    of_row = lambda i, given: as_state(layer, [part[i : i + 1] for part in parts(given)])  # noqa: E731
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)  # noqa: E731
    for i, n_steps in enumerate(lengths or [5, 5, 5]):
        assert not out[i, n_steps:].any()
        assert not dx[i, n_steps:].any()
        if not n_steps:  # the state stays what it was, and so does its gradient
            close(of_row(i, last), of_row(i, state))
            close(of_row(i, dfirst), of_row(i, dlast))
            continue
        close(layer.forward(x[i : i + 1, :n_steps], state=of_row(i, state))[0], out[i, :n_steps])
        close(layer.state, of_row(i, last))
        close(layer.backward(dout[i : i + 1, :n_steps], dstate=of_row(i, dlast))[0], dx[i, :n_steps])
        close(layer.dstate, of_row(i, dfirst))
        added = {name: added[name] + gradient for name, gradient in gradients(layer).items()}
    for name, gradient in whole.items():
        close(added[name], gradient)


def everything(layer, x, lengths, state, dout, dstate):
    """Return all that a pass there and back gives."""
    out = layer.forward(x, lengths, state)
    last = parts(layer.state)
    dx = layer.backward(dout, dstate=dstate)
    return [out, *last, dx, *parts(layer.dstate), layer.gradients.copy()]


@every_kind
@pytest.mark.parametrize("value", [0.0, -0.0, 1e30, -np.inf, np.nan])
def test_any_value_in_the_padding_gives_the_same_bits(layer, value, rng):
    lengths = np.array([3, 5, 0])
    x, dout = rng.normal(size=(3, 5, 3)), rng.normal(size=(3, 5, 4))
    state, dstate = draw_state(rng, layer, 3), draw_state(rng, layer, 3)
    expected = everything(layer, x, lengths, state, dout, dstate)
    padding = ~real_steps(lengths, 5)
    x[padding] = dout[padding] = value
    for array, other in zip(everything(layer, x, lengths, state, dout, dstate), expected, strict=True):
        assert array.tobytes() == other.tobytes()


@every_kind
def test_any_amount_of_padding_gives_the_same(layer, rng):
    lengths = np.array([3, 5, 1])
    x, dout = rng.normal(size=(3, 5, 3)), rng.normal(size=(3, 5, 4))
    state, dstate = draw_state(rng, layer, 3), draw_state(rng, layer, 3)
    expected = everything(layer, x, lengths, state, dout, dstate)
    longer = [np.concatenate([array, np.full((3, 9, array.shape[2]), np.nan)], axis=1) for array in (x, dout)]
    found = everything(layer, longer[0], lengths, state, longer[1], dstate)
    found = [array[:, :5] if array.ndim == 3 else array for array in found]
    for array, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("lengths", "error", "message"),
    [
        ([6, 1], ValueError, "lengths must be from 0 to the number of steps, 5, got 6 in row 0"),
        ([1, -1], ValueError, "lengths must be from 0 to the number of steps, 5, got -1 in row 1"),
        ([5], ValueError, r"lengths must have shape \(2,\), one for each row, got \(1,\)"),
        ([[5, 5]], ValueError, r"lengths must have shape \(2,\), one for each row, got \(1, 2\)"),
        (3, ValueError, r"lengths must have shape \(2,\), one for each row, got \(\)"),
        ([2.0, 3.0], TypeError, "lengths must hold whole numbers, got dtype float64"),
        ([True, False], TypeError, "lengths must hold whole numbers, got dtype bool"),
        ("ab", TypeError, "lengths must hold whole numbers, got dtype <U2"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(lengths, error, message, rng):
    with pytest.raises(error, match=r"^GRU\(3, 4\): " + message):
        GRU(3, 4).forward(rng.normal(size=(2, 5, 3)), lengths)


# ---- first values and options ----------------------------------------------------------------------------------------


def test_the_recurrent_weights_of_each_gate_are_orthogonal():
    for kind in (SimpleRNN(3, 8, rng=0), LSTM(3, 8, rng=0), GRU(3, 8, rng=0)):
        for block in np.split(kind.recurrent_weights, kind.n_gates, axis=1):
            np.testing.assert_allclose(block.T @ block, np.eye(8), atol=1e-14)


def test_the_weights_of_each_gate_have_the_spread_of_glorot():
    for kind in (SimpleRNN(30, 50, rng=0), LSTM(30, 50, rng=0), GRU(30, 50, rng=0)):
        limit = math.sqrt(6 / (30 + 50))  # that of U(-limit, limit) for a gate by itself
        for block in np.split(kind.weights, kind.n_gates, axis=1):
            assert 0.99 * limit < np.abs(block).max() <= limit
            assert block.std() == pytest.approx(limit / math.sqrt(3), rel=0.05)


def test_the_bias_of_the_forget_gate_is_one_and_all_others_are_zero():
    np.testing.assert_array_equal(LSTM(3, 2).bias, [0, 0, 1, 1, 0, 0, 0, 0])
    assert not SimpleRNN(3, 2).bias.any()
    assert not GRU(3, 2).bias.any()
    assert not GRU(3, 2).recurrent_bias.any()


def test_one_seed_gives_one_layer_and_one_network():
    for kind in (SimpleRNN, LSTM, GRU):
        np.testing.assert_array_equal(kind(3, 4, rng=5).parameters, kind(3, 4, rng=5).parameters)
        np.testing.assert_array_equal(
            Sequential([kind(3, 4)], rng=5).parameters, Sequential([kind(3, 4)], rng=5).parameters
        )


def test_a_gru_with_reset_before_has_one_bias():
    assert list(GRU(3, 4).layout) == ["weights", "recurrent_weights", "bias", "recurrent_bias"]
    assert list(GRU(3, 4, reset_after=False).layout) == ["weights", "recurrent_weights", "bias"]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: LSTM(0, 4), ValueError, "LSTM: n_inputs must be at least 1, got 0"),
        (lambda: GRU(3, 2.5), TypeError, "GRU: n_units must be a whole number, got 2.5"),
        (lambda: GRU(3, -1), ValueError, "GRU: n_units must be at least 1, got -1"),
        (lambda: SimpleRNN(3, 4, activation="gelu"), ValueError, "activation must be 'tanh' or 'relu', got 'gelu'"),
        (lambda: LSTM(3, 4, recurrent_initializer=3), TypeError, "recurrent_initializer must be a callable"),
        (lambda: LSTM(3, 4, initializer=normal), TypeError, "initializer must be a callable"),
    ],
)
def test_arguments_out_of_range_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_gates_far_out_neither_overflow_nor_warn():
    x = np.array([[[1e4], [-1e4]]])
    for kind in KINDS:
        layer = type(kind)(1, 2, rng=0)
        layer.parameters = np.where(np.arange(layer.parameters.size) % 2, 1e3, -1e3)
        out = layer.forward(x)
        assert np.isfinite(out).all()
        assert np.isfinite(layer.backward(np.ones_like(out))).all()


def test_a_gate_that_is_nearly_closed_lets_the_right_share_through():
    # biases alone, from a state of zeros: c = tanh(1) / (1 + e^40), h = tanh(c) / (1 + e^40), as sigmoid(-40) is
    closed, x = 1 / (1 + math.exp(40)), np.zeros((1, 1, 1))
    lstm = LSTM(1, 1)
    lstm.bias = [-40, 0, 1, -40]
    c = closed * math.tanh(1)
    assert lstm.forward(x).item() == pytest.approx(closed * math.tanh(c), rel=1e-14)
    assert lstm.state[1].item() == pytest.approx(c, rel=1e-14)
    for reset_after in (True, False):  # 1 - z is sigmoid(-40), and no digit of it is left in 1 - sigmoid(40)
        gru = GRU(1, 1, reset_after=reset_after)
        gru.bias = [0, 40, 1]
        assert gru.forward(x).item() == pytest.approx(closed * math.tanh(1), rel=1e-14)
        gru.backward(np.ones((1, 1, 1)))
        # dbias of n: (1 - z) * (1 - n**2); of z: (h - n) * z * (1 - z)
        expected = [0, -math.tanh(1) * closed, closed / math.cosh(1) ** 2]
        np.testing.assert_allclose(gru.dbias, expected, rtol=1e-13)


def test_threads_advance_by_themselves(rng):
    layer, xs = LSTM(3, 4, rng=0), rng.normal(size=(4, 2, 50, 3))
    expected, found = [layer.predict(x) for x in xs], [[] for _ in xs]

    def go(i):
        state = None
        for t in range(50):
            out, state = layer.advance(xs[i][:, t : t + 1], state)
            found[i].append(out)

    threads = [threading.Thread(target=go, args=(i,)) for i in range(len(xs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for outs, whole in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.concatenate(outs, axis=1), whole, rtol=1e-12, atol=1e-14)
