"""Arrays of any memory: the numbers of a layer do not depend on how x, dout and its parameters lie in memory."""

import copy

import numpy as np
import pytest
from test_gradients import GATES, LAYERS, drawn, named


def strided(x):
    room = np.full((*x.shape[:-1], 2 * x.shape[-1]), -9, x.dtype)
    room[..., ::2] = x
    return room[..., ::2]


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def alike(x):
    """Return examples that are all the first one, without memory of their own."""
    return np.broadcast_to(x[:1], x.shape)


MEMORIES = {
    "Fortran": lambda x: np.array(x, order="F"),
    "backwards": lambda x: x[..., ::-1].copy()[..., ::-1],
    "upside down": lambda x: x[::-1].copy()[::-1],
    "strided": strided,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "little-endian": lambda x: x.astype(x.dtype.newbyteorder("<")),
    "read-only": read_only,
    "broadcast": alike,
    "channels first": lambda x: np.moveaxis(np.moveaxis(x, -1, 0).copy(), 0, -1),
    "unaligned": lambda x: np.frombuffer(b"." + x.tobytes(), x.dtype, offset=1).reshape(x.shape),
}


def lying(memory, x):
    """Return x in that memory, and a plain array of the same numbers; numbers and empty shapes are plain already."""
    x = np.asarray(x)
    other = memory(x) if x.ndim else x
    return other, np.array(other, dtype=x.dtype, order="C")


def results(layer, inputs, dout):
    """Return all that a step gives."""
    out = layer.forward(*inputs)
    dinputs = layer.backward(dout)
    dinputs = dinputs if isinstance(dinputs, tuple) else [dx for dx in (dinputs,) if dx is not None]
    return [np.asarray(out), layer.gradients, *map(np.asarray, dinputs)]


@pytest.mark.parametrize(("layer", "inputs"), named([*LAYERS, *GATES]))
def test_every_memory_gives_the_same_numbers(layer, inputs, rng):
    inputs = [np.asarray(x) for x in drawn(rng, inputs)]
    out = copy.deepcopy(layer).forward(*inputs)
    dout = rng.normal(size=np.shape(out)).astype(out.dtype)
    for name, memory in MEMORIES.items():
        others, plain = zip(*(lying(memory, x) for x in (*inputs, dout)), strict=True)
        one, two = copy.deepcopy(layer), copy.deepcopy(layer)
        found, expected = results(one, others[:-1], others[-1]), results(two, plain[:-1], plain[-1])
        for array, right in zip(found, expected, strict=True):
            assert (array.dtype, array.dtype.isnative) == (right.dtype, True), name
            np.testing.assert_allclose(array, right, rtol=1e-13, atol=1e-13, err_msg=name)
        np.testing.assert_array_equal(one.predict(*others[:-1]), two.predict(*plain[:-1]), err_msg=name)


@pytest.mark.parametrize("memory", [memory for memory in MEMORIES if memory != "broadcast"])
@pytest.mark.parametrize(("layer", "inputs"), named({type(row[0]): row for row in LAYERS if row[0].shapes}.values()))
def test_parameters_are_assigned_from_every_memory(layer, inputs, memory, rng):
    layer = copy.deepcopy(layer)
    for name, shape in layer.shapes.items():
        other, plain = lying(MEMORIES[memory], rng.normal(size=shape))
        setattr(layer, name, other)
        np.testing.assert_array_equal(getattr(layer, name), plain)
        assert getattr(layer, name).flags.c_contiguous
    assert layer.parameters.dtype.isnative
