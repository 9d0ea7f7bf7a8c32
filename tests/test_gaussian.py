"""The normal distribution against numbers of 40 digits, and the exact GELU.

The coefficients, and NUMBERS, were made with mpmath 1.4.1:

    import mpmath as mp
    mp.mp.dps = 60

    def series(f, degree, low, n=64):  # of f(t) on [low, 1], as coefficients of the powers of t
        at = [mp.cos(mp.pi * (k + mp.mpf(1) / 2) / n) for k in range(n)]
        values = [f((u + 1) / 2 * (1 - low) + low) for u in at]
        c = [2 * sum(v * mp.cos(mp.pi * j * (k + mp.mpf(1) / 2) / n) for k, v in enumerate(values)) / n
             for j in range(degree + 1)]
        c[0] /= 2
        u = [(-1 - low) / mp.mpf(1 - low), mp.mpf(2) / (1 - low)]  # u = u[0] + u[1] * t
        before, now, total = [mp.mpf(1)], u, [mp.mpf(0)] * (degree + 1)
        for j in range(degree + 1):
            power = before if j == 0 else now
            for i, value in enumerate(power):
                total[i] += c[j] * value
            if j:
                after = [mp.mpf(0)] * (len(now) + 1)
                for i, value in enumerate(now):
                    after[i] += 2 * u[0] * value
                    after[i + 1] += 2 * u[1] * value
                for i, value in enumerate(before):
                    after[i] -= value
                before, now = now, after
        return total

    erfcx = lambda z: mp.erfc(z) * mp.exp(z * z) if z < 60 else (1 - 1 / (2 * z * z)) / (z * mp.sqrt(mp.pi))
    z = lambda t: mp.mpf(5) / 2 * (1 + t) / (1 - t)
    DOUBLE = series(lambda t: (1 + 2 * z(t)) * erfcx(z(t)) if t < 1 else 2 / mp.sqrt(mp.pi), 25, -1)
    SINGLE = [c / 2 for c in series(lambda t: erfcx((1 / t - 1) / mp.mpf("0.38")) / t, 9, 0, n=40)]
    NUMBERS = [(x, float(x * mp.ncdf(x)), float(mp.ncdf(x) + x * mp.npdf(x))) for x in XS]  # gelu, and its derivative
"""

import numpy as np
import pytest

from layers import GELU
from layers.gaussian import normal_distribution

NUMBERS = [
    (-37.5, -1.7270073785932332e-306, -6.476271143055812e-305),
    (-30.25, -7.891136864367313e-200, -2.3870632308191575e-198),
    (-20.0, -5.507248237212468e-88, -1.1014360483133464e-86),
    (-12.5, -4.665705373597142e-35, -5.831668554480156e-34),
    (-9.0, -1.0157295653584566e-18, -9.138937373906639e-18),
    (-6.5, -2.6104003795084267e-10, -1.6950517937572625e-09),
    (-4.0, -0.0001266849673324797, -0.0005036496612264215),
    (-3.25, -0.0018753313877699928, -0.006017381143833479),
    (-2.5, -0.015524163314440337, -0.03761108590814521),
    (-2.0, -0.04550026389635842, -0.0852318010781969),
    (-1.5, -0.1002108019032871, -0.12746919222997952),
    (-1.0, -0.15865525393145705, -0.0833154705876863),
    (-0.7517915, -0.16997120747990352, 1.065512497231613e-08),
    (-0.5, -0.15426876936299344, 0.13250487534383715),
    (-0.125, -0.056282721896235885, 0.4007820643017934),
    (-0.001, -0.000499601057786089, 0.4992021157051586),
    (0.0, 0.0, 0.5),
    (0.001, 0.000500398942213911, 0.5007978842948414),
    (0.0625, 0.03280735431432795, 0.5498029100721776),
    (0.3, 0.1853734266566858, 0.7323277668271099),
    (0.5, 0.34573123063700656, 0.8674951246561629),
    (1.0, 0.8413447460685429, 1.0833154705876864),
    (1.75, 1.67989647548832, 1.110926151082578),
    (2.5, 2.4844758366855597, 1.037611085908145),
    (3.0, 2.99595030590511, 1.011945647204184),
    (4.5, 4.4999847104709385, 1.0000685291618563),
    (6.0, 5.999999994080474, 1.0000000354687095),
    (8.25, 8.25, 1.0000000000000053),
    (12.0, 12.0, 1.0),
    (39.0, 39.0, 1.0),
]


def test_the_exact_gelu_is_right_to_the_last_digits_of_float64():
    x, wanted, slope = (np.array(column) for column in zip(*NUMBERS, strict=True))
    layer = GELU(exact=True)
    np.testing.assert_allclose(layer.forward(x), wanted, rtol=1e-15, atol=0)
    np.testing.assert_allclose(layer.backward(np.ones_like(x)), slope, rtol=2e-15, atol=2e-16)


def test_the_exact_gelu_is_right_in_float32():
    x, wanted, slope = (np.array(column) for column in zip(*NUMBERS, strict=True))
    near = (np.abs(x) < 13) & (x == np.float32(x))
    x = x[near].astype(np.float32)
    layer = GELU(exact=True)
    out = layer.forward(x)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, wanted[near], rtol=6e-7, atol=0)
    np.testing.assert_allclose(layer.backward(np.ones_like(x)), slope[near], rtol=1e-6, atol=3e-7)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_both_ends_of_a_dtype(dtype):
    largest = np.finfo(dtype).max
    layer = GELU(exact=True)
    out = layer.forward(np.array([-largest, -np.inf, 0, largest, np.inf, np.nan], dtype))
    assert out.dtype == dtype
    assert [*out[:5]] == [0, 0, 0, largest, np.inf]
    assert np.isnan(out[5])
    np.testing.assert_allclose(layer.backward(np.ones(6, dtype))[:5], [0, 0, 0.5, 1, 1], rtol=1e-16, atol=0)


def test_an_array_larger_than_a_chunk_is_that_of_its_parts(rng):
    x = rng.normal(size=(3, 40_000)) * 4
    share, density = normal_distribution(x)
    for i in range(3):
        np.testing.assert_array_equal(normal_distribution(x[i].copy()), [share[i], density[i]])
    np.testing.assert_allclose(share + normal_distribution(-x)[0], 1, rtol=1e-15)


def test_the_tanh_form_is_within_what_it_says_of_the_exact_one():
    x = np.linspace(-6, 6, 1001)
    assert 4e-4 < np.abs(GELU().forward(x) - GELU(exact=True).forward(x)).max() < 5e-4
    with pytest.raises(TypeError, match="GELU: exact must be True or False, got 1"):
        GELU(exact=1)
