import re

import numpy as np
import pytest

from layers import Add, Divide, Exp, Log, MatMul, Maximum, Minimum, Multiply, Sequential, Subtract

A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
B = np.array([2.0, -1.0, 0.5])
DOUT = np.array([[1.0, 2.0, 3.0], [-1.0, 0.5, 2.0]])
OF_TWO = [Add, Subtract, Multiply, Divide, Maximum, Minimum]


# ---- notes 1 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gate", "a", "b", "out", "da", "db"),
    [
        (Multiply(), 4, -5, -20, -5, 4),
        (Add(), 5, 3, 8, 1, 1),
        (Maximum(), 4, 2, 4, 1, 0),
        (Maximum(), 2, 4, 4, 0, 1),
        (Minimum(), 4, 2, 2, 0, 1),
        (Minimum(), 2, 4, 2, 1, 0),
        (Subtract(), 5, 3, 2, 1, -1),
        (Divide(), 6, 2, 3, 0.5, -1.5),  # 1 / 2, -6 / 2²
    ],
)
def test_two_numbers(gate, a, b, out, da, db):
    assert gate.forward(a, b) == gate.predict(a, b) == out
    assert gate.backward(1.0) == (da, db)


def test_the_chain_rule():
    # f = (x + y) * z at x = -2, y = 5, z = -4: q = 3, f = -12; df/dz = q, df/dq = z = df/dx = df/dy
    add, multiply = Add(), Multiply()
    assert multiply.forward(add.forward(-2, 5), -4) == -12
    dq, dz = multiply.backward(1.0)
    assert (*add.backward(dq), dz) == (-4, -4, 3)


def test_a_product_of_matrices_plus_a_vector(rng):
    # d = a @ b + c: da = dd @ b.T, db = a.T @ dd, dc = the sum of the rows of dd
    a, b, c, dd = (rng.normal(size=shape) for shape in ((32, 64), (64, 27), (27,), (32, 27)))
    matmul, add = MatMul(), Add()
    np.testing.assert_array_equal(add.forward(matmul.forward(a, b), c), a @ b + c)
    dproduct, dc = add.backward(dd)
    da, db = matmul.backward(dproduct)
    np.testing.assert_allclose(dc, dd.sum(axis=0), rtol=1e-13)
    np.testing.assert_allclose(da, np.einsum("ij,kj->ik", dd, b), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(db, np.einsum("ki,kj->ij", a, dd), rtol=1e-12, atol=1e-13)


def test_a_row_that_multiplies_every_row(rng):
    b, c, da = (rng.normal(size=shape) for shape in ((1, 64), (32, 64), (32, 64)))
    gate = Multiply()
    np.testing.assert_array_equal(gate.forward(b, c), b * c)
    db, dc = gate.backward(da)
    np.testing.assert_allclose(db, np.einsum("ij,ij->j", da, c)[np.newaxis], rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(dc, da * b)


def test_a_column_that_is_subtracted_from_every_column():
    gate = Subtract()
    gate.forward(np.ones((3, 3)), np.ones((3, 1)))
    da, db = gate.backward(np.arange(9.0).reshape(3, 3))
    np.testing.assert_array_equal(da, np.arange(9).reshape(3, 3))
    np.testing.assert_array_equal(db, [[-3], [-12], [-21]])  # -(0 + 1 + 2), ...


# ---- other numbers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gate", "out", "da", "db"),
    [
        # torch 2.13.0, float64: torch.add, torch.sub, torch.mul, torch.div of A and B, backward of DOUT
        (Add(), [[3, 1, 3.5], [6, 4, 6.5]], DOUT, [0, 2.5, 5]),
        (Subtract(), [[-1, 3, 2.5], [2, 6, 5.5]], DOUT, [0, -2.5, -5]),
        (Multiply(), [[2, -2, 1.5], [8, -5, 3]], [[2, -2, 1.5], [-2, -0.5, 1]], [-3, 6.5, 21]),
        (Divide(), [[0.5, -2, 6], [2, -5, 12]], [[0.5, -2, 6], [-0.5, -0.5, 4]], [0.75, -6.5, -84]),
        # the larger one is B[0] = 2 > 1 only
        (Maximum(), [[2, 2, 3], [4, 5, 6]], [[0, 2, 3], [-1, 0.5, 2]], [1, 0, 0]),
        (Minimum(), [[1, -1, 0.5], [2, -1, 0.5]], [[1, 0, 0], [0, 0, 0]], [-1, 2.5, 5]),
    ],
)
def test_a_matrix_and_a_row(gate, out, da, db):
    np.testing.assert_array_equal(gate.forward(A, B), out)
    for gradient, expected in zip(gate.backward(DOUT), (da, db), strict=True):
        np.testing.assert_array_equal(gradient, expected)


def test_exp_and_log():
    exp, log = Exp(), Log()
    np.testing.assert_allclose(exp.forward(np.log(A)), A, rtol=1e-15)
    np.testing.assert_allclose(exp.backward(DOUT), DOUT * A, rtol=1e-15)
    np.testing.assert_allclose(log.forward(np.exp(A)), A, rtol=1e-15)
    np.testing.assert_allclose(log.backward(DOUT), DOUT / np.exp(A), rtol=1e-15)


@pytest.mark.parametrize("gate", [Maximum(), Minimum()])
def test_the_first_input_takes_a_tie(gate):
    np.testing.assert_array_equal(gate.forward(np.array([1.0, 2.0, -0.0]), np.array([1.0, 2.0, 0.0])), [1, 2, 0])
    da, db = gate.backward(np.array([10.0, 20.0, 30.0]))
    np.testing.assert_array_equal(da, [10, 20, 30])
    np.testing.assert_array_equal(db, [0, 0, 0])


@pytest.mark.parametrize("gate", OF_TWO)
def test_an_input_that_comes_twice_gets_both_gradients(gate):
    a = np.array([2.0, 3.0])
    subject = gate()
    subject.forward(a, a)
    total = np.sum(subject.backward(np.ones(2)), axis=0)
    expected = {"Add": [2, 2], "Subtract": [0, 0], "Multiply": [4, 6], "Divide": [0, 0]}
    expected |= {"Maximum": [1, 1], "Minimum": [1, 1]}
    np.testing.assert_allclose(total, expected[gate.__name__], atol=1e-15)


@pytest.mark.parametrize("gate", OF_TWO)
def test_gradients_are_memory_of_their_own(gate):
    dout = np.ones((2, 3))
    subject = gate()
    subject.forward(A, A)
    da, db = subject.backward(dout)
    assert not any(np.shares_memory(*pair) for pair in ((da, db), (da, dout), (db, dout), (da, A), (db, A)))


@pytest.mark.parametrize("gate", OF_TWO)
@pytest.mark.parametrize(
    ("a", "b"), [((2, 3), (3,)), ((1, 3), (2, 1)), ((), (2, 3)), ((4, 1, 3), (2, 1)), ((1,), (1,)), ((), ())]
)
def test_each_gradient_has_the_shape_of_its_input(gate, a, b, rng):
    subject, (x, y) = gate(), (rng.uniform(1, 2, shape) for shape in (a, b))
    out = subject.forward(x, y)
    assert out.shape == np.broadcast_shapes(a, b)
    assert tuple(np.shape(gradient) for gradient in subject.backward(out)) == (a, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [((3, 4), (4, 2)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 2)), ((2, 3, 4), (4, 2)), ((5, 1, 3, 4), (2, 4, 3))],
)
def test_matmul_is_that_of_numpy(a, b, rng):
    gate, (x, y) = MatMul(), (rng.normal(size=shape) for shape in (a, b))
    np.testing.assert_array_equal(gate.forward(x, y), x @ y)
    assert tuple(gradient.shape for gradient in gate.backward(x @ y)) == (a, b)


# ---- kinds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gate", [*OF_TWO, Exp, Log])
@pytest.mark.parametrize("number", [2, 2.0, np.float64(2), np.int64(2), np.array(2.0), True])
def test_numbers_come_back_as_numbers(gate, number):
    subject = gate()
    out = subject.forward(*[number] * subject.n_operands)
    gradients = np.atleast_1d(subject.backward(1))
    assert isinstance(out, np.float64)
    assert all(isinstance(gradient, np.float64) for gradient in gradients)


@pytest.mark.parametrize("gate", OF_TWO)
@pytest.mark.parametrize("number", [2, 2.0, np.float64(2), np.int64(2), np.array([2, 2, 2])])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numbers_and_integers_take_the_dtype_of_the_array(gate, number, dtype):
    subject = gate()
    for inputs in ((A.astype(dtype), number), (number, A.astype(dtype))):
        out = subject.forward(*inputs)
        assert out.dtype == dtype
        assert {gradient.dtype for gradient in subject.backward(np.ones((2, 3)))} == {np.dtype(dtype)}


def test_two_dtypes_give_the_wider_one():
    assert Multiply().forward(np.float32([1]), np.float64([1])).dtype == np.float64
    assert Multiply().forward(np.float32(1), np.float16([1])).dtype == np.float32


def test_predict_does_not_change_the_dtype_of_a_backward_still_to_come():
    gate = Multiply()
    gate.forward(np.float32([1]), 2)
    assert gate.predict([1.0], 2).dtype == np.float64
    assert gate.backward([1.0])[0].dtype == np.float32


@pytest.mark.parametrize("gate", OF_TWO)
def test_inputs_are_not_changed(gate, unchanged):
    subject, a, b, dout = gate(), A.copy(), B.copy(), DOUT.copy()
    with unchanged(a, b, dout):
        subject.forward(a, b)
        subject.backward(dout)


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gate", OF_TWO)
def test_shapes_must_broadcast(gate):
    message = re.escape(f"{gate.__name__}(): shapes must broadcast, got (2, 3) and (2,)")
    with pytest.raises(ValueError, match=message):
        gate().forward(A, A[:, 0])


@pytest.mark.parametrize(("a", "b"), [((2, 3), (2, 3)), ((), (3,)), ((3,), ()), ((2, 2, 3), (3, 3, 2))])
def test_matrices_must_fit(a, b):
    message = re.escape(f"MatMul(): shapes must be (..., n, k) @ (..., k, m), got {a} and {b}")
    with pytest.raises(ValueError, match=message):
        MatMul().forward(np.ones(a), np.ones(b))


@pytest.mark.parametrize("zero", [0, 0.0, -0.0, np.array([1.0, 0.0, 1.0])])
def test_a_division_by_zero_is_refused(zero):
    with pytest.raises(ValueError, match=re.escape("Divide(): b must not be zero, got 0 among its elements")):
        Divide().forward(A, zero)


@pytest.mark.parametrize("x", [0, -1, np.array([1.0, -2.0])])
def test_the_logarithm_of_what_is_not_positive_is_refused(x):
    with pytest.raises(ValueError, match=re.escape(f"Log(): x must be positive, got {np.min(x).astype(float)}")):
        Log().forward(x)


@pytest.mark.parametrize("gate", [*OF_TWO, MatMul, Exp, Log])
@pytest.mark.parametrize("x", [1j, "a", None])
def test_inputs_must_be_real(gate, x):
    subject = gate()
    message = rf"{gate.__name__}\(\): the inputs must hold real numbers, got \[.*{np.asarray(x).dtype}"
    with pytest.raises(TypeError, match=message):
        subject.forward(*[1.0, x][-subject.n_operands :])


@pytest.mark.parametrize("gate", [*OF_TWO, MatMul])
def test_a_gate_of_two_inputs_is_no_part_of_a_chain(gate):
    name = gate.__name__
    message = re.escape(f"Sequential: layers must take one input, but {name}() at 0 takes 2")
    with pytest.raises(TypeError, match=message):
        Sequential([gate()])


def test_a_gate_of_one_input_keeps_the_shape():
    assert Sequential([Exp(), Log()]).output_shape((3, 4)) == (3, 4)


# ---- shapes of one example -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gate", OF_TWO)
@pytest.mark.parametrize(("a", "b"), [((3,), (3,)), ((4, 3), (1, 3)), ((4, 1), (1, 3)), ((), ())])
def test_output_shape_of_two_inputs(gate, a, b):
    out = gate().forward(np.ones((5, *a)), np.ones((5, *b)))
    assert gate().output_shape(a, b) == gate().output_shape(list(a), list(b)) == out.shape[1:]


@pytest.mark.parametrize(("a", "b"), [((3, 4), (4, 2)), ((2, 3, 4), (2, 4, 5)), ((1, 3, 4), (2, 4, 5))])
def test_output_shape_of_a_product(a, b):
    assert MatMul().output_shape(a, b) == (np.ones((5, *a)) @ np.ones((5, *b))).shape[1:]


@pytest.mark.parametrize(
    ("gate", "shapes", "message"),
    [
        (Add(), ((3,), (4,)), "Add(): shapes must broadcast, got (N, 3) and (N, 4)"),
        (Add(), ((3,), (4, 3)), "Add(): shapes must broadcast, got (N, 3) and (N, 4, 3)"),
        (Add(), ((3,), (1, 3)), "Add(): out must have a row for each example, (N, ...), got (N, N, 3)"),  # all with all
        (MatMul(), ((3,), (3,)), "MatMul(): shapes must be (..., n, k) @ (..., k, m), got (N, 3) and (N, 3)"),
        (MatMul(), ((2, 3), (2, 3)), "MatMul(): shapes must be (..., n, k) @ (..., k, m), got (N, 2, 3) and (N, 2, 3)"),
    ],
)
def test_output_shape_of_what_does_not_fit(gate, shapes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        gate.output_shape(*shapes)


@pytest.mark.parametrize("shapes", [(), ((3,),), ((3,), (3,), (3,))])
def test_output_shape_wants_a_shape_for_each_input(shapes):
    with pytest.raises(TypeError, match=f"output_shape must be given 2 shapes, got {len(shapes)}"):
        Multiply().output_shape(*shapes)
