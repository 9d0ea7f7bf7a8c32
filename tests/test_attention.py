"""Attention: against PyTorch, against its definition, with masks, lengths, in pieces, in blocks, and in little memory.

`attention.npz` was made with PyTorch 2.13.0 in float64, by this script run from the folder `tests`:

    import numpy as np, torch
    from torch import nn

    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    numbers = {}

    def keep(name, out, leaves, dout=None):
        dout = torch.randn_like(out) if dout is None else dout
        (out * dout).sum().backward()
        found = {"out": out, "dout": dout} | leaves | {f"d{key}": value.grad for key, value in leaves.items()}
        numbers.update({f"{name} {key}": value.detach().numpy() for key, value in found.items()})

    def wild(*shape):
        return (2 * torch.randn(*shape)).requires_grad_()

    mask = torch.rand(2, 3, 4, 6) < 0.6
    mask[..., 0] = True
    numbers["mask"] = mask.numpy()
    ways = {"plain": ({}, 6), "masked": ({"attn_mask": mask}, 6), "causal": ({"is_causal": True}, 4)}
    for name, (options, n_keys) in ways.items():
        q, k, v = wild(2, 3, 4, 5), wild(2, 3, n_keys, 5), wild(2, 3, n_keys, 2)
        out = nn.functional.scaled_dot_product_attention(q, k, v, **options)
        keep(name, out, {"q": q, "k": k, "v": v})

    def arrays_of(layer):
        return {name: value for name, value in layer.named_parameters()}

    layer = nn.MultiheadAttention(6, 3, batch_first=True)
    nn.init.normal_(layer.in_proj_bias), nn.init.normal_(layer.out_proj.bias)
    x, later = wild(3, 5, 6), torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
    keep("self", layer(x, x, x, attn_mask=later)[0], {"x": x} | arrays_of(layer))
    layer.zero_grad()
    x, padding = wild(3, 5, 6), torch.arange(5) >= torch.tensor([5, 2, 3])[:, None]
    out = layer(x, x, x, key_padding_mask=padding)[0]
    keep("padded", out, {"x": x} | arrays_of(layer), torch.randn(3, 5, 6) * ~padding[..., None])

    layer = nn.MultiheadAttention(6, 2, kdim=4, vdim=4, batch_first=True)
    nn.init.normal_(layer.in_proj_bias), nn.init.normal_(layer.out_proj.bias)
    x, memory = wild(2, 5, 6), wild(2, 3, 4)
    keep("cross", layer(x, memory, memory)[0], {"x": x, "memory": memory} | arrays_of(layer))

    layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
    for array in layer.parameters():
        nn.init.normal_(array)
    x, later = wild(2, 5, 8), torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
    keep("block", layer(x, src_mask=later), {"x": x} | arrays_of(layer))
    np.savez_compressed("attention.npz", **numbers)
"""

import copy
import itertools
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from layers import (
    CrossAttention,
    Dense,
    Graph,
    LayerNorm,
    Padded,
    Residual,
    ScaledDotProduct,
    SelfAttention,
    Sequential,
    TransformerBlock,
    check_gradients,
)
from layers.sequences import attending
from layers.sequences.attending import plain_attention
from training import load, save

HERE = Path(__file__).parent
with np.load(HERE / "attention.npz") as arrays:
    TORCH = dict(arrays)


def torch(name, key):
    return TORCH[f"{name} {key}"]


def close(found, wanted, at_most=1e-12):
    np.testing.assert_allclose(found, wanted, rtol=at_most, atol=at_most * np.abs(wanted).max())


# ---- against PyTorch -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plain", "masked", "causal"])
def test_the_gate_is_that_of_pytorch(name):
    gate = ScaledDotProduct(causal=name == "causal")
    mask = TORCH["mask"] if name == "masked" else None
    close(gate.forward(*(torch(name, part) for part in "qkv"), mask=mask), torch(name, "out"))
    for found, part in zip(gate.backward(torch(name, "dout")), "qkv", strict=True):
        close(found, torch(name, f"d{part}"))


def fill(layer, name, prefix=""):
    """Give a SelfAttention the arrays of PyTorch, (out, in) there, and return the gradients that it should get."""
    names = {"weights": "in_proj_weight", "bias": "in_proj_bias", "output_weights": "out_proj.weight",
             "output_bias": "out_proj.bias"}  # fmt: skip
    for ours, theirs in names.items():
        setattr(layer, ours, torch(name, prefix + theirs).T)
    return {ours: torch(name, f"d{prefix}{theirs}").T for ours, theirs in names.items()}


@pytest.mark.parametrize(("name", "causal", "lengths"), [("self", True, None), ("padded", False, [5, 2, 3])])
def test_self_attention_is_that_of_pytorch(name, causal, lengths):
    layer = SelfAttention(6, 3, causal=causal)
    wanted = fill(layer, name)
    out = layer.forward(torch(name, "x"), lengths=lengths)
    real = np.ones((3, 5), bool) if lengths is None else np.arange(5) < np.array(lengths)[:, np.newaxis]
    close(out[real], torch(name, "out")[real])
    assert not out[~real].any()
    dx = layer.backward(torch(name, "dout"))
    close(dx, torch(name, "dx"))
    for array, gradient in wanted.items():
        close(getattr(layer, f"d{array}"), gradient)


def test_cross_attention_is_that_of_pytorch():
    layer = CrossAttention(6, 2, n_memory=4)
    q, k, v = (torch("cross", f"{part}_proj_weight").T for part in "qkv")
    layer.weights, layer.memory_weights = q, np.concatenate([k, v], axis=1)
    layer.bias, layer.memory_bias = np.split(torch("cross", "in_proj_bias"), [6])
    layer.output_weights, layer.output_bias = torch("cross", "out_proj.weight").T, torch("cross", "out_proj.bias")
    close(layer.forward(torch("cross", "x"), torch("cross", "memory")), torch("cross", "out"))
    dx, dmemory = layer.backward(torch("cross", "dout"))
    close(dx, torch("cross", "dx"))
    close(dmemory, torch("cross", "dmemory"))
    dq, dk, dv = (torch("cross", f"d{part}_proj_weight").T for part in "qkv")
    close(layer.dweights, dq)
    close(layer.dmemory_weights, np.concatenate([dk, dv], axis=1))
    close(np.concatenate([layer.dbias, layer.dmemory_bias]), torch("cross", "din_proj_bias"))


def test_a_transformer_block_is_that_of_pytorch():
    block = TransformerBlock(8, 2, n_hidden=12, causal=True, exact=True, dtype=np.float64)
    attending_chain, thinking = block
    fill(attending_chain.layers[1], "block", "self_attn.")
    for norm, number in ((attending_chain.layers[0], 1), (thinking.layers[0], 2)):
        norm.gain, norm.bias = torch("block", f"norm{number}.weight"), torch("block", f"norm{number}.bias")
    for dense, number in ((thinking.layers[1], 1), (thinking.layers[3], 2)):
        dense.weights, dense.bias = torch("block", f"linear{number}.weight").T, torch("block", f"linear{number}.bias")
    close(block.forward(torch("block", "x")), torch("block", "out"))
    close(block.backward(torch("block", "dout")), torch("block", "dx"))
    close(thinking.layers[1].dweights, torch("block", "dlinear1.weight").T)
    close(attending_chain.layers[1].dweights, torch("block", "dself_attn.in_proj_weight").T)


# ---- the fast form against the plain one -----------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 7, 40, 10_000])
@pytest.mark.parametrize("causal", [False, True])
def test_attention_in_blocks_is_attention(monkeypatch, rng, most, causal):
    monkeypatch.setattr(attending, "MOST", most)
    monkeypatch.setattr(attending, "LEAST", 2)
    q, k, v = (rng.normal(size=shape) for shape in ((3, 2, 7, 4), (3, 2, 9, 4), (3, 2, 9, 5)))
    mask = rng.random((3, 2, 7, 9)) < 0.5
    shown = mask & (np.arange(9) <= 2 + np.arange(7)[:, np.newaxis]) if causal else mask
    gate = ScaledDotProduct(causal=causal)
    close(gate.forward(q, k, v, mask=mask), plain_attention(q, k, v, shown), 1e-13)

    class Masked(ScaledDotProduct):
        def forward(self, q, k, v):
            return super().forward(q, k, v, mask=mask)

    assert check_gradients(Masked(causal=causal), q, k, v).largest < 1e-7


def test_a_query_with_nothing_to_attend_to_gives_zeros_and_zero_gradients(rng):
    q, k, v = (rng.normal(size=(2, 3, 4)) for _ in range(3))
    mask = np.ones((2, 3, 3), bool)
    mask[0, 1] = False
    gate = ScaledDotProduct()
    out = gate.forward(q, k, v, mask=mask)
    assert not out[0, 1].any()
    assert out[1].any()
    dq, dk, dv = gate.backward(np.ones_like(out))
    assert not dq[0, 1].any()
    assert np.isfinite([dq, dk, dv]).all()
    gate = ScaledDotProduct(causal=True)  # more queries than keys: the first ones stand before all of them
    out = gate.forward(rng.normal(size=(5, 2)), rng.normal(size=(2, 2)), rng.normal(size=(2, 2)))
    assert not out[:3].any()
    assert not gate.backward(np.ones_like(out))[0][:3].any()


def test_masks_of_every_shape_mean_the_same(rng):
    layer, x = SelfAttention(6, 2, rng=0), rng.normal(size=(3, 4, 6))
    mask = np.tri(4, dtype=bool)
    wanted = SelfAttention(6, 2, causal=True, rng=0).predict(x)
    for shape in ((4, 4), (1, 4, 4), (3, 4, 4), (1, 1, 4, 4), (3, 2, 4, 4)):
        close(layer.predict(x, mask=np.broadcast_to(mask, shape)), wanted)


# ---- lengths ---------------------------------------------------------------------------------------------------------


def attentive(causal):
    body = [LayerNorm(6), SelfAttention(6, 2, causal=causal), Dense(6, 6)]
    return Sequential([Residual(body), TransformerBlock(6, 3, causal=causal)], dtype=np.float64, rng=0)


@pytest.mark.parametrize("causal", [False, True])
def test_what_stands_in_the_padding_changes_no_bit(rng, causal):
    model, x, lengths = attentive(causal), rng.normal(size=(4, 5, 6)), [5, 2, 0, 1]
    real = np.arange(5) < np.array(lengths)[:, np.newaxis]
    results = []
    for inside in (0.0, np.nan, 1e300, -np.inf):
        x[~real] = inside
        out = model.forward(Padded(x, lengths))
        dx = model.backward(np.where(real[..., np.newaxis], 1.5, inside) * np.ones_like(x))
        results.append([out.x[real], dx, model.gradients.copy()])
        assert not dx[~real].any()
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("causal", [False, True])
def test_any_amount_of_padding_gives_the_rows_that_they_are_alone(rng, causal):
    model, rows = attentive(causal), [rng.normal(size=(n, 6)) for n in (1, 4, 7)]
    for wide in (7, 8, 30):
        x = np.zeros((3, wide, 6))
        for row, place in zip(rows, x, strict=True):
            place[: len(row)] = row
        out = model.predict(Padded(x, [1, 4, 7]))
        for row, found in zip(rows, out.x, strict=True):
            close(found[: len(row)], model.predict(row[np.newaxis])[0], 1e-12)


def test_a_layer_by_itself_minds_lengths_too(rng):
    layer, x = SelfAttention(6, 2, rng=0), rng.normal(size=(2, 4, 6))
    x[1, 2:] = np.nan
    out = layer.forward(x, lengths=[4, 2])
    assert not out[1, 2:].any()
    dx = layer.backward(np.full_like(x, 2.0))
    assert not dx[1, 2:].any()
    assert np.isfinite(layer.gradients).all()


# ---- in pieces -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cuts", [c for n in range(4) for c in itertools.combinations(range(1, 6), n)])
def test_every_way_to_cut_a_row_gives_the_same(rng, cuts):
    model, x = attentive(causal=True), rng.normal(size=(2, 6, 6))
    state, pieces = None, []
    for piece in np.split(x, cuts, axis=1):
        out, state = model.advance(piece, state)
        pieces.append(out)
    close(np.concatenate(pieces, axis=1), model.predict(x))


def test_rows_of_unequal_length_go_on_each_from_its_own_end(rng):
    model, x = attentive(causal=True), rng.normal(size=(2, 6, 6))
    _, state = model.advance(Padded(x[:, :3], [3, 1]))
    follow = np.stack([x[0, 3:5], x[1, 1:3]])
    out, _ = model.advance(follow, state)
    close(out[0], model.predict(x[:1, :5])[0, 3:])
    close(out[1], model.predict(x[1:, :3])[0, 1:])


def test_advance_changes_neither_the_layer_nor_the_state(rng):
    layer, x = SelfAttention(6, 2, causal=True, rng=0), rng.normal(size=(2, 4, 6))
    _, state = layer.advance(x)
    before = [part.copy() for part in state[:2]]
    first, _ = layer.advance(x[:, :1], state)
    second, _ = layer.advance(x[:, :1], state)
    np.testing.assert_array_equal(first, second)
    assert all(np.array_equal(a, b) for a, b in zip(before, state[:2], strict=True))
    with pytest.raises(RuntimeError, match="needs a forward"):
        layer.backward(x)


# ---- dropout ---------------------------------------------------------------------------------------------------------


def test_dropout_is_a_function_of_seed_step_and_row_in_every_block(monkeypatch, rng):
    x = rng.normal(size=(5, 6, 8))
    layer = SelfAttention(8, 2, dropout=0.5, rng=0)
    layer.noise.place(3)
    whole = layer.forward(x)
    for most in (5, 100):
        monkeypatch.setattr(attending, "MOST", most)
        layer.noise.place(3, row=2)
        part = layer.forward(x[2:4])
        if most == 100:
            close(part, whole[2:4])
        layer.noise.place(3, row=0)
        again = layer.forward(x)
        close(again[2:4], part)
    assert np.abs(layer.forward(x) - layer.forward(x)).max() > 0.01
    close(layer.predict(x), SelfAttention(8, 2, rng=0).predict(x))


def test_dropout_keeps_the_mean(rng):
    q = np.zeros((1, 4, 2))
    layer = SelfAttention(4, 1, dropout=0.3, rng=0)
    layer.weights, layer.output_weights = np.concatenate([np.zeros((4, 8)), np.eye(4)], axis=1), np.eye(4)
    x = np.ones((400, 20, 4))
    assert abs(layer.forward(x).mean() - 1) < 0.01
    assert len(np.unique(layer.forward(x).round(6))) > 5
    assert q.shape == (1, 4, 2)


def test_a_layer_at_rest_drops_nothing(rng):
    x = rng.normal(size=(2, 3, 4))
    layer = SelfAttention(4, 2, dropout=0.5, rng=0)
    layer.rest()
    np.testing.assert_array_equal(layer.forward(x), layer.predict(x))


def test_a_rate_that_is_assigned_later_drops(rng):
    layer, x = SelfAttention(4, 2, rng=0), rng.normal(size=(2, 3, 4))
    whole = layer.forward(x)
    layer.dropout = 0.5
    assert np.abs(layer.forward(x) - whole).max() > 0.01


# ---- the ends of the dtypes, kinds of arrays -------------------------------------------------------------------------


def test_scores_beyond_float32_are_computed_in_float64():
    q, k = np.float32([[1e25, 0.0]]), np.float32([[1e25, 0.0], [2e25, 0.0], [0.0, 1.0]])
    v = np.float32([[1.0], [2.0], [3.0]])
    gate = ScaledDotProduct()
    out = gate.forward(q, k, v)
    assert out.dtype == np.float32
    assert out == 2
    dq, dk, dv = gate.backward(np.float32([[1.0]]))
    assert np.isfinite(dq).all()
    assert np.isfinite(dk).all()
    np.testing.assert_array_equal(dv[:, 0], [0, 1, 0])


def test_scores_beyond_float64_are_refused():
    with pytest.raises(
        ValueError, match=r"^ScaledDotProduct\(\): scores must be at most 1.8e\+308, the largest float64"
    ):
        ScaledDotProduct().forward(*(np.full((1, 2, 2), 1e200) for _ in range(3)))


def test_nan_goes_where_the_mathematics_says(rng):
    q, k, v = (rng.normal(size=(2, 3, 4)) for _ in range(3))
    q[0, 1, 2] = np.nan
    out = ScaledDotProduct().forward(q, k, v)
    assert np.isnan(out[0, 1]).all()
    assert np.isfinite(out[1]).all()
    assert np.isfinite(out[0, [0, 2]]).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4", np.longdouble])
def test_every_dtype_and_memory_order(rng, dtype):
    q, k, v = ((0.5 * rng.normal(size=(2, 3, 4))).astype(dtype) for _ in range(3))
    gate = ScaledDotProduct(causal=True)
    out = gate.forward(q[:, ::-1], np.asfortranarray(k), v)
    assert out.dtype == np.dtype(dtype).newbyteorder("=")
    wanted = plain_attention(*(a.astype(float) for a in (q[:, ::-1], k, v)), np.tri(3, dtype=bool))
    close(out.astype(float), wanted, {2: 2e-3, 4: 1e-6}.get(np.dtype(dtype).itemsize, 1e-14))
    assert all(part.dtype == out.dtype for part in gate.backward(np.ones_like(out)))


def test_copies_and_pickles_compute_the_same(rng):
    x = rng.normal(size=(2, 3, 4))
    for layer in (SelfAttention(4, 2, causal=True, dropout=0.5, rng=0), TransformerBlock(4, 2, dropout=0.5, rng=0)):
        for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            assert repr(other) == repr(layer)
            np.testing.assert_array_equal(other.predict(x), layer.predict(x))
            np.testing.assert_array_equal(other.forward(x), copy.deepcopy(layer).forward(x))


def test_a_decoder_block_is_a_graph(rng):
    decoder = Graph(
        {
            "attended": (SelfAttention(4, 2, causal=True), "x"),
            "found": (CrossAttention(4, 2), "attended", "memory"),
            "out": (Dense(4, 3), "found"),
        },
        rng=0,
    )
    assert decoder.output_shape((5, 4), (3, 4)) == (5, 3)
    assert check_gradients(decoder, rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 3, 4))).largest < 1e-7
    found = decoder.trace(rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 3, 4)))
    assert found.gradients["memory"].shape == (2, 3, 4)


# ---- memory ----------------------------------------------------------------------------------------------------------

GROWTH = """
import resource, sys
import numpy as np
from layers import SelfAttention, Sequential
n_steps, width, heads = {0}
x = np.random.default_rng(0).normal(size=(1, n_steps, width)).astype(np.float32)
model = Sequential([SelfAttention(width, heads, causal=True)], rng=0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
out = model.forward(x)
model.backward(out)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * (1 if sys.platform == "darwin" else 1024))
"""


def growth(*sizes):
    """Return by how many bytes a process grows in forward and backward."""
    command = [sys.executable, "-c", GROWTH.format(sizes)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, cwd=HERE.parent)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_the_scores_of_all_pairs_are_never_there_at_once():
    n_steps, width, heads = 2048, 64, 8
    pairs = 4 * heads * n_steps**2
    assert growth(n_steps, width, heads) < pairs / 3  # 134 MB of scores, and 4.2 MB of what grows with the steps


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_four_thousand_steps_need_less_than_500_megabytes():
    assert growth(4096, 512, 8) < 500e6


# ---- what does not fit -----------------------------------------------------------------------------------------------

X = np.ones((2, 3, 4))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: SelfAttention(6, 4), ValueError, "SelfAttention: n_heads must divide n_features, 6, got 4"),
        (lambda: SelfAttention(6, 0), ValueError, "SelfAttention: n_heads must be at least 1, got 0"),
        (lambda: SelfAttention(4, 2, dropout=1.0), ValueError, r"SelfAttention: dropout must be in \[0, 1\), got 1.0"),
        (lambda: SelfAttention(4, 2, causal=1), TypeError, "SelfAttention: causal must be True or False, got 1"),
        (lambda: SelfAttention(4, 2).forward(np.ones((2, 4))), ValueError, r"x must have shape \(N, T, 4\) with at"),
        (lambda: SelfAttention(4, 2).forward(np.ones((2, 0, 4))), ValueError, "with at least one step, got"),
        (lambda: SelfAttention(4, 2).forward(X, lengths=[4, 1]), ValueError, "lengths must be from 0 to"),
        (lambda: SelfAttention(4, 2).forward(X, mask=np.ones((3, 3))), TypeError, "mask must hold True and False"),
        (lambda: SelfAttention(4, 2).forward(X, mask=np.ones((3, 2), bool)), ValueError, r"s to \(2, 2, 3, 3\)"),
        (lambda: SelfAttention(4, 2).advance(X), TypeError, "causal must be True to advance"),
        (lambda: SelfAttention(4, 2, causal=True).advance(X, 7), TypeError, "state must be a tuple .keys, values"),
        (lambda: SelfAttention(4, 2, causal=True).advance(X, (X, X, None)), ValueError, "state keys must have shape"),
        (lambda: CrossAttention(4, 2).forward(X, X[:1]), ValueError, "x and memory must have the same rows"),
        (lambda: CrossAttention(4, 2).output_shape((3, 4), (3, 5)), ValueError, "x and memory must have shapes"),
        (lambda: ScaledDotProduct().forward(X, X, X[:, :2]), ValueError, r"must have shapes \(..., T, d\)"),
        (lambda: ScaledDotProduct().forward(X[0, 0], X, X), ValueError, r"must have shapes \(..., T, d\)"),
        (lambda: TransformerBlock(6, 4), ValueError, "n_heads must divide n_features, 6, got 4"),
        (lambda: Sequential([SelfAttention(4, 2)]), None, ""),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_clear_words(call, error, text):
    if error is None:
        call()
        return
    with pytest.raises(error, match=text):
        call()


# ---- where attention goes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [SelfAttention(6, 2, rng=0), SelfAttention(6, 3, causal=True, rng=1)])
@pytest.mark.parametrize("lengths", [None, [4, 0, 2]])
def test_probabilities_of_self_attention_are_the_softmax_of_its_scores(layer, lengths, rng):
    x, head = rng.normal(size=(3, 4, 6)), 6 // layer.n_heads
    q, k = ((x @ part).reshape(3, 4, -1, head) for part in np.split(layer.weights, 3, axis=1)[:2])
    scores = np.exp(np.einsum("nthd,nshd->nhts", q, k) / np.sqrt(head))
    if layer.causal:
        scores *= np.tri(4)
    if lengths is not None:
        real = np.arange(4) < np.array(lengths)[:, np.newaxis]
        scores *= (real[:, :, np.newaxis] & real[:, np.newaxis])[:, np.newaxis]
    total = scores.sum(axis=-1, keepdims=True)
    wanted = scores / np.where(total > 0, total, 1)
    found = layer.probabilities(x, lengths=lengths)
    assert found.shape == (3, layer.n_heads, 4, 4)
    close(found, wanted)


def test_probabilities_of_cross_attention_are_those_of_its_out(rng):
    layer = CrossAttention(4, 2, n_memory=3, dropout=0.5, rng=0)
    x, memory, mask = rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 6, 3)), rng.random((5, 6)) < 0.5
    mask[2] = False
    found = layer.probabilities(x, memory, mask=mask, memory_lengths=[6, 4])
    assert found.shape == (2, 2, 5, 6)
    assert not found[:, :, ~mask].any()
    assert not found[1, :, :, 4:].any()
    totals = found.sum(axis=-1)
    some = mask[:, :4].any(axis=1)
    close(totals[:, :, some], np.ones((2, 2, some.sum())))
    assert not totals[:, :, 2].any()
    values = (memory @ layer.memory_weights[:, 4:] + layer.memory_bias[4:]).reshape(2, 6, 2, 2)
    out = np.einsum("nhts,nshd->nthd", found, values).reshape(2, 5, 4) @ layer.output_weights + layer.output_bias
    close(layer.predict(x, memory, mask=mask, memory_lengths=[6, 4]), out)


def test_probabilities_of_padding_are_none(rng):
    layer, x, memory = CrossAttention(4, 2, rng=0), rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4))
    found = layer.probabilities(Padded(x, [3, 1]), memory)
    assert not found[1, :, 1:].any()
    np.testing.assert_allclose(found[0].sum(axis=-1), 1)


def test_what_forward_remembers_is_no_source_of_noise(rng, tmp_path):
    make = lambda: Sequential([SelfAttention(4, 2, dropout=0.5), Dense(4, 2)], rng=0)  # noqa: E731
    model, other = make(), make()
    model.forward(rng.normal(size=(2, 3, 4)))
    assert [name for name, _ in model.noises()] == ["0.noise"]
    save(tmp_path / "a.npz", model)
    load(tmp_path / "a.npz", other)
    assert other[0].noise.step == model[0].noise.step


def test_probabilities_change_nothing_and_stay_in_the_dtype(rng):
    network = Sequential([SelfAttention(4, 2, dropout=0.5)], rng=0)
    x = rng.normal(size=(2, 3, 4)).astype(np.float32)
    wanted = copy.deepcopy(network).forward(x)
    assert network[0].probabilities(x).dtype == np.float32
    np.testing.assert_array_equal(network.forward(x), wanted)
    dx = network.backward(np.ones_like(wanted))
    network.forward(x), network[0].probabilities(x)
    assert dx.shape == network.backward(np.ones_like(wanted)).shape  # the cache is that of forward


def test_a_padded_memory_is_a_memory_with_its_lengths(rng):
    layer, x, memory = CrossAttention(4, 2, rng=0), rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4))
    wanted = layer.forward(x, memory, memory_lengths=[5, 2])
    douts = rng.normal(size=wanted.shape)
    _, dmemory = layer.backward(douts)
    memory[1, 2:] = np.nan
    np.testing.assert_array_equal(layer.forward(x, Padded(memory, [5, 2])), wanted)
    np.testing.assert_array_equal(layer.backward(douts)[1], dmemory)
    assert not dmemory[1, 2:].any()
    np.testing.assert_array_equal(layer.predict(x, Padded(memory, [5, 2])), wanted)
    with pytest.raises(TypeError, match="memory_lengths must be None where memory is a Padded"):
        layer.forward(x, Padded(memory, [5, 2]), memory_lengths=[5, 2])


def test_a_graph_of_an_encoder_and_a_decoder_takes_padded_rows(rng):
    def translator():
        return Graph(
            {
                "read": (Sequential([Dense(2, 4), SelfAttention(4, 2)]), "text"),
                "written": (Dense(3, 4), "said"),
                "found": (CrossAttention(4, 2), "written", "read"),
                "out": (Dense(4, 2), "found"),
            },
            dtype=np.float64,
            rng=0,
        )

    graph, text, said, dout = translator(), rng.normal(size=(3, 5, 2)), rng.normal(size=(3, 2, 3)), np.ones((3, 2, 2))
    lengths = [5, 2, 3]
    out = graph.forward(text=Padded(text, lengths), said=said)
    graph.backward(dout)
    alone = translator()
    for i, length in enumerate(lengths):
        close(alone.forward(text=text[i : i + 1, :length], said=said[i : i + 1]), out[i : i + 1])
    total = np.zeros_like(alone.gradients)
    for i, length in enumerate(lengths):
        alone.forward(text=text[i : i + 1, :length], said=said[i : i + 1])
        alone.backward(dout[:1])
        total += alone.gradients
    close(graph.gradients, total)
    close(graph.predict(text=Padded(text, lengths), said=said, batch_size=2), out)
