"""Monitor and mode of a callback, checked in the constructor and at every later assignment."""

import pytest

from training import Checkpoint, EarlyStopping, ReduceOnPlateau

MAKE = {
    "EarlyStopping": lambda folder, **options: EarlyStopping(**options),
    "ReduceOnPlateau": lambda folder, **options: ReduceOnPlateau(**options),
    "Checkpoint": lambda folder, **options: Checkpoint(folder / "a.npz", **options),
}


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize(
    ("attribute", "value", "error", "message"),
    [
        ("monitor", 3, TypeError, "monitor must be "),
        ("monitor", ["loss"], TypeError, "monitor must be the name of a number"),
        ("monitor", "speed", ValueError, "mode must be 'min' or 'max' for 'speed'"),
        ("mode", "down", ValueError, "mode must be 'min' or 'max', got 'down'"),
        ("mode", True, ValueError, "mode must be 'min' or 'max', got True"),
    ],
)
def test_both_are_checked_whenever_they_are_assigned(tmp_path, name, attribute, value, error, message):
    with pytest.raises(error, match=f"{name}: {message}"):
        MAKE[name](tmp_path, **{attribute: value})
    callback = MAKE[name](tmp_path, monitor="loss")
    with pytest.raises(error, match=f"{name}: {message}"):
        setattr(callback, attribute, value)
    assert (callback.monitor, callback.mode) == ("loss", "min")


@pytest.mark.parametrize("name", MAKE)
def test_another_monitor_has_its_own_way(tmp_path, name):
    callback = MAKE[name](tmp_path, monitor="loss")
    callback.monitor = "accuracy"
    assert callback.mode == "max"
    callback.mode = "min"
    assert callback.mode == "min"
    callback.mode = None  # what the name says again
    assert callback.mode == "max"
    callback.mode = "max"
    callback.monitor = "speed"  # whose name says nothing, but the mode was given
    assert (callback.monitor, callback.mode) == ("speed", "max")
    with pytest.raises(ValueError, match="mode must be 'min' or 'max' for 'speed'"):
        callback.mode = None


def test_a_plateau_needs_a_monitor_and_a_checkpoint_does_not(tmp_path):
    for make in (EarlyStopping, ReduceOnPlateau):
        with pytest.raises(TypeError, match="monitor must be a name in the history, got None"):
            make().monitor = None
    saved = Checkpoint(tmp_path / "a.npz", monitor="loss")
    saved.monitor = None
    assert (saved.monitor, saved.mode) == (None, None)
