"""The repr of everything that is made with arguments."""

import copy
import pickle

import numpy as np
import pytest

from losses.typed import in_words, typed


def double(x):
    return 2 * x


class Thing:
    """Made with arguments of each kind."""

    def __init__(self, n, rule, *, size, rate=0.1, name="a", sizes=(1, 2), weights=None, use_bias=True, rng=None):
        self.n, self.rule, self.size, self.rate, self.name = n, rule, size, rate, name
        self.sizes, self.weights, self.use_bias, self.rng = sizes, weights, use_bias, rng

    def __repr__(self):
        return typed(self)


def thing(n=3, rule=double, size=1, **options):
    return Thing(n, rule, size=size, **options)


# ---- which arguments -------------------------------------------------------------------------------------------------


def test_required_arguments_come_by_position_and_those_by_keyword_alone_with_their_names():
    assert repr(thing()) == "Thing(3, double, size=1)"


def test_others_come_by_keyword_where_they_differ_from_their_default():
    assert repr(thing(rate=0.2, use_bias=False)) == "Thing(3, double, size=1, rate=0.2, use_bias=False)"
    assert repr(thing(rate=0.1, name="a", sizes=(1, 2), weights=None, use_bias=True)) == "Thing(3, double, size=1)"


def test_the_order_is_that_of_the_signature():
    assert repr(thing(sizes=(4,), name="b", rate=0)) == "Thing(3, double, size=1, rate=0, name='b', sizes=(4,))"


@pytest.mark.parametrize("rng", [0, None, np.random.default_rng(0)], ids=["seed", "none", "generator"])
def test_an_rng_is_never_shown(rng):
    assert repr(thing(rng=rng)) == "Thing(3, double, size=1)"


def test_a_required_rng_is_not_shown_either():
    class Noise:
        def __init__(self, rate, rng):
            self.rate, self.rng = rate, rng

    assert typed(Noise(0.5, 1)) == "Noise(0.5)"


def test_what_stands_behind_a_star_is_not_known_and_options_behind_two_are_left_out():
    class Stars:
        def __init__(self, n, *things, rate=1.0, **options):
            self.n, self.things, self.rate, self.options = n, things, rate, options

    assert typed(Stars(2, 3, 4, rate=0.5, other=1)) == "Stars(2, rate=0.5, ...)"


def test_a_required_argument_without_an_attribute_is_three_dots():
    some = thing()
    del some.n, some.size
    assert repr(some) == "Thing(..., double, size=...)"


def test_an_option_without_an_attribute_is_not_known():
    some = thing(rate=0.5, name="b")
    del some.rate
    assert repr(some) == "Thing(3, double, size=1, name='b', ...)"


def test_a_thing_that_is_not_made_yet_prints_all_the_same():
    assert repr(Thing.__new__(Thing)) == "Thing(..., ..., size=..., ...)"


def test_no_arguments():
    class Plain:
        pass

    assert typed(Plain()) == "Plain()"


def test_the_name_and_the_signature_are_those_of_the_class_itself():
    class Other(Thing):
        pass

    class Fewer(Thing):
        def __init__(self, n):
            super().__init__(n, double, size=5)

    assert repr(Other(3, double, size=1)) == "Other(3, double, size=1)"
    assert repr(Fewer(3)) == "Fewer(3)"


def test_defaults_that_the_signature_cannot_tell_are_given():
    class Pool:
        def __init__(self, kernel_size, stride=None):
            self.kernel_size, self.stride = kernel_size, stride or kernel_size

        def __repr__(self):
            return typed(self, stride=self.kernel_size)

    assert repr(Pool(2)) == "Pool(2)"
    assert repr(Pool(2, stride=1)) == "Pool(2, stride=1)"


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda some: pickle.loads(pickle.dumps(some))], ids=["copy", "deep", "pickle"]
)
def test_copies_print_the_same(copied):
    some = thing(rate=0.2, weights=np.arange(3.0), sizes=(4, 5))
    assert repr(copied(some)) == repr(some)


def test_what_is_typed_makes_the_same_again():
    some = thing(rate=0.2, name="b", sizes=(4,), weights=[1.0, 0.5], use_bias=False)
    again = eval(repr(some), {"Thing": Thing, "double": double})
    assert vars(again) == vars(some)


# ---- arrays and numbers of NumPy -------------------------------------------------------------------------------------


def test_numbers_of_numpy_are_plain():
    some = thing(n=np.int64(3), size=np.float32(0.5), rate=np.float64(0.25), use_bias=np.False_)
    assert repr(some) == "Thing(3, double, size=0.5, rate=0.25, use_bias=False)"


def test_a_number_of_numpy_that_equals_the_default_is_not_shown():
    assert repr(thing(rate=np.float64(0.1), use_bias=np.True_)) == "Thing(3, double, size=1)"


@pytest.mark.parametrize("array", [np.ones(2), np.array([1, 1], np.int8)], ids=["float", "int"])
def test_a_short_array_is_a_list(array):
    assert repr(thing(weights=array)) == "Thing(3, double, size=1, weights=[1, 1])"


def test_a_long_array_is_its_shape():
    assert repr(thing(weights=np.ones((4, 5)))) == "Thing(3, double, size=1, weights=<array of shape (4, 5)>)"


def test_an_array_as_default_is_compared_by_what_it_is():
    default = np.ones(2)

    class Weighted:
        def __init__(self, weights=default):
            self.weights = weights

    assert typed(Weighted()) == "Weighted()"
    assert typed(Weighted(np.zeros(2))) == "Weighted(weights=[0, 0])"


# ---- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1, "1"),
        (1.0, "1"),
        (-2.5, "-2.5"),
        (1e-8, "1e-08"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.30000000000000004"),  # six digits would be another number
        (1234567.0, "1234567.0"),
        (True, "True"),
        (None, "None"),
        (..., "..."),
        ("same", "'same'"),
        (np.float32(0.5), "0.5"),
        (np.float32(0.1), "0.10000000149011612"),  # which it is
        (np.int64(7), "7"),
        (np.str_("same"), "'same'"),
        ((), "()"),
        ((3,), "(3,)"),
        ((1, 2.0), "(1, 2)"),
        ([1.0, "a", (2,)], "[1, 'a', (2,)]"),
        ([], "[]"),
        (np.array([[1.0, 2.0], [3.0, 4.5]]), "[[1, 2], [3, 4.5]]"),
        (np.array(2.0), "2"),
        (np.zeros((3, 0)), "[[], [], []]"),
        (double, "double"),
        (np.float32, "float32"),
        (thing(), "Thing(3, double, size=1)"),
        ([thing(), double], "[Thing(3, double, size=1), double]"),
    ],
    ids=str,
)
def test_values_as_one_would_type_them(value, words):
    assert in_words(value) == words


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e300, 5e-324, 123456.0, 1234567.8, -0.0])
def test_a_float_comes_back_from_its_words(value):
    assert float(in_words(value)) == value
