"""Rules drawn at every scale: the right numbers to a few eps, or a refusal that has changed nothing."""

import warnings
from types import SimpleNamespace

import numpy as np

from optimizers import SGD, Adadelta, Adagrad, Adam, AdamW, ExponentialMovingAverage, NAdam, RMSprop

WIDE = np.longdouble  # its range holds the squares of all float64


def reference(kind, options, rate, p, gradients):
    """Yield the parameters, and how far they moved, after each step of a rule as its paper writes it."""
    o = {"weight_decay": 0.0, **options}
    p, zero, moved = p.astype(WIDE), np.zeros(p.size, WIDE), np.zeros(p.size, WIDE)
    m, v, top, out, mus = zero, zero, zero, zero, [WIDE(1)]
    for t, g in enumerate(gradients, 1):
        g, before = g.astype(WIDE), p
        decay = WIDE(o["weight_decay"])
        if kind is AdamW:
            p = p - WIDE(rate) * decay * p
        else:
            g = g + decay * p
        b1, b2, rho, epsilon = (WIDE(o.get(name, 0)) for name in ("beta1", "beta2", "rho", "epsilon"))
        if kind is SGD:
            step, mu = -WIDE(rate) * g, WIDE(o["momentum"])
            m = mu * m + step
            p = p + (step + mu * m if o["nesterov"] else m)
        elif kind in (Adam, AdamW, NAdam):
            m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
            top = np.maximum(top, v)
            root = np.sqrt((top if o.get("amsgrad") else v) / (1 - b2**t)) + epsilon
            if kind is NAdam:
                mus.append(b1 * (1 - WIDE(0.96) ** (t * WIDE(0.004)) / 2))
                ahead = b1 * (1 - WIDE(0.96) ** ((t + 1) * WIDE(0.004)) / 2)
                bar = ahead * m / (1 - np.prod(mus) * ahead) + (1 - mus[-1]) * g / (1 - np.prod(mus))
            else:
                bar = m / (1 - b1**t)
            p = p - WIDE(rate) * bar / root
        elif kind is RMSprop:
            v = rho * v + (1 - rho) * g**2
            out = WIDE(o["momentum"]) * out + g / (np.sqrt(v) + epsilon)
            p = p - WIDE(rate) * out
        elif kind is Adagrad:
            v = v + g**2
            p = p - WIDE(rate) * g / (np.sqrt(v) + epsilon)
        elif kind is Adadelta:
            v = rho * v + (1 - rho) * g**2
            step = np.sqrt(m + epsilon) / np.sqrt(v + epsilon) * g
            m = rho * m + (1 - rho) * step**2
            p = p - WIDE(rate) * step
        moved = moved + np.abs(p - before) + np.abs(p)
        yield p, moved


def drawn(rng):
    """Return a rule, its options, the dtype, parameters and gradients: ordinary ones, zeros, denormals, outliers."""
    kind = [SGD, Adam, AdamW, NAdam, RMSprop, Adagrad, Adadelta][rng.integers(7)]
    beta = lambda: float(rng.choice([0.0, 0.5, 0.9, 0.999]))  # noqa: E731
    options = {"weight_decay": float(rng.choice([0.0, 0.0, 0.01]))}
    if kind is SGD:
        options |= {"momentum": float(rng.choice([0.5, 0.9])), "nesterov": bool(rng.integers(2))}
    elif kind in (Adam, AdamW, NAdam):
        options |= {"beta1": min(beta(), 0.9), "beta2": max(beta(), 0.9), "epsilon": 10.0 ** -rng.integers(3, 15)}
        options |= {"amsgrad": bool(rng.integers(2))} if kind is not NAdam else {}
    elif kind is RMSprop:
        options |= {"rho": beta(), "momentum": beta(), "epsilon": 10.0 ** -rng.integers(3, 15)}
    elif kind is Adadelta:
        options |= {"rho": beta(), "epsilon": 10.0 ** -rng.integers(3, 9)}
    else:
        options |= {"epsilon": 10.0 ** -rng.integers(3, 15)}
    dtype = np.dtype([np.float32, np.float64][rng.integers(2)])
    reach = 30 if dtype == np.float32 else 250
    scales = 10.0 ** rng.uniform(-reach, reach, 5) if rng.integers(2) else 10.0 ** rng.uniform(-4, 4, 5)
    gradients = rng.normal(size=(5, 8)) * scales[:, None]
    kinds = rng.integers(0, 12, gradients.shape)
    gradients[kinds == 0] = 0.0
    gradients[kinds == 1] = np.finfo(dtype).smallest_subnormal * 3
    gradients[(kinds == 2) & (rng.integers(0, 60, gradients.shape) == 0)] = np.finfo(dtype).max / 4
    gradients = np.clip(gradients, -np.finfo(dtype).max, np.finfo(dtype).max).astype(dtype)
    p = (rng.normal(size=8) * 10.0 ** rng.uniform(-3, 3)).astype(dtype)
    return kind, options, dtype, float(10.0 ** rng.uniform(-5, 0)), p, gradients


def held(vector, gradients):
    return SimpleNamespace(parameters=vector, gradients=gradients)


def outcome(seed):
    """Return "right" or "refused" for a drawn case; anything else fails."""
    kind, options, dtype, rate, p, gradients = drawn(np.random.default_rng(seed))
    optimizer = kind(rate, **options)
    eps, tiny, top = np.finfo(dtype).eps, float(np.finfo(dtype).tiny), float(np.finfo(dtype).max)
    with np.errstate(all="ignore"):
        steps = list(reference(kind, options, rate, p, gradients))
    for t, (expected, moved) in enumerate(steps):
        before, state = p.copy(), optimizer.state_dict()
        try:
            optimizer.step(held(p, gradients[t]))
        except ValueError as refused:
            if "a step must not overflow" not in str(refused):
                raise
            np.testing.assert_array_equal(p, before)
            after = optimizer.state_dict()
            assert all(np.array_equal(after[name], state[name]) for name in state)
            largest = max(np.abs(each.astype(WIDE)).max() for each in gradients[: t + 1])
            beyond = largest**2 * 1100 > top if kind is not SGD else largest * 20 > top
            assert beyond, f"{seed}: {optimizer} refused gradients of {largest}"
            return "refused"
        assert p.dtype == dtype
        assert all(v.dtype == dtype for v in optimizer.state_dict().values() if isinstance(v, np.ndarray))
        # a number below tiny is off by up to half of the least one; that, divided by epsilon, is what a step may be off
        lost = float(np.finfo(dtype).smallest_subnormal) * 100 / min(1.0, options.get("epsilon", 1.0))
        wrong = np.abs(p.astype(WIDE) - expected) > 60 * eps * moved + lost + tiny
        assert not wrong.any(), f"{seed}: {optimizer} step {t}: {p[wrong]} for {expected[wrong]}"
    return "right"


def test_every_rule_is_right_or_refuses_at_every_scale():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcomes = [outcome(seed) for seed in range(1500)]
    assert outcomes.count("right") > 700
    assert outcomes.count("refused") > 100


def test_the_averages_are_right_at_every_scale():
    rng = np.random.default_rng(0)
    for _ in range(300):
        dtype = np.dtype([np.float32, np.float64][rng.integers(2)])
        top, decay = float(np.finfo(dtype).max), float(rng.choice([0.0, 0.5, 0.999]))
        ema, expected, past = ExponentialMovingAverage(decay), None, WIDE(0)
        for scale in [top / 2, *10.0 ** rng.uniform(-30, 30, 2), top / 2]:
            values = (rng.uniform(-2, 2, 6) * scale).clip(-top, top).astype(dtype)
            ema.update(held(values, None))
            wide = values.astype(WIDE)
            expected = wide if expected is None else decay * expected + (1 - WIDE(decay)) * wide
            past = np.maximum(decay * past, np.abs(wide))  # what the rounding of each update is of
            assert np.all(np.abs(ema.average - expected) <= 8 * np.finfo(dtype).eps * past)
            assert ema.average.dtype == dtype
