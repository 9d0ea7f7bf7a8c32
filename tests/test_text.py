import numpy as np
import pytest

from layers import Dense, Embedding, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import SGD
from training import Vocabulary, fit, windows

# ---- the vocabulary --------------------------------------------------------------------------------------------------


def test_characters_are_numbered_in_the_order_of_their_code_points():
    vocabulary = Vocabulary("banana, ω\n")
    assert vocabulary.characters == "\n ,abnω"
    assert vocabulary.encode("ban\nω").tolist() == [4, 3, 5, 0, 6]
    assert len(vocabulary) == 7


def test_a_vocabulary_of_a_list_has_the_characters_of_all():
    assert Vocabulary(["emma", "olivia"]) == Vocabulary("aeilmov") != Vocabulary("aei")
    assert len({Vocabulary("ab"), Vocabulary("ba")}) == 1


@pytest.mark.parametrize("text", ["", "a", "\0a\0", "naïve 𝄞 \ud800 ẞ"])
def test_what_is_encoded_is_decoded_again(text):
    vocabulary = Vocabulary("a" + text)
    numbers = vocabulary.encode(text)
    assert numbers.shape == (len(text),)
    assert vocabulary.decode(numbers) == text
    assert vocabulary.decode(numbers.astype(np.uint8).tolist()) == text


def test_its_own_characters_make_it_again():
    vocabulary = Vocabulary("quotes ' and \"")
    assert eval(repr(vocabulary), {"Vocabulary": Vocabulary}) == vocabulary


def test_an_unknown_character_is_named_with_its_place():
    with pytest.raises(ValueError, match=r"^Vocabulary: text must be of its 3 characters 'abc', got 'z' at 2$"):
        Vocabulary("abc").encode("abz")
    with pytest.raises(ValueError, match=r"its 200 characters .{100,150} \.\.\., got 'z' at 0$"):
        Vocabulary("".join(map(chr, range(1000, 1200)))).encode("z")


@pytest.mark.parametrize("numbers", [[0, 3], [-1, 3]])
def test_a_number_without_a_character_is_named_with_its_place(numbers):
    wrong = min(numbers) if min(numbers) < 0 else 3
    match = rf"^Vocabulary: numbers must be from 0 to 2, got {wrong} at {numbers.index(wrong)}$"
    with pytest.raises(ValueError, match=match):
        Vocabulary("abc").decode(numbers)


def test_what_is_no_text_is_refused():
    with pytest.raises(TypeError, match=r"^Vocabulary: text must be a str, or a list of them, got set"):
        Vocabulary({"a"})
    with pytest.raises(ValueError, match=r"^Vocabulary: text must hold at least one character, got none"):
        Vocabulary([])
    with pytest.raises(TypeError, match=r"^Vocabulary: text must be a str, got bytes"):
        Vocabulary("ab").encode(b"ab")
    with pytest.raises(TypeError, match=r"^Vocabulary: numbers must be whole numbers, got dtype float64"):
        Vocabulary("ab").decode([0.0])
    with pytest.raises(ValueError, match=r"^Vocabulary: numbers must have shape \(T,\), got \(1, 1\)"):
        Vocabulary("ab").decode([[0]])


# ---- windows of a long text ------------------------------------------------------------------------------------------


def test_targets_are_the_same_tokens_one_later():
    seen = list(windows(np.arange(50) * 2, 7, 5, 20, rng=0))
    assert len(seen) == 20
    for x, y in seen:
        assert x.shape == y.shape == (5, 7)
        assert x.dtype == np.int64
        np.testing.assert_array_equal(x[:, 1:], y[:, :-1])
        np.testing.assert_array_equal(y, x + 2)


def test_windows_begin_wherever_one_fits_and_nowhere_else():
    starts = np.concatenate([x[:, 0] for x, _ in windows(np.arange(10), 4, 50, 10, rng=0)])
    assert set(starts) == set(range(6))  # 5, 6, 7, 8 -> 9 is the last
    ((x, y),) = windows(np.arange(5), 4, 1, 1)
    assert (x.tolist(), y.tolist()) == ([[0, 1, 2, 3]], [[1, 2, 3, 4]])


def test_a_seed_gives_the_same_windows_and_a_generator_others():
    def first(rng):
        return next(windows(np.arange(1000), 4, 8, 1, rng=rng))[0]

    rng = np.random.default_rng(3)
    np.testing.assert_array_equal(first(3), first(rng))
    assert not np.array_equal(first(3), first(rng))


def test_of_a_memory_mapped_text_only_the_windows_are_read(tmp_path):
    # The file is a hole of 16 GB, of which the disk holds nothing, with a few tokens at its end.
    tokens = np.memmap(tmp_path / "tokens", np.uint16, "w+", shape=(2**33,))
    tokens[-5:] = [1, 2, 3, 4, 5]
    ((x, y),) = windows(tokens, 16, 4, 1, rng=0)
    assert x.shape == (4, 16)
    assert type(x) is np.ndarray
    ((x, y),) = windows(tokens[-5:], 4, 1, 1)
    assert y.tolist() == [[2, 3, 4, 5]]


def test_tokens_of_another_byte_order_come_in_that_of_the_machine():
    x, _ = next(windows(np.arange(9, dtype=">u2"), 3, 2, 1, rng=0))
    assert x.dtype == np.dtype(np.int64)
    assert x.max() < 9


def test_fit_takes_windows_and_every_epoch_has_others():
    tokens, rng = np.tile(np.arange(4), 100), np.random.default_rng(0)
    model = Sequential([Embedding(4, 8), Dense(8, 4)], rng=0)
    batches = lambda: windows(tokens, 8, 16, 10, rng=rng)  # noqa: E731
    history = fit(model, SoftmaxCrossEntropy(), SGD(1.0), batches, epochs=8, verbose=False)
    assert history.loss[-1] < 0.1 < history.loss[0]


def test_a_text_shorter_than_a_window_is_refused():
    with pytest.raises(
        ValueError, match=r"^windows: tokens must have shape \(L,\) with L of at least n_steps \+ 1 = 6, "
    ):
        windows(np.arange(5), 5, 1, 1)
    with pytest.raises(ValueError, match=r"got \(20, 2\)$"):
        windows(np.zeros((20, 2), int), 5, 1, 1)
    with pytest.raises(TypeError, match=r"^windows: tokens must be whole numbers, got dtype float64"):
        windows(np.arange(9.0), 5, 1, 1)
    with pytest.raises(ValueError, match=r"^windows: n_batches must be at least 1, got 0"):
        windows(np.arange(9), 5, 1, 0)
