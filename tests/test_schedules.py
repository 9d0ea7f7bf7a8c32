"""Learning rates as functions of the step, against numbers worked out by hand. The rates are powers of 2 times 0.8."""

import dataclasses
import math
import pickle

import numpy as np
import pytest

import optimizers
from layers import Embedding, Sequential
from optimizers import (
    SGD,
    Constant,
    CosineDecay,
    CosineRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    Joined,
    MultiStepDecay,
    OneCycle,
    PolynomialDecay,
    Schedule,
    StepDecay,
    WarmUp,
)

HALF = math.sqrt(0.5)  # cos(pi / 4)

# schedule, and its rate at some steps
WORKED = [
    (Constant(0.8), {0: 0.8, 1: 0.8, 10**9: 0.8}),
    (StepDecay(0.8, every=3, factor=0.5), {0: 0.8, 2: 0.8, 3: 0.4, 5: 0.4, 6: 0.2, 9: 0.1}),
    (StepDecay(0.8, every=1), {0: 0.8, 1: 0.08, 2: 0.008}),
    (MultiStepDecay(0.8, (2, 5, 6), factor=0.5), {0: 0.8, 1: 0.8, 2: 0.4, 4: 0.4, 5: 0.2, 6: 0.1, 10**9: 0.1}),
    (MultiStepDecay(0.8, [1]), {0: 0.8, 1: 0.08}),
    (MultiStepDecay(0.8, ()), {0: 0.8, 10**9: 0.8}),
    (ExponentialDecay(0.8, 0.5), {0: 0.8, 1: 0.4, 2: 0.2, 3: 0.1}),
    (ExponentialDecay(0.8, 0.25, every=10), {0: 0.8, 5: 0.4, 10: 0.2, 15: 0.1, 1: 0.8 * 0.25**0.1}),
    (InverseTimeDecay(0.8, decay=0.5), {0: 0.8, 2: 0.4, 6: 0.2, 14: 0.1}),
    (InverseTimeDecay(0.8, decay=0), {0: 0.8, 10**9: 0.8}),
    (PolynomialDecay(0.8, steps=8), {0: 0.8, 2: 0.6, 4: 0.4, 7: 0.1, 8: 0.0, 9: 0.0, 10**9: 0.0}),
    (PolynomialDecay(0.8, steps=8, power=2, final=0.4), {0: 0.8, 4: 0.5, 6: 0.425, 8: 0.4, 9: 0.4}),
    (PolynomialDecay(0.8, steps=4, power=0.5), {0: 0.8, 3: 0.4, 4: 0.0}),
    (CosineDecay(0.8, steps=8), {0: 0.8, 2: 0.4 + 0.4 * HALF, 4: 0.4, 6: 0.4 - 0.4 * HALF, 8: 0.0, 9: 0.0, 12: 0.0}),
    (CosineDecay(0.8, steps=6, final=0.2), {0: 0.8, 2: 0.65, 3: 0.5, 4: 0.35, 6: 0.2, 10**9: 0.2}),  # cos(60°) = 0.5
    (CosineDecay(0.1, steps=2, final=0.7), {0: 0.1, 1: 0.4, 2: 0.7}),  # up, for whoever wants it
    (CosineRestarts(0.8, steps=4), {0: 0.8, 2: 0.4, 3: 0.4 - 0.4 * HALF, 4: 0.8, 6: 0.4, 8: 0.8, 4 * 10**9 + 2: 0.4}),
    # cycles from 0, 2, 6, 14 and 30
    (
        CosineRestarts(0.8, steps=2, growth=2, final=0.2),
        {0: 0.8, 1: 0.5, 2: 0.8, 4: 0.5, 6: 0.8, 10: 0.5, 14: 0.8, 22: 0.5, 30: 0.8},
    ),
    # up from 0.2 in 4 steps, down to 0.4 in 12: 60° are 4 of them
    (
        OneCycle(0.8, steps=16, rise=0.25, start=4, end=2),
        {0: 0.2, 2: 0.5, 4: 0.8, 8: 0.7, 10: 0.6, 12: 0.5, 16: 0.4, 17: 0.4, 10**9: 0.4},
    ),
    (OneCycle(0.8, steps=4, rise=0, end=4), {0: 0.8, 2: 0.5, 4: 0.2}),
    (OneCycle(0.8, steps=100), {0: 0.032, 15: 0.416, 30: 0.8, 100: 0.0000032}),
    (WarmUp(0.8, steps=3), {0: 0.2, 1: 0.4, 2: 0.6, 3: 0.8, 4: 0.8}),
    (WarmUp(Constant(0.8), steps=1), {0: 0.4, 1: 0.8}),
    (WarmUp(PolynomialDecay(0.8, steps=4), steps=3), {0: 0.2, 1: 0.4, 2: 0.6, 3: 0.8, 4: 0.6, 5: 0.4, 6: 0.2, 7: 0.0}),
    (WarmUp(lambda step: 0.8 / (step + 1), steps=3), {0: 0.2, 2: 0.6, 3: 0.8, 4: 0.4}),
    (WarmUp(WarmUp(0.8, steps=1), steps=3), {0: 0.1, 2: 0.3, 3: 0.4, 4: 0.8}),
    (
        Joined((0.8, StepDecay(0.4, every=2, factor=0.5), WarmUp(0.8, 3)), starts=(2, 5)),
        {0: 0.8, 1: 0.8, 2: 0.4, 3: 0.4, 4: 0.2, 5: 0.2, 6: 0.4, 8: 0.8, 10**9: 0.8},
    ),
    (Joined([Constant(0.8)], starts=[]), {0: 0.8, 7: 0.8}),
]
every_schedule = pytest.mark.parametrize("schedule", [schedule for schedule, _ in WORKED], ids=repr)


@pytest.mark.parametrize(("schedule", "rates"), WORKED, ids=repr)
def test_worked_numbers(schedule, rates):
    got = {step: schedule(step) for step in rates}
    assert got == pytest.approx(rates, rel=1e-14, abs=1e-16)


def test_every_public_schedule_is_here():
    public = {thing for thing in vars(optimizers).values() if isinstance(thing, type) and issubclass(thing, Schedule)}
    missing = {schedule.__name__ for schedule in public - {Schedule} - {type(schedule) for schedule, _ in WORKED}}
    assert sorted(missing) == [], "write rates worked out by hand for each in WORKED of tests/test_schedules.py"


@every_schedule
def test_rates_are_plain_numbers_and_never_negative(schedule):
    for step in (*range(40), 1000, 10**6):
        assert type(schedule(step)) is float
        assert schedule(step) >= 0


@every_schedule
def test_the_rate_depends_on_the_step_alone(schedule):
    forth = [schedule(step) for step in range(20)]
    back = [schedule(step) for step in reversed(range(20))]
    assert forth == back[::-1]


@every_schedule
def test_numpys_steps_count_too(schedule):
    assert [schedule(step) for step in np.arange(20)] == pytest.approx(
        [schedule(step) for step in range(20)], rel=1e-15
    )


PRINTABLE = [schedule for schedule, _ in WORKED if "lambda" not in repr(schedule)]


@pytest.mark.parametrize("schedule", PRINTABLE, ids=repr)
def test_repr_is_what_one_would_type(schedule):
    assert eval(repr(schedule)) == schedule


@pytest.mark.parametrize("schedule", PRINTABLE, ids=repr)
def test_it_can_be_pickled_and_compared(schedule):
    twin = pickle.loads(pickle.dumps(schedule))
    assert twin == schedule
    assert hash(twin) == hash(schedule)
    assert twin != Constant(0.123)


def test_repr_by_example():
    assert repr(WarmUp(CosineDecay(0.1, steps=900), steps=100)) == "WarmUp(CosineDecay(0.1, 900), 100)"
    assert repr(OneCycle(0.1, steps=900, end=1000, rise=0.25)) == "OneCycle(0.1, 900, rise=0.25, end=1000)"
    assert repr(Joined([0.8, Constant(0.4)], starts=[5])) == "Joined((0.8, Constant(0.4)), (5,))"


def test_a_schedule_cannot_be_changed():
    schedule = Constant(0.1)
    with pytest.raises(AttributeError, match="cannot assign to field 'learning_rate'"):
        schedule.learning_rate = 0.2


def test_options_become_plain_numbers():
    assert repr(CosineDecay(np.float32(0.5), np.int64(10))) == "CosineDecay(0.5, 10)"


def test_the_lists_of_the_caller_are_not_kept():
    milestones = [1, 2]
    schedule = MultiStepDecay(0.8, milestones, factor=0.5)
    milestones.clear()
    assert schedule(2) == 0.2


def test_an_optimizer_follows_its_schedule():
    # 0 - 0.4 - 0.2 - 0.1
    model = Sequential([Embedding(1, 1)], dtype=np.float64)
    model.parameters = [0.0]
    optimizer = SGD(ExponentialDecay(0.4, 0.5))
    rates = []
    for _ in range(3):
        model.gradients = [1.0]
        rates.append(optimizer.rate())
        optimizer.step(model)
    assert rates == [0.4, 0.2, 0.1]
    assert model.parameters == pytest.approx([-0.7], rel=1e-15)
    assert repr(optimizer) == "SGD(ExponentialDecay(0.4, 0.5))"


def test_a_schedule_of_ones_own():
    class Alternating(Schedule):
        def __call__(self, step):
            return (0.1, 0.2)[step % 2]

    assert [WarmUp(Alternating(), 1)(step) for step in range(4)] == [0.05, 0.1, 0.2, 0.1]


def test_the_fields_of_a_schedule_of_ones_own_are_its_own():
    # the same names as in others, with another meaning
    @dataclasses.dataclass(frozen=True, repr=False)
    class Falling(Schedule):
        learning_rate: float
        start: int = 0
        steps: float = 0.5
        final: float = -1.0

        def __call__(self, step):
            return self.learning_rate / (1 + max(step - self.start, 0))

    schedule = Falling(0.8)
    assert (schedule.start, schedule.steps, schedule.final) == (0, 0.5, -1.0)
    assert [schedule(step) for step in (0, 1, 3)] == [0.8, 0.4, 0.2]
    assert (repr(schedule), repr(Falling(0.8, start=5))) == ("Falling(0.8)", "Falling(0.8, start=5)")


def test_a_schedule_of_ones_own_adds_a_field():
    @dataclasses.dataclass(frozen=True, repr=False)
    class Floored(CosineDecay):
        floor: float = dataclasses.field(default=0.25, kw_only=True)

        def __call__(self, step):
            return max(super().__call__(step), self.floor)

    assert Floored(0.8, 8)(8) == 0.25
    assert repr(Floored(np.float64(0.8), 8, floor=0.5)) == "Floored(0.8, 8, floor=0.5)"
    with pytest.raises(ValueError, match=r"^Floored: steps must be at least 1, got 0$"):
        Floored(0.8, 0)


@every_schedule
def test_what_has_a_default_comes_by_keyword(schedule):
    for field in dataclasses.fields(schedule):
        assert field.kw_only == (field.default is not dataclasses.MISSING)


def test_a_schedule_of_ones_own_must_be_callable():
    class Nothing(Schedule):
        pass

    with pytest.raises(NotImplementedError, match=r"Nothing must define __call__\(self, step\)"):
        Nothing()(0)


# ---- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: Constant(-0.1), ValueError, r"^Constant: learning_rate must be finite and >= 0, got -0\.1$"),
        (lambda: Constant("0.1"), TypeError, r"^Constant: learning_rate must be a number, got '0\.1'$"),
        (lambda: Constant(math.nan), ValueError, "^Constant: learning_rate must be finite and >= 0, got nan$"),
        (lambda: StepDecay(0.1, every=0), ValueError, "^StepDecay: every must be at least 1, got 0$"),
        (lambda: StepDecay(0.1, every=2.5), TypeError, r"^StepDecay: every must be a whole number, got 2\.5$"),
        (lambda: StepDecay(0.1, 5, factor=-1), ValueError, "^StepDecay: factor must be finite and >= 0, got -1$"),
        (lambda: MultiStepDecay(0.1, (5, 5)), ValueError, r"^MultiStepDecay: milestones must increase, got \(5, 5\)$"),
        (lambda: MultiStepDecay(0.1, (9, 5)), ValueError, r"^MultiStepDecay: milestones must increase, got \(9, 5\)$"),
        (lambda: MultiStepDecay(0.1, (0, 5)), ValueError, "^MultiStepDecay: milestones must be at least 1, got 0$"),
        (
            lambda: MultiStepDecay(0.1, 5),
            TypeError,
            "^MultiStepDecay: milestones must be a sequence of whole numbers, got 5$",
        ),
        (
            lambda: MultiStepDecay(0.1, (1, 2.5)),
            TypeError,
            r"^MultiStepDecay: milestones must be a sequence of whole numbers, got \(1, 2\.5\)$",
        ),
        (
            lambda: ExponentialDecay(0.1, -0.5),
            ValueError,
            r"^ExponentialDecay: factor must be finite and >= 0, got -0\.5$",
        ),
        (
            lambda: ExponentialDecay(0.1, 0.5, every=0),
            ValueError,
            "^ExponentialDecay: every must be at least 1, got 0$",
        ),
        (lambda: InverseTimeDecay(0.1, -1), ValueError, "^InverseTimeDecay: decay must be finite and >= 0, got -1$"),
        (lambda: PolynomialDecay(0.1, 0), ValueError, "^PolynomialDecay: steps must be at least 1, got 0$"),
        (
            lambda: PolynomialDecay(0.1, 5, power=0),
            ValueError,
            "^PolynomialDecay: power must be finite and > 0, got 0$",
        ),
        (
            lambda: PolynomialDecay(0.1, 5, final=-1),
            ValueError,
            "^PolynomialDecay: final must be finite and >= 0, got -1$",
        ),
        (lambda: CosineDecay(0.1, 1e4), TypeError, r"^CosineDecay: steps must be a whole number, got 10000\.0$"),
        (lambda: CosineDecay(0.1, True), TypeError, "^CosineDecay: steps must be a whole number, got True$"),
        (lambda: CosineRestarts(0.1, -5), ValueError, "^CosineRestarts: steps must be at least 1, got -5$"),
        (lambda: CosineRestarts(0.1, 5, growth=0), ValueError, "^CosineRestarts: growth must be at least 1, got 0$"),
        (lambda: OneCycle(0.1, 0), ValueError, "^OneCycle: steps must be at least 1, got 0$"),
        (lambda: OneCycle(0.1, 5, rise=1), ValueError, r"^OneCycle: rise must be in \[0, 1\), got 1$"),
        (lambda: OneCycle(0.1, 5, start=0), ValueError, "^OneCycle: start must be finite and > 0, got 0$"),
        (lambda: OneCycle(0.1, 5, end=-1), ValueError, "^OneCycle: end must be finite and > 0, got -1$"),
        (lambda: WarmUp(-0.1, 5), ValueError, r"^WarmUp: schedule must be finite and >= 0, got -0\.1$"),
        (lambda: WarmUp("cosine", 5), TypeError, "^WarmUp: schedule must be a number or a callable, got 'cosine'$"),
        (lambda: WarmUp(0.1, 0), ValueError, "^WarmUp: steps must be at least 1, got 0$"),
        (
            lambda: Joined((0.1, None), (5,)),
            TypeError,
            r"^Joined: schedules\[1\] must be a number or a callable, got None$",
        ),
        (lambda: Joined(0.1, ()), TypeError, "^Joined: schedules must be a sequence of numbers or callables, got 0.1$"),
        (
            lambda: Joined((0.1, 0.2), ()),
            ValueError,
            "^Joined: starts must hold a step for each schedule but the first, got 2 schedules and 0 starts$",
        ),
        (
            lambda: Joined((), ()),
            ValueError,
            "^Joined: starts must hold a step for each .* got 0 schedules and 0 starts$",
        ),
        (lambda: Joined((0.1, 0.2, 0.3), (5, 4)), ValueError, r"^Joined: starts must increase, got \(5, 4\)$"),
    ],
)
def test_bad_options_are_refused(make, error, match):
    with pytest.raises(error, match=match):
        make()
