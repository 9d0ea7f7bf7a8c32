"""GroupNorm and InstanceNorm: what a group is."""

import numpy as np
import pytest

from layers import GroupNorm, InstanceNorm, LayerNorm
from layers.group_norm import plain_group_norm
from layers.normalization import plain_norm


def test_one_group_of_an_example_without_positions_is_a_layer_norm(rng):
    x, dout = rng.normal(size=(2, 5, 4))
    group, layer = GroupNorm(4, n_groups=1), LayerNorm(4)
    group.parameters = layer.parameters = rng.normal(size=8)
    np.testing.assert_allclose(group.forward(x), layer.forward(x), atol=1e-14)
    np.testing.assert_allclose(group.backward(dout), layer.backward(dout), atol=1e-14)
    np.testing.assert_allclose(group.gradients, layer.gradients, atol=1e-14)


def test_groups_of_single_channels_are_an_instance_norm(rng):
    x, dout = rng.normal(size=(2, 5, 3, 2, 4))
    group, instance = GroupNorm(4, 4), InstanceNorm(4)
    group.parameters = instance.parameters = rng.normal(size=8)
    np.testing.assert_array_equal(group.forward(x), instance.forward(x))
    np.testing.assert_array_equal(group.backward(dout), instance.backward(dout))
    np.testing.assert_array_equal(group.gradients, instance.gradients)


def test_the_definition_of_single_channels_needs_no_groups(rng):
    x, dout = rng.normal(size=(2, 5, 3, 2, 4))
    gain, bias = rng.normal(size=(2, 4))
    grouped = plain_group_norm(x, dout, gain, bias, 4, 1e-3)
    for one, other in zip(grouped, plain_norm(x, dout, gain, bias, (1, 2), 1e-3), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-13, rtol=0)


def test_a_group_sees_nothing_of_the_others_nor_of_other_examples(rng):
    layer, x = GroupNorm(6, 3), rng.normal(size=(2, 4, 6))
    before = layer.forward(x)
    x[0, :, 2:4] += rng.normal(size=(4, 2))
    changed = layer.forward(x) != before
    assert np.all(changed[0, :, 2:4])
    changed[0, :, 2:4] = False
    assert not np.any(changed)


# ---- what they refuse -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape"), [(InstanceNorm(3), (5, 3)), (InstanceNorm(3), (5, 1, 1, 3)), (GroupNorm(3, 3), (2, 1, 3))]
)
def test_a_group_of_a_single_value_is_refused(layer, shape):
    with pytest.raises(ValueError, match="each group must hold two values or more, got an example of shape"):
        layer.forward(np.ones(shape))
    with pytest.raises(ValueError, match="each group must hold two values or more, got an example of shape"):
        layer.output_shape(shape[1:])


def test_groups_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(ValueError, match="GroupNorm: n_groups must divide n_features, 6, got 4"):
        GroupNorm(6, n_groups=4)
