"""Every example runs, headless and in an empty folder, says its result, and saves the pictures that it names."""

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib.image
import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
WATCHED = ROOT / "tests" / "legible.py"  # runs a script, and looks at the figures that it saves
# One thread: around small products a second one costs time, most of all where other work runs beside the tests.
ENVIRONMENT = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
ENVIRONMENT["OPENBLAS_NUM_THREADS"] = "1"
TRAIN_FOR_SECONDS = {
    "digits",
    "spirals",
    "unet",
    "two_inputs",
    "carried_state",
    "addition",
    "augmentation",
    "fine_tuning",
}
TRAIN_FOR_SECONDS |= {"names_wavenet", "diagnostics", "resnet_digits", "shakespeare", "names", "lenet", "seeds"}

runs = {}  # each example runs once, and several tests look at it


@pytest.fixture
def run(request, tmp_path_factory):
    """Return the finished run of an example: code, output, errors and the folder it ran in."""
    path = request.param
    if path not in runs:
        folder, found = tmp_path_factory.mktemp(path.stem), tmp_path_factory.mktemp("found") / "faults.json"
        command = [sys.executable, "-W", "error", str(WATCHED), str(found), str(path)]
        done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=300)
        faults = json.loads(found.read_text()) if found.is_file() else {}
        runs[path] = SimpleNamespace(
            code=done.returncode, out=done.stdout, errors=done.stderr, folder=folder, faults=faults
        )
    return runs[path]


def example(path):
    """Return the parameter of a run; an example that trains for seconds is slow."""
    return pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.stem in TRAIN_FOR_SECONDS))


each_example = pytest.mark.parametrize("run", [example(path) for path in EXAMPLES], indirect=True)
digits = pytest.mark.parametrize("run", [example(ROOT / "examples" / "digits.py")], indirect=True)


def pictures(run):
    """Return the paths of the pictures that an example prints."""
    return [run.folder / name for name in re.findall(r"\S+\.png\b", run.out)]


@each_example
def test_it_ends_well_without_a_warning(run):
    assert run.code == 0, run.errors
    assert run.errors == ""


@each_example
def test_it_prints_its_result(run):
    assert any(character.isdigit() for character in run.out)


@each_example
def test_the_pictures_are_those_that_it_names(run):
    assert sorted(run.folder.rglob("*.png")) == sorted(set(pictures(run)))


@each_example
def test_the_pictures_show_something(run):
    for path in pictures(run):
        data = path.read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        assert data.endswith(b"IEND\xae\x42\x60\x82")
        width, height = struct.unpack(">II", data[16:24])
        assert 300 <= width <= 4000
        assert 200 <= height <= 4000
        assert 5_000 < len(data) < 2_000_000
        pixels = matplotlib.image.imread(path)[..., :3]
        assert (pixels == 1).all(axis=-1).mean() < 0.99  # not an empty sheet


@each_example
def test_the_pictures_can_be_read(run):
    assert sorted(run.faults) == sorted({path.name for path in pictures(run)})  # all of them were looked at
    assert {name: found for name, found in run.faults.items() if found} == {}


def test_there_is_an_example_of_the_main_job():
    assert ROOT / "examples" / "digits.py" in EXAMPLES


@digits
def test_digits_prints_a_line_for_each_epoch(run):
    epochs = [line for line in run.out.splitlines() if re.match(r"\W*epoch\b", line)]
    assert [int(re.search(r"\d+", line)[0]) for line in epochs] == list(range(1, len(epochs) + 1))
    assert len(epochs) >= 5
    for line in epochs:
        assert re.search(r"loss +\d+\.\d+", line)
        assert [float(share) <= 100 for share in re.findall(r"accuracy +(\d+\.\d+)%", line)] == [True, True]


@digits
def test_digits_ends_at_97_percent_of_images_that_it_never_saw(run):
    held_out = [float(share) for share in re.findall(r"held-out accuracy +(\d+\.\d+)%", run.out)]
    assert held_out[-1] >= 97


@digits
def test_digits_ends_with_how_good_it_is(run):
    shares = re.findall(r"held-out accuracy +(\d+\.\d+)%", run.out)
    assert re.search(rf": {shares[-1]}% of the 360 held-out images are right$", run.out, flags=re.MULTILINE)


@digits
def test_digits_learns(run):
    losses = [float(value) for value in re.findall(r"^\W*epoch.*?\bloss +(\d+\.\d+)", run.out, flags=re.MULTILINE)]
    assert losses[-1] < losses[0] / 5


@digits
def test_digits_says_where_the_curve_is(run):
    (path,) = re.findall(r"\S+\.png\b", run.out)
    assert Path(path).is_absolute()


def of(name):
    return pytest.mark.parametrize("run", [example(ROOT / "examples" / f"{name}.py")], indirect=True)


def numbers(pattern, text):
    return [float(number.replace(",", "")) for number in re.findall(pattern, text, flags=re.MULTILINE)]


@of("batchnorm_by_hand")
def test_both_ways_back_through_a_batch_norm_end_at_the_layer(run):
    differences = numbers(r"(\de[+-]\d\d)", run.out.split("BatchNorm(64)")[0])
    assert len(differences) == 8
    assert max(differences) <= 1e-12


@of("convolution_by_hand")
def test_nine_shifted_images_are_the_convolution_of_the_layer(run):
    differences = numbers(r"(\de[+-]\d\d)$", run.out.split("Conv2D(1, 4, 3")[0])
    assert len(differences) == 4
    assert max(differences) <= 1e-11


@of("names")
def test_names_learns_the_rules_of_a_made_up_language(run):
    (guessing,) = numbers(r"guessing +loss ([\d.]+)", run.out)
    (new_names,) = numbers(r"new names +loss ([\d.]+)", run.out)
    # two in five letters are vowels, any of five, and consonants any of ten: about 2 nats, and not much less
    assert new_names < 2.1 < guessing
    assert len(run.out.split("invented: ")[1].split(", ")) == 15


@of("lenet")
def test_lenet_reads_97_percent_of_small_digits_that_it_never_saw(run):
    assert numbers(r"accuracy ([\d.]+)%$", run.out)[-1] >= 97


@of("resnet_digits")
def test_the_way_around_makes_a_deep_network_learn(run):
    with_it, plain = (numbers(r"held-out accuracy +([\d.]+)%", part)[-1] for part in run.out.split("plain, out"))
    assert with_it >= 95
    assert with_it > plain


@of("unet")
def test_a_u_net_finds_the_shapes_and_the_joins_are_worth_it(run):
    u_net, hourglass = numbers(r"intersection over union ([\d.]+)", run.out)
    assert u_net >= 0.9
    assert u_net > hourglass


@of("two_inputs")
def test_two_inputs_are_trained_by_fit_and_two_outputs_by_hand(run):
    answered, by_hand = numbers(r"^([\d.]+)% of 500 other questions answered right", run.out)
    (counted,) = numbers(r"^([\d.]+)% of 500 other images counted right", run.out)
    assert min(answered, by_hand, counted) >= 95


@of("filters")
def test_the_gradient_foretells_what_erasing_does(run):
    assert numbers(r"correlation ([\d.]+)", run.out)[0] > 0.6


def test_names_wavenet_refuses_what_are_no_names(tmp_path):
    (tmp_path / "names.txt").write_text("emma\nava\nmia\nzo#\n", encoding="utf-8")
    command = [sys.executable, str(ROOT / "examples" / "names_wavenet.py"), "--data", "names.txt"]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 2
    assert "names must be of the letters a to z" in done.stderr
    assert "got '#'" in done.stderr


def test_names_refuses_what_are_no_names(tmp_path):
    (tmp_path / "names.txt").write_text("emma\nzoë\n", encoding="utf-8")
    command = [sys.executable, str(ROOT / "examples" / "names.py"), "--data", "names.txt"]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 2
    assert "names must be of the letters a to z, got 'zoë' in names.txt" in done.stderr


def test_lbfgs_asks_for_scipy_where_it_is_missing(tmp_path):
    (tmp_path / "scipy.py").write_text("raise ImportError('no SciPy')")  # found before the installed one
    environment = {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / "lbfgs.py")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "python -m pip install scipy" in done.stdout


@of("resume")
def test_resume_ends_bit_identical_to_a_training_without_a_break(run):
    assert re.findall(r"^(\w+) +bit-identical$", run.out, flags=re.MULTILINE) == ["parameters", "optimizer", "history"]


@of("rows")
def test_rows_are_read_one_after_the_other(run):
    half, whole = re.search(r"([\d.]+)% right after 4 of 8 rows, ([\d.]+)% after all", run.out).groups()
    assert float(half) < 50
    assert float(whole) > 90


@of("addition")
def test_sums_are_learned_letter_by_letter(run):
    letters = numbers(r"([\d.]+)% of the letters right", run.out)
    assert letters[0] < 60
    assert max(letters) > 90


@of("parallel")
def test_parts_and_processes_give_the_same_bits(run):
    assert re.search(r"one process with parts=\d: bit-identical$", run.out, flags=re.MULTILINE)


@of("translate")
def test_dates_are_translated_by_a_decoder_that_looks_at_its_encoder(run):
    whole = numbers(r"([\d.]+)% of the whole dates", run.out)
    assert whole[0] < 80
    assert max(whole) >= 95
    assert re.findall(r"-> (\d{4}-\d{2}-\d{2})", run.out)


@of("names_wavenet")
def test_both_networks_learn_from_eight_letters(run):
    guessing = numbers(r"^guessing +loss ([\d.]+)$", run.out)[0]
    found = re.findall(r"loss ([\d.]+) on names to learn from, ([\d.]+) on others", run.out)
    assert len(found) == 2
    assert all(float(loss) < guessing - 1 for pair in found for loss in pair)


@of("microgpt")
def test_a_small_gpt_learns_and_invents_names(run):
    losses = numbers(r"^step +[\d,]+  loss ([\d.]+)$", run.out)
    assert losses[0] > 2.8
    assert losses[-1] < 2.5
    assert len(re.findall(r"^[a-z]+$", run.out, flags=re.MULTILINE)) >= 19
    assert "4,192" not in run.out  # which is with 27 tokens
    assert "3,840 numbers to learn" in run.out


@of("shakespeare")
def test_a_gpt_learns_to_write(run):
    losses = numbers(r"^step +[\d,]+  loss ([\d.]+) ", run.out)
    assert losses[-1] < losses[0] / 2
    assert numbers(r"held out: ([\d.]+) nats", run.out)[0] < 1.5


@of("carried_state")
def test_state_that_is_handed_on_is_memory_beyond_a_piece(run):
    with_it, without = numbers(r"loss of the last 100 pieces ([\d.]+)$", run.out)
    (by_guess,) = numbers(r"by guess +([\d.]+)$", run.out)
    assert with_it < by_guess / 2
    assert without == pytest.approx(by_guess, rel=0.1)


@of("carried_state")
def test_a_script_that_carries_state_goes_on_bit_identically(run):
    assert re.search(r"^after a break +bit-identical$", run.out, flags=re.MULTILINE)


@of("carried_state")
def test_an_encoder_learns_from_the_dstate_of_its_decoder(run):
    assert numbers(r"^said in reverse +([\d.]+)%", run.out)[0] >= 90


@of("mnist")
def test_mnist_without_data_says_what_it_wants_and_trains_on_the_small_digits(run):
    assert "train-images-idx3-ubyte.gz" in run.out
    assert "--data DIRECTORY" in run.out
    assert float(re.search(r"test accuracy (\d+\.\d+)%", run.out)[1]) >= 95


@of("regression")
def test_a_network_predicts_better_than_a_line_and_not_better_than_the_noise_allows(run):
    mean, line, network, noise = numbers(r"^\S.*? +([\d,]+) kWh$", run.out)[-4:]
    assert mean > line > network > noise
    assert network < 1.3 * noise


@of("threshold")
def test_a_threshold_trades_precision_for_recall(run):
    found = re.findall(r"^(.*?) +-?\d+\.\d\d +([\d.]+) +([\d.]+) +[\d.]+$", run.out, flags=re.MULTILINE)
    precisions, recalls = ([float(row[k]) for row in found] for k in (1, 2))
    assert len(found) == 3
    assert precisions == sorted(precisions, reverse=True)
    assert recalls == sorted(recalls)
    assert recalls[-1] > 0.95


@of("several_labels")
def test_several_labels_are_found_at_once(run):
    answers, to_say_no, images = numbers(r"([\d.]+)%$", run.out)
    assert answers > 93 > to_say_no
    assert images > 50
    assert numbers(r"mean over the digits +([\d.]+)", run.out)[0] > 0.8


@of("imbalanced")
def test_weights_find_the_rare_class(run):
    without, weighted = numbers(r"images of the 8, +([\d.]+)% found", run.out)
    assert without < 10
    assert weighted > without + 25


@of("augmentation")
def test_shifted_images_are_read_after_shifted_images(run):
    as_they_are, shifted = numbers(r"that have moved +([\d.]+)% right", run.out)
    assert shifted > as_they_are + 30
    assert min(numbers(r"in the middle +([\d.]+)% right", run.out)) > 85


@of("seeds")
def test_pairs_of_seeds_tell_more_than_seeds_apart(run):
    ((mean, error),) = re.findall(r"it is ([+-][\d.]+) nats, give or take ([\d.]+)", run.out)
    assert abs(float(mean)) > float(error) > 0
    ((pairs, apart),) = re.findall(r"in (\d+) of 10 pairs; of all 100 pairs of different seeds in (\d+)", run.out)
    assert 10 * int(pairs) != int(apart)


@of("production")
def test_another_process_answers_for_one_row_and_for_many(run):
    assert "one row: seven, with a probability of" in run.out
    assert numbers(r"rows at once: ([\d.]+)% right", run.out)[0] > 97
    assert numbers(r"row by row, largest difference of a logit (\S+)$", run.out)[0] < 1e-4
    assert "the same bits: True" in run.out


@of("fine_tuning")
def test_what_was_learned_before_helps(run):
    alone, fine_tuned = numbers(r"([\d.]+)% of 400 other images right", run.out)
    assert fine_tuned > alone + 3


def test_mnist_of_an_empty_directory_names_the_files(tmp_path):
    command = [sys.executable, str(ROOT / "examples" / "mnist.py"), "--data", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=60)
    assert done.returncode == 1
    assert "t10k-labels-idx1-ubyte" in done.stderr
    assert "Traceback" not in done.stderr
