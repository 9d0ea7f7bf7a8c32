"""The checker is checked at random: no mistake that is planted in a drawn layer may pass, and nothing else may fail.

Some seconds of draws run here; CHECKER_DRAWS=10000 in the environment runs so many.
"""

import copy
import os

import numpy as np
import pytest
from drawn_layers import draw, draw_gate, draw_layer, draw_loss, power

from layers import GradientError, Layer, Max, check_gradients

DRAWS = int(os.environ.get("CHECKER_DRAWS", "0"))
BLOCK = 50


@pytest.mark.parametrize("start", range(0, DRAWS or 300, BLOCK))
def test_no_draw_at_any_scale_is_called_wrong(start):
    for seed in range(start, min(start + BLOCK, DRAWS or 300)):
        report = draw(seed).check(check_gradients)
        assert report.checked > 0, seed


# ---- mistakes: each takes (gradient, rng) and returns the wrong one, or None where it would not be one --------------


def sign(g, rng):
    return -g


def factor_two(g, rng):
    return 2 * g


def one_in_ten_thousand(g, rng):
    return g * (1 + 1e-4)


def divided_by_n(g, rng):
    return g / len(g) if g.ndim and len(g) > 1 else None


def change_one(g, rng, factor):
    wrong = g.copy()
    if np.any(g):
        wrong.flat[rng.choice(np.flatnonzero(np.abs(g) > 1e-6 * np.abs(g).max()))] *= factor
    return wrong


def one_element(g, rng):
    return change_one(g, rng, 1.5)


def one_element_in_ten_thousand(g, rng):
    return change_one(g, rng, 1 - 1e-4)


def the_smallest_feature(g, rng):
    if g.ndim == 0 or g.shape[-1] < 2:
        return None
    sizes = np.abs(g).reshape(-1, g.shape[-1]).max(axis=0)
    feature = int(np.argmin(np.where(sizes > 0, sizes, np.inf)))
    wrong = g.copy()
    wrong[..., feature] *= 3
    return wrong


def one_row_zero(g, rng):
    wrong = g.copy()
    wrong[int(np.argmax(np.abs(g).reshape(len(g), -1).max(axis=1)))] = 0
    return wrong


def one_row_reversed(g, rng):
    wrong = g.copy()
    row = int(rng.integers(len(g)))
    wrong[row] = g[row][::-1] if g.ndim > 1 else -g[row]
    return wrong


def transposed(g, rng):
    square = g.ndim > 1 and g.shape[0] == g.shape[1]
    return g.swapaxes(0, 1).copy() if square else None


def rolled(g, rng):
    return np.roll(g, 1)


def missing_term(g, rng):
    return g - g.mean()


def half_of_one_term(g, rng):
    return g - 0.01 * g.mean(axis=-1, keepdims=True)


def only_at_the_border(g, rng):
    if g.ndim < 3:
        return None
    wrong = g.copy()
    wrong[:, 0] *= 1.01
    return wrong


def constant_added(g, rng):
    return g + 0.01 * np.abs(g).max()


def in_float32(g, rng):
    return g.astype(np.float32).astype(np.float64)


def not_a_number(g, rng):
    wrong = g.copy()
    wrong.flat[0] = np.nan
    return wrong


MISTAKES = [sign, factor_two, one_in_ten_thousand, divided_by_n, one_element, one_element_in_ten_thousand,
            the_smallest_feature, one_row_zero, one_row_reversed, transposed, rolled, missing_term, half_of_one_term,
            only_at_the_border, constant_added, in_float32, not_a_number]  # fmt: skip


def is_one(g, wrong):
    """Return whether some number is off by 1e-4 of itself (or 1e-9, of all, in float32), and not by rounding alone."""
    if wrong is None or not np.isfinite(wrong).all():
        return wrong is not None
    large = np.abs(g) > 1e-9 * np.abs(g).max()
    return bool(np.any(np.abs(wrong - g)[large] > 0.9e-4 * np.abs(g)[large]))


class Spoiled:
    """A backward with one of its gradients spoiled: number `which` of those of inputs and parameters."""

    def plant(self, which, mistake, seed):
        self.__dict__.update(_which=which, _mistake=mistake, _seed=seed)

    def backward(self, *args, **options):
        result = super().backward(*args, **options)
        parts = list(result) if isinstance(result, tuple) else [result]
        rng = np.random.default_rng(self._seed)
        if self._which < len(parts):
            if parts[self._which] is not None:
                parts[self._which] = self._mistake(np.asarray(parts[self._which]), rng)
        else:
            name, leaf = parameter_names(self)[self._which - len(parts)]
            setattr(leaf, f"d{name}", self._mistake(getattr(leaf, f"d{name}").copy(), rng))
        return tuple(parts) if isinstance(result, tuple) else parts[0]


def parameter_names(layer):
    return [(name, leaf) for _, leaf in layer.leaves() for name in leaf.shapes] if isinstance(layer, Layer) else []


def gradients_of(drawn):
    """Return the gradients of a draw, in the order of `Spoiled`, with random dout; None for what has none."""
    layer, rng = copy.deepcopy(drawn.layer), np.random.default_rng(1)
    out = layer.forward(*drawn.inputs)
    if not isinstance(layer, Layer):
        return [layer.backward()]
    dinputs = layer.backward(rng.normal(size=np.shape(out)))
    inputs = dinputs if isinstance(dinputs, tuple) else (dinputs,)
    return [*inputs, *(getattr(leaf, f"d{name}").copy() for name, leaf in parameter_names(layer))]


def plant(seed, wide=False):
    """Return (draw, name of the mistake) with one mistake planted, or None where that would not be one."""
    rng = np.random.default_rng(seed)
    kind = [draw_layer, draw_layer, draw_layer, draw_gate, draw_loss][rng.integers(5)]
    drawn = kind(rng, wide)
    if isinstance(drawn.layer, Layer) and drawn.layer.parameters.size:
        drawn.layer.parameters = power(rng, wide) * rng.normal(size=drawn.layer.parameters.size)
        drawn.options["randomize"] = False
    mistake = MISTAKES[rng.integers(len(MISTAKES))]
    gradients = gradients_of(drawn)
    which = int(rng.integers(len(gradients)))
    g = gradients[which]
    largest = max(np.abs(each).max() for each in gradients if each is not None)
    if g is None or np.ndim(g) == 0 or np.abs(g).max() <= 1e-7 * largest:
        return None  # zero, or as small as the rounding of what it is added to
    wrong = mistake(np.asarray(g), np.random.default_rng(seed))
    single = mistake is in_float32
    if not (np.any(wrong != g) if single else is_one(g, wrong)):
        return None
    cls = type(drawn.layer)
    drawn.layer.__class__ = type(f"Spoiled{cls.__name__}", (Spoiled, cls), {})
    drawn.layer.plant(which, mistake, seed)
    return drawn, mistake.__name__


@pytest.mark.parametrize("start", range(0, DRAWS or 150, BLOCK))
def test_every_planted_mistake_is_found(start):
    passed = []
    for seed in range(start, min(start + BLOCK, DRAWS or 150)):
        planted = plant(seed)
        if planted is not None:
            drawn, mistake = planted
            try:
                report = drawn.check(check_gradients)
            except GradientError:
                continue
            # One wrong element may lie on a kink, where nothing is the derivative; of a Max there may be no other.
            one = mistake.startswith("one_element") or isinstance(drawn.layer, Max)
            if not (report.skipped and one):
                passed.append((seed, mistake, drawn.layer))
    assert not passed
