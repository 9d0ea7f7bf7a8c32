"""Circuits: each computation of the lecture notes, drawn with its values in green and its gradients in red.

    python examples/circuits.py

A formula becomes a graph of gates. Forward, each gate computes its value from what comes in; backward, it multiplies
the gradient that arrives with its own derivative and sends it on: the chain rule, gate by gate. Where a wire forks,
what comes back adds up. Each circuit has a picture, and a page that goes through it step by step: open it in a browser.
"""

from __future__ import annotations

import numpy as np

from layers import formula

CIRCUITS = {
    # the first one of the notes: q = x + y, f = q z
    "first": ("(x + y) * z", {"x": -2, "y": 5, "z": -4}),
    # the three gates: a product exchanges, a sum hands on, a maximum sends it to the larger one
    "gates": ("max(a * b, c) + d", {"a": 3, "b": -4, "c": 2, "d": -1}),
    # a fork: x goes two ways, and df/dx = y + 1 is what comes back from both
    "fork": ("x * y + x", {"x": 3, "y": -2}),
    # the sigmoid neuron of CS231n, as 1 / (1 + exp(-(w x + b)))
    "neuron": ("1 / (1 + exp(-(w0 * x0 + w1 * x1 + w2)))", {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3}),
    # matrices: a @ b + c, where c is added to every row and so its gradient is a sum over the rows
    "matrices": (
        "sum(a @ b + c)",
        {"a": [[1.0, 2.0], [3.0, 4.0]], "b": [[1.0, 0.0], [-1.0, 2.0]], "c": [0.5, -0.5]},
    ),
    # softmax and cross-entropy: at the logits arrives y_hat - y
    "softmax": ("-sum(y * log(exp(z) / sum(exp(z))))", {"z": [2.0, 1.0, 0.1], "y": [1.0, 0.0, 0.0]}),
}


def main() -> None:
    """Draw every circuit, and print what comes out of it and what comes back to its inputs."""
    for name, (text, numbers) in CIRCUITS.items():
        values = {key: np.array(value, dtype=float) for key, value in numbers.items()}
        circuit = formula(text)
        out = circuit.forward(**values)
        gradients = circuit.backward()
        print(f"{name}: {text} = {np.round(out, 4)}")
        for key, gradient in gradients.items():
            print(f"    d{key} = {np.round(gradient, 4).tolist()}")
        circuit.plot().savefig(f"circuit_{name}.png", dpi=160)
        circuit.html(f"circuit_{name}.html", **values)
        print(f"    drawn in circuit_{name}.png, and step by step in circuit_{name}.html")
    z, y = (np.array(value) for value in CIRCUITS["softmax"][1].values())
    y_hat = np.exp(z) / np.exp(z).sum()
    print(f"y_hat - y = {np.round(y_hat - y, 4).tolist()}, which is dz of softmax and cross-entropy")


if __name__ == "__main__":
    main()
