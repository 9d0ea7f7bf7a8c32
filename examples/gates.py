"""Gates and the chain rule, number by number: the lecture notes on gradients, executed.

    python examples/gates.py

A gate computes its output in forward. In backward it is told dout, how much the final result changes with that
output, and answers how much it changes with each input: the local gradient times dout.
"""

import numpy as np

from layers import Add, MatMul, Max, Maximum, Multiply, Subtract, Sum


def show(what, found, notes):
    """Print a number beside the one in the notes."""
    print(f"    {what:<22} {found:8g}   notes: {notes:g}")


print("One gate at a time, with dout = 1")
for gate, a, b, out, da, db in [
    (Multiply(), 4, -5, -20, -5, 4),  # swaps its inputs
    (Add(), 5, 3, 8, 1, 1),  # distributes
    (Maximum(), 4, 2, 4, 1, 0),  # routes to the larger input
]:
    print(f"  {gate!r} of {a} and {b}")
    show("out", gate.forward(a, b), out)
    found = gate.backward(1.0)
    show("gradient of the first", found[0], da)
    show("gradient of the second", found[1], db)

print("\nTwo gates, chained: f = (x + y) * z at x = -2, y = 5, z = -4")
add, multiply = Add(), Multiply()
q = add.forward(-2, 5)
f = multiply.forward(q, -4)
dq, dz = multiply.backward(1.0)  # backward goes through the gates in reverse order
dx, dy = add.backward(dq)  # what the second gate answered is the dout of the first: that is the chain rule
for what, found, notes in [("q", q, 3), ("f", f, -12), ("dq", dq, -4), ("dz", dz, 3), ("dx", dx, -4), ("dy", dy, -4)]:
    show(what, found, notes)

print("\nArrays. The notes leave the incoming gradient out of their formulas for arrays; here every one has its dout.")
rng = np.random.default_rng(0)


def compare(what, found, formula):
    """Print the shape of a gradient, and that it is what the formula says."""
    print(f"    {what:<34} {found.shape!s:<9} {'equal' if np.allclose(found, formula) else 'DIFFERENT'}")


print("  d = a @ b + c")
a, b, c, dd = (rng.normal(size=shape) for shape in [(32, 64), (64, 27), (27,), (32, 27)])
matmul, add = MatMul(), Add()
d = add.forward(matmul.forward(a, b), c)
dproduct, dc = add.backward(dd)
da, db = matmul.backward(dproduct)
compare("da = dd @ b.T", da, dd @ b.T)
compare("db = a.T @ dd", db, a.T @ dd)
compare("dc = dd.sum(0), c was repeated", dc, dd.sum(0))  # not a.sum(0), as in the notes: that has another shape

print("  a = b * c, where b is one row for all")
b, c, da = (rng.normal(size=shape) for shape in [(1, 64), (32, 64), (32, 64)])
multiply = Multiply()
multiply.forward(b, c)
db, dc = multiply.backward(da)
compare("db = (da * c).sum(0, keepdims)", db, (da * c).sum(0, keepdims=True))
compare("dc = da * b", dc, da * b)

print("  b = a.sum(1), a number for each row")
a, db = rng.normal(size=(3, 3)), rng.normal(size=(3, 1))
row_sum = Sum(axis=1, keepdims=True)
row_sum.forward(a)
compare("da = db for every element", row_sum.backward(db), np.ones_like(a) * db)

print("  c = a - b, where b is one column for all")
a, b, dc = (rng.normal(size=shape) for shape in [(3, 3), (3, 1), (3, 3)])
subtract = Subtract()
subtract.forward(a, b)
da, db = subtract.backward(dc)
compare("da = dc", da, dc)
compare("db = (-dc).sum(1, keepdims)", db, (-dc).sum(1, keepdims=True))

print("  b = a.max(1), the largest of each row")
a, db = rng.normal(size=(3, 3)), rng.normal(size=(3, 1))
row_max = Max(axis=1, keepdims=True)
row_max.forward(a)
compare("da = one_hot(argmax) * db", row_max.backward(db), np.eye(3)[a.argmax(axis=1)] * db)
