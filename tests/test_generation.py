"""Tokens drawn from logits, and sequences that a network writes: how often, in every way to cut, what is refused."""

import itertools

import numpy as np
import pytest

from layers import (
    GRU,
    Dense,
    Embedding,
    LayerNorm,
    Padded,
    PositionalEmbedding,
    Sequential,
    Tied,
    TransformerBlock,
    softmax,
)
from training import generate, sample

LOGITS = np.log([0.1, 0.4, 0.15, 0.3, 0.05])


def shares(n=20_000, **options):
    """Return how often each token is drawn."""
    return np.bincount(sample(np.tile(LOGITS, (n, 1)), rng=0, **options), minlength=5) / n


def gpt(n_positions=12):
    body = [PositionalEmbedding(n_positions, 8), TransformerBlock(8, 2, causal=True), LayerNorm(8)]
    return Tied(Embedding(7, 8), body, dtype=np.float64, rng=0)


def rnn():
    return Sequential([Embedding(7, 8), GRU(8, 8), Dense(8, 7)], dtype=np.float64, rng=0)


# ---- one token -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, [0.1, 0.4, 0.15, 0.3, 0.05]),
        ({"temperature": 0.5}, softmax(2 * LOGITS)),
        ({"temperature": 2.0}, softmax(LOGITS / 2)),
        ({"top_k": 2}, [0, 4 / 7, 0, 3 / 7, 0]),
        ({"top_k": 99}, [0.1, 0.4, 0.15, 0.3, 0.05]),
        ({"top_p": 0.6}, [0, 4 / 7, 0, 3 / 7, 0]),
        ({"top_p": 0.71}, [0, 8 / 17, 3 / 17, 6 / 17, 0]),
        ({"top_p": 1e-9}, [0, 1, 0, 0, 0]),
        ({"top_k": 3, "top_p": 0.8}, [0, 4 / 7, 0, 3 / 7, 0]),
        ({"temperature": 0}, [0, 1, 0, 0, 0]),
    ],
)
def test_each_token_comes_as_often_as_it_should(options, wanted):
    np.testing.assert_allclose(shares(**options), wanted, atol=0.012)
    assert not shares(**options)[np.asarray(wanted) == 0].any()


def test_tokens_that_tie_with_the_last_of_k_are_kept():
    drawn = sample(np.tile([1.0, 3.0, 2.0, 2.0, 0.0], (4000, 1)), rng=0, top_k=2)
    assert set(drawn) == {1, 2, 3}


def test_minus_infinity_never_comes_and_huge_logits_are_no_matter():
    assert set(sample(np.tile([-np.inf, 0.0, -1e308], (500, 1)), rng=0)) == {1}
    assert set(sample(np.tile([1e308, 1e308, -1e308], (500, 1)), rng=0, temperature=1e-3)) == {0, 1}


def test_one_row_gives_one_number_and_a_seed_gives_the_same():
    assert isinstance(sample(LOGITS, rng=3), int)
    assert [sample(LOGITS, rng=3) for _ in range(5)] == [sample(LOGITS, rng=3)] * 5
    rng = np.random.default_rng(0)
    assert len({sample(LOGITS, rng=rng) for _ in range(60)}) > 2


# ---- a sequence ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [gpt(), rnn()], ids=["gpt", "rnn"])
def test_every_way_to_cut_a_prompt_gives_the_same_logits(model, rng):
    tokens = rng.integers(7, size=(2, 6))
    whole = model.predict(tokens)
    for n in range(6):
        for cuts in itertools.combinations(range(1, 6), n):
            state, found = None, []
            for piece in np.split(tokens, cuts, axis=1):
                out, state = model.advance(piece, state)
                found.append(out)
            np.testing.assert_allclose(np.concatenate(found, axis=1), whole, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("model", [gpt(), rnn()], ids=["gpt", "rnn"])
def test_the_likeliest_tokens_are_those_that_predict_says(model):
    seen = [[1, 2, 3]]
    for _ in range(5):
        seen = np.concatenate([seen, model.predict(np.array(seen))[:, -1:].argmax(axis=-1)], axis=1)
    np.testing.assert_array_equal(generate(model, [1, 2, 3], 5, temperature=0), seen[0, 3:])


def test_rows_of_unequal_length_are_each_written_on_from_their_end():
    model = gpt()
    prompts = [[1, 2, 3], [4], [5, 6]]
    padded = Padded([[1, 2, 3], [4, 0, 0], [5, 6, 0]], [3, 1, 2])
    found = generate(model, padded, 6, temperature=0)
    for prompt, row in zip(prompts, found, strict=True):
        np.testing.assert_array_equal(row, generate(model, prompt, 6, temperature=0))


def test_with_a_window_it_goes_on_beyond_the_last_position():
    model, seen = gpt(n_positions=4), np.array([[1, 2, 3]])
    for _ in range(8):
        seen = np.concatenate([seen, model.predict(seen[:, -4:])[:, -1:].argmax(axis=-1)], axis=1)
    for prompt, n in ((seen[0, :3], 8), (seen[0, :7], 4)):
        np.testing.assert_array_equal(generate(model, prompt, n, temperature=0, window=4), seen[0, len(prompt) :][:n])
    with pytest.raises(ValueError, match="x must end before position 4"):
        generate(model, [1, 2, 3], 8, temperature=0)


def test_a_row_ends_at_its_stop():
    model = rnn()
    long = generate(model, np.arange(6)[:, np.newaxis], 30, rng=0)
    short = generate(model, np.arange(6)[:, np.newaxis], 30, rng=0, stop=2)
    assert len(short[0]) <= 30
    for row, other in zip(short, long, strict=True):
        ends = np.flatnonzero(row == 2)
        end = ends[0] + 1 if len(ends) else len(row)
        assert (row[end:] == 2).all()
        assert len(other) == 30
    one = generate(model, [0], 200, rng=1, stop=3)
    assert one[-1] == 3
    assert 3 not in one[:-1]
    assert len(one) < 200


def test_the_model_is_left_as_it_was(rng):
    model = gpt()
    x = rng.integers(7, size=(1, 4))
    out = model.forward(x)
    before = model.state_dict()
    generate(model, [1], 3, rng=0)
    model.backward(np.ones_like(out))
    assert all(np.array_equal(a, before[name]) for name, a in model.state_dict().items())


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: sample([[[1.0]]]), ValueError, r"sample: logits must have shape \(V,\) or \(N, V\), got \(1, 1, 1\)"),
        (
            lambda: sample([np.nan, 0.0]),
            ValueError,
            "sample: the largest of logits must be finite in each row, got n",
        ),
        (lambda: sample([np.inf, 0.0]), ValueError, "must be finite in each row, got inf"),
        (lambda: sample([-np.inf, -np.inf]), ValueError, "must be finite in each row, got -inf"),
        (lambda: sample(LOGITS, temperature=-1), ValueError, "sample: temperature must be finite and >= 0, got -1"),
        (lambda: sample(LOGITS, top_p=0), ValueError, r"sample: top_p must be in \(0, 1\], got 0"),
        (lambda: sample(LOGITS, top_p=1.5), ValueError, r"sample: top_p must be in \(0, 1\], got 1.5"),
        (lambda: sample(LOGITS, top_k=0), ValueError, "sample: top_k must be at least 1, got 0"),
        (lambda: generate(rnn(), [], 3), ValueError, "generate: prompt must have shape .* with at least one token"),
        (lambda: generate(rnn(), [0.5], 3), TypeError, "generate: prompt must hold integers, got dtype float64"),
        (lambda: generate(rnn(), [9], 3), ValueError, r"x must hold 0 .. 6, got 9 .. 9"),
        (lambda: generate(rnn(), [1], 0), ValueError, "generate: n must be at least 1, got 0"),
        (lambda: generate(GRU, [1], 3), TypeError, "generate: model must have advance, .* got the class GRU"),
        (lambda: generate(rnn(), Padded([[1, 2], [0, 0]], [2, 0]), 3), ValueError, "a token in each row, got none in"),
        (
            lambda: generate(rnn(), Padded([[1, 2]], [2]), 3, window=2),
            TypeError,
            "window must be None where rows are",
        ),
        (lambda: generate(Embedding(7, 3), [[1]], 1, top_p=2), ValueError, "top_p must be in"),
    ],
)
def test_what_does_not_fit_is_refused_in_clear_words(call, error, text):
    with pytest.raises(error, match=text):
        call()
