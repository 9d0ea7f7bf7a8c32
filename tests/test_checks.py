"""Checks of numbers, and that all packages have the same."""

from pathlib import Path

import numpy as np
import pytest

from losses.checks import fraction, number, positive, whole

ROOT = Path(__file__).parent.parent
FOLDERS = [ROOT / "layers" / "contract", ROOT / "losses", ROOT / "optimizers"]
CHECKS = [number, positive, fraction, whole]
NUMBERS = [number, positive, fraction]
HUGE = 10**400  # the largest float64 has 309 digits

every_check = pytest.mark.parametrize("check", CHECKS)


@pytest.mark.parametrize("file", ["checks.py", "typed.py", "construction.py"])
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_the_file_is_the_same_in_each_package(file, folder):
    assert (folder / file).read_bytes() == (ROOT / "losses" / file).read_bytes()


# ---- what comes back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", NUMBERS)
@pytest.mark.parametrize("kind", [float, np.float16, np.float32, np.float64, np.longdouble])
def test_a_number_comes_back_as_a_float_of_python(check, kind):
    value = check("Me", "x", kind(0.5))
    assert value == 0.5
    assert type(value) is float


@pytest.mark.parametrize("check", [number, positive])
@pytest.mark.parametrize("kind", [int, np.int8, np.uint8, np.int64])
def test_a_whole_number_is_a_number(check, kind):
    value = check("Me", "x", kind(3))
    assert value == 3
    assert type(value) is float


@pytest.mark.parametrize("kind", [int, np.int8, np.uint8, np.int64])
def test_a_whole_number_comes_back_as_an_int_of_python(kind):
    value = whole("Me", "n", kind(3))
    assert value == 3
    assert type(value) is int


def test_a_float32_is_not_rounded_to_the_decimal_it_prints():
    assert number("Me", "x", np.float32(0.1)) == float(np.float32(0.1)) != 0.1


def test_whole_numbers_may_be_large():
    assert whole("Me", "n", HUGE) == HUGE


# ---- what is no number -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", NUMBERS)
@pytest.mark.parametrize("bad", ["1", None, True, np.True_, [1.0], np.array(1.0), np.ones(1), 1j, print], ids=repr)
def test_what_is_no_number_is_refused(check, bad):
    with pytest.raises(TypeError, match=r"^Me: x must be a number, got ") as refused:
        check("Me", "x", bad)
    assert str(refused.value).endswith(f"got {bad!r}")


@pytest.mark.parametrize("bad", ["1", None, True, np.True_, 2.0, np.float64(2), [1], np.array(1), 1j], ids=repr)
def test_what_is_no_whole_number_is_refused(bad):
    with pytest.raises(TypeError, match=r"^Me: n must be a whole number, got ") as refused:
        whole("Me", "n", bad)
    assert str(refused.value).endswith(f"got {bad!r}")


# ---- what is out of range --------------------------------------------------------------------------------------------


RANGES = {number: "finite", positive: "finite and > 0", fraction: r"in \[0, 1\)"}


@pytest.mark.parametrize("check", NUMBERS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, np.float32(np.nan), np.float16(np.inf)])
def test_a_number_that_is_not_finite_is_refused(check, bad):
    with pytest.raises(ValueError, match=rf"^Me: x must be {RANGES[check]}, got {bad}$"):
        check("Me", "x", bad)


@pytest.mark.parametrize("check", NUMBERS)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_too_large_for_float64_is_not_finite(check, sign):
    with pytest.raises(ValueError, match=rf"^Me: x must be {RANGES[check]}, got {sign * HUGE}$"):
        check("Me", "x", sign * HUGE)


def test_the_largest_numbers_are_finite():
    largest = np.finfo(np.float64).max
    assert number("Me", "x", largest) == largest
    assert number("Me", "x", -largest) == -largest
    assert number("Me", "x", 10**308) == 1e308
    assert number("Me", "x", np.iinfo(np.uint64).max) == 2.0**64


def test_the_smallest_number_of_a_kind_whose_absolute_value_is_not_of_that_kind():
    assert number("Me", "x", np.int8(-128)) == -128
    assert number("Me", "x", np.iinfo(np.int64).min) == -(2.0**63)
    assert number("Me", "x", np.int64(np.iinfo(np.int64).min)) == -(2.0**63)


def test_a_number_has_any_sign_unless_it_is_bounded():
    assert number("Me", "x", -2.5) == -2.5
    assert number("Me", "x", 0, least=0) == 0
    assert number("Me", "x", -1, least=-1.5) == -1


@pytest.mark.parametrize("bad", [-1, -1e-300, np.float32(-0.5), np.nan, np.inf])
def test_a_number_below_its_bound_is_refused(bad):
    with pytest.raises(ValueError, match=rf"^Me: x must be finite and >= 0, got {bad}$"):
        number("Me", "x", bad, least=0)


def test_the_bound_is_said_as_one_would():
    with pytest.raises(ValueError, match=r"^Me: x must be finite and >= 0\.5, got 0\.25$"):
        number("Me", "x", 0.25, least=0.5)


@pytest.mark.parametrize("bad", [0, 0.0, -0.0, -1, -1e-300, np.int64(-3)])
def test_a_number_that_is_not_positive_is_refused(bad):
    with pytest.raises(ValueError, match=rf"^Me: x must be finite and > 0, got {bad}$"):
        positive("Me", "x", bad)


def test_the_smallest_number_is_positive():
    assert positive("Me", "x", 5e-324) == 5e-324


@pytest.mark.parametrize("good", [0, 0.0, 0.5, np.nextafter(1, 0)])
def test_a_fraction_may_be_0_and_all_but_1(good):
    assert fraction("Me", "x", good) == good


@pytest.mark.parametrize("bad", [-0.1, -1e-300, 1, 1.0, 1.5, 2])
def test_a_number_outside_0_to_1_is_no_fraction(bad):
    with pytest.raises(ValueError, match=rf"^Me: x must be in \[0, 1\), got {bad}$"):
        fraction("Me", "x", bad)


def test_a_fraction_may_be_1_where_it_is_said():
    assert fraction("Me", "x", 1, one=True) == 1
    assert fraction("Me", "x", np.float32(1), one=True) == 1


@pytest.mark.parametrize("bad", [-0.1, np.nextafter(1, 2), 1.5])
def test_a_fraction_is_never_above_1(bad):
    with pytest.raises(ValueError, match=rf"^Me: x must be in \[0, 1\], got {bad}$"):
        fraction("Me", "x", bad, one=True)


@pytest.mark.parametrize(("bad", "least"), [(0, 1), (-1, 1), (np.int64(-5), 0), (1, 2), (-HUGE, 1)])
def test_too_small_a_whole_number_is_refused(bad, least):
    with pytest.raises(ValueError, match=rf"^Me: n must be at least {least}, got {bad}$"):
        whole("Me", "n", bad, least=least)


def test_a_whole_number_is_at_least_1_unless_it_is_said():
    assert whole("Me", "n", 1) == 1
    assert whole("Me", "n", 0, least=0) == 0
    assert whole("Me", "n", -3, least=-3) == -3
