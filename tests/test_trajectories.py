"""Fifty steps of each rule: in CASES against PyTorch, in AGAINST_PAPER against a reference written from its paper.

`trajectories.npz` was made with PyTorch 2.13.0 in float64, by this script run from the folder `tests`:

    import numpy as np, torch
    from test_trajectories import CASES, START, STEPS, gradient

    torch.set_default_dtype(torch.float64)
    paths = {}
    for name, (_, torch_name, torch_options) in CASES.items():
        x = torch.tensor(START, requires_grad=True)
        optimizer = getattr(torch.optim, torch_name)([x], **torch_options)
        path = []
        for step in range(STEPS):
            x.grad = torch.from_numpy(gradient(x.detach().numpy(), step))
            optimizer.step()
            path.append(x.detach().numpy().copy())
        paths[name] = path
    np.savez_compressed("trajectories.npz", **paths)
"""

import copy
import math
from pathlib import Path

import numpy as np
import pytest

from layers import Embedding, Sequential
from optimizers import SGD, Adadelta, Adagrad, Adam, AdamW, Lion, NAdam, RMSprop

START = [1.0, -2.0, 0.5, 3.0]
STEPS = 50


def gradient(x, step):
    """Return the gradient of a bowl that shakes; that of the last number is exactly zero."""
    return np.array([1.0, 0.3, 20.0, 0.0]) * (x + np.sin(2.0 * step + np.arange(4.0)))


# name: our rule, and the class of torch.optim with its options. An epsilon of 0.01 is large enough to see where it
# stands: outside the root in all of them but Adadelta.
CASES = {
    "adam": (Adam(0.1, epsilon=0.01), "Adam", {"lr": 0.1, "eps": 0.01}),
    "adam, other means": (Adam(0.1, beta1=0.7, beta2=0.8), "Adam", {"lr": 0.1, "betas": (0.7, 0.8)}),
    "adam, no means": (Adam(0.1, beta1=0.0, beta2=0.0), "Adam", {"lr": 0.1, "betas": (0.0, 0.0)}),
    "adam, decay": (Adam(0.1, weight_decay=0.1), "Adam", {"lr": 0.1, "weight_decay": 0.1}),
    "amsgrad": (
        Adam(0.1, beta2=0.8, epsilon=0.01, amsgrad=True, weight_decay=0.1),
        "Adam",
        {"lr": 0.1, "betas": (0.9, 0.8), "eps": 0.01, "amsgrad": True, "weight_decay": 0.1},
    ),
    "adamw": (AdamW(0.1), "AdamW", {"lr": 0.1}),
    "adamw, amsgrad": (
        AdamW(0.1, beta2=0.8, epsilon=0.01, amsgrad=True, weight_decay=0.5),
        "AdamW",
        {"lr": 0.1, "betas": (0.9, 0.8), "eps": 0.01, "amsgrad": True, "weight_decay": 0.5},
    ),
    "nadam": (NAdam(0.1, epsilon=0.01), "NAdam", {"lr": 0.1, "eps": 0.01}),
    "nadam, decay": (
        NAdam(0.1, beta1=0.8, beta2=0.9, momentum_decay=0.3, weight_decay=0.1),
        "NAdam",
        {"lr": 0.1, "betas": (0.8, 0.9), "momentum_decay": 0.3, "weight_decay": 0.1},
    ),
    "rmsprop": (RMSprop(0.1, epsilon=0.01), "RMSprop", {"lr": 0.1, "alpha": 0.9, "eps": 0.01}),
    "rmsprop, momentum": (
        RMSprop(0.01, rho=0.99, momentum=0.9),
        "RMSprop",
        {"lr": 0.01, "alpha": 0.99, "momentum": 0.9},
    ),
    "rmsprop, centered": (
        RMSprop(0.1, rho=0.95, centered=True, epsilon=0.01),
        "RMSprop",
        {"lr": 0.1, "alpha": 0.95, "centered": True, "eps": 0.01},
    ),
    "rmsprop, all": (
        RMSprop(0.01, rho=0.95, momentum=0.8, centered=True, epsilon=0.01, weight_decay=0.1),
        "RMSprop",
        {"lr": 0.01, "alpha": 0.95, "momentum": 0.8, "centered": True, "eps": 0.01, "weight_decay": 0.1},
    ),
    "adagrad": (Adagrad(0.3), "Adagrad", {"lr": 0.3}),
    "adagrad, all": (
        Adagrad(0.3, initial_squares=0.5, epsilon=0.01, weight_decay=0.1),
        "Adagrad",
        {"lr": 0.3, "initial_accumulator_value": 0.5, "eps": 0.01, "weight_decay": 0.1},
    ),
    "adadelta": (Adadelta(), "Adadelta", {}),
    "adadelta, all": (
        Adadelta(0.5, rho=0.95, epsilon=0.01, weight_decay=0.1),
        "Adadelta",
        {"lr": 0.5, "rho": 0.95, "eps": 0.01, "weight_decay": 0.1},
    ),
    "sgd": (
        SGD(0.02, momentum=0.9, nesterov=True, weight_decay=0.1),
        "SGD",
        {"lr": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    ),
}


def trajectory(optimizer, dtype=np.float64):
    """Return the parameters after each of the steps of a copy of the optimizer."""
    optimizer = copy.deepcopy(optimizer)
    model = Sequential([Embedding(len(START), 1)], dtype=dtype)
    model.parameters = START
    path = []
    for step in range(STEPS):
        model.gradients = gradient(model.parameters, step)
        optimizer.step(model)
        path.append(model.parameters.copy())
    return np.array(path)


@pytest.mark.parametrize("name", CASES)
def test_fifty_steps_against_pytorch(name):
    optimizer, *_ = CASES[name]
    with np.load(Path(__file__).with_name("trajectories.npz")) as paths:
        assert name in paths, "remake trajectories.npz, as the docstring of this file says"
        expected = paths[name]
    assert expected.shape == (STEPS, len(START))
    np.testing.assert_allclose(trajectory(optimizer), expected, rtol=0, atol=1e-10)


def lion(rate, beta1, beta2, decay):
    """Return fifty steps of program 1 of arXiv:2302.06675, number by number."""
    x, m, path = list(START), [0.0] * len(START), []
    for step in range(STEPS):
        for i, g in enumerate(gradient(np.array(x), step)):
            c = beta1 * m[i] + (1 - beta1) * g
            m[i] = beta2 * m[i] + (1 - beta2) * g
            x[i] -= rate * (math.copysign(c != 0, c) + decay * x[i])
        path.append(list(x))
    return path


# name: our rule, and its path by a reference in plain numbers. A sign could flip where c of lion is within rounding of
# 0; on these paths it never is.
AGAINST_PAPER = {
    "lion": (Lion(0.1), lion(0.1, 0.9, 0.99, 0.0)),
    "lion, decay": (Lion(0.1, weight_decay=0.1), lion(0.1, 0.9, 0.99, 0.1)),
    "lion, all": (Lion(0.1, beta1=0.5, beta2=0.8, weight_decay=0.3), lion(0.1, 0.5, 0.8, 0.3)),
}


@pytest.mark.parametrize("name", AGAINST_PAPER)
def test_fifty_steps_against_the_paper(name):
    optimizer, expected = AGAINST_PAPER[name]
    assert np.shape(expected) == (STEPS, len(START))
    np.testing.assert_allclose(trajectory(optimizer), expected, rtol=0, atol=1e-10)


TRAJECTORIES = {name: optimizer for name, (optimizer, *_) in (CASES | AGAINST_PAPER).items()}


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_float32_follows_float64(name):
    # Fifty roundings to 24 bits (6e-8) of numbers up to 3, some of them magnified by a small denominator.
    path = trajectory(TRAJECTORIES[name], np.float32)
    assert path.dtype == np.float32
    np.testing.assert_allclose(path, trajectory(TRAJECTORIES[name]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", [name for name, optimizer in TRAJECTORIES.items() if not optimizer.weight_decay])
def test_what_never_has_a_gradient_does_not_move(name):
    np.testing.assert_array_equal(trajectory(TRAJECTORIES[name])[:, 3], START[3])
