"""Frames around images, and images cut into chunks."""

import numpy as np
import pytest

from layers.images import frames


def test_crop_undoes_pad(rng):
    x, pads = rng.normal(size=(2, 3, 4, 5)), ((1, 2), (0, 3))
    padded = frames.pad(x, pads, 7.0)
    assert padded.shape == (2, 6, 7, 5)
    assert padded.sum() == pytest.approx(x.sum() + 7.0 * (padded.size - x.size), rel=1e-12)
    np.testing.assert_array_equal(frames.crop(padded, pads), x)


def test_without_a_frame_nothing_is_copied(rng):
    x = rng.normal(size=(2, 3, 4, 5))
    assert frames.pad(x, ((0, 0), (0, 0))) is x


@pytest.mark.parametrize("pads", [((0, 0), (0, 0)), ((1, 2), (0, 3))])
def test_the_padded_shape_is_that_of_padded_images(pads, rng):
    x = rng.normal(size=(2, 3, 4, 5))
    assert frames.padded_shape(x.shape, pads) == frames.pad(x, pads).shape


@pytest.mark.parametrize("n_channels", [1, 3])
def test_pixels_are_copied_from_and_to_any_memory_order(n_channels, rng):
    last = rng.normal(size=(2, 6, 8, n_channels))
    first = np.moveaxis(np.ascontiguousarray(np.moveaxis(last, -1, 1)), 1, -1)  # its channels far from one another
    for source in (last, first):
        for target in (np.empty_like(last), np.empty_like(first)):
            frames.copy_pixels(source[:, ::2, 1:5], target[:, 3:, 4:])
            np.testing.assert_array_equal(target[:, 3:, 4:], last[:, ::2, 1:5])


def test_chunks_cover_everything_once():
    for n, size in [(1, 10), (7, 3), (8, 4), (5, 1)]:
        cut = list(frames.chunks(n, frames.CACHE_SIZE // size))
        assert np.concatenate([np.arange(n)[here] for here in cut]).tolist() == list(range(n))
        assert max(here.stop - here.start for here in cut) <= size
    assert list(frames.chunks(2, 10 * frames.CACHE_SIZE)) == [slice(0, 1), slice(1, 2)]
