"""CSV files as they come from other programs, and worse: each gives a right run, or an error that says where."""

import itertools
import re

import numpy as np
import pytest

from training.first_try import main

GOOD = ["age,town,rent", *(f"{20 + i % 9},{('Ulm', 'Bonn', 'Kiel')[i % 3]},{300 + 10 * i}.5" for i in range(30))]


def lines(*changes, start=GOOD):
    """Return a file of these lines, some of them changed: (number of the line, from 1 on, what it is)."""
    changed = list(start)
    for number, line in changes:
        changed[number - 1] = line
    return "\n".join(changed) + "\n"


def columns(**cells):
    """Return a file of these columns, each a list that is repeated."""
    n = max(map(len, cells.values()))
    rows = [[values[i % len(values)] for values in cells.values()] for i in range(n)]
    return "\n".join(",".join(map(str, row)) for row in [list(cells), *rows]) + "\n"


def outcome(tmp_path, monkeypatch, capsys, content, *arguments, name="flats.csv"):
    """Return (code, what was printed, the error) of the command, which writes the script but does not run it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("training.first_try.command._run", lambda script: 0)
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    code = main([name, *arguments])
    out, errors = capsys.readouterr()
    return code, out, errors


def data_of(tmp_path):
    """Return x and y as the script that was written makes them: its lines up to the split."""
    script = next(tmp_path.glob("train_*.py"))
    text = script.read_text(encoding="utf-8")
    names = {"__file__": str(script)}
    exec(compile(text[: text.index("x_train, x_new")], str(script), "exec"), names)
    return names["x"], names["y"], names


# ---- what cannot be --------------------------------------------------------------------------------------------------

RENT = ("--target", "rent")
REFUSED = {
    "nothing": ("", RENT, "flats.csv is empty"),
    "spaces": (" \n\n ", RENT, "flats.csv is empty"),
    "only a mark": ("\ufeff", RENT, "flats.csv is empty"),
    "names alone": ("age,rent\n", RENT, "there must be rows below the names of the columns, got none"),
    "one column": ("rent\n1\n2\n", RENT, "line 1: there must be several columns, .* got one"),
    "spaces between": ("age rent\n1 2\n", RENT, "got one: or are they separated by spaces[?] --separator space"),
    "no names": (
        lines(start=GOOD[1:]).replace("Ulm", "1").replace("Bonn", "2").replace("Kiel", "3"),
        RENT,
        "line 1: must hold the names of the columns, got numbers, 20, 1, 300.5",
    ),
    "a name twice": (lines((1, "age,age,rent")), RENT, "line 1: columns 1 and 2 must have different names, got 'age'"),
    "a name twice but for spaces": (lines((1, "age, age ,rent")), RENT, "columns 1 and 2 must have different names"),
    "no name": (lines((1, ",town,rent")), RENT, "column 1 must have a name: .* --leave-out 'column 1'"),
    "a row too short": (lines((7, "20,Ulm")), RENT, "line 7: must have 3 cells, .* got 2"),
    "a row too long": (lines((7, "20,Ulm,Donau,3")), RENT, "line 7: must have 3 cells, .* got 4: a text with a comma"),
    "decimal commas unquoted": (lines((2, "20,5,Ulm,3")), RENT, "line 2: .* numbers must not have decimal commas"),
    "a comma at the end": (lines((3, "20,Ulm,3,")), RENT, "line 3: .* got 4: a separator at the end makes one more"),
    "a blank that is not empty": (lines((3, " ")), RENT, "line 3: must have 3 cells, .* got 1"),
    "a quote left open": (
        lines((4, '20,"Ulm,3')),
        RENT,
        "lines 4 to 31: a quotation mark is opened, and nowhere closed",
    ),
    "a quote left open at the end": (lines((31, '20,"Ulm,3')), RENT, "line 31: a quotation mark is opened"),
    "a quote inside": (lines((4, '20,"Ul"m",3')), RENT, 'line 4: .* a quotation mark inside is written twice, ""'),
    "a quote closed lines later": (
        lines((4, '20,"Ulm,3'), (6, '20,Ulm,"3')),
        RENT,
        "lines 4 to 6: after a quoted cell",
    ),
    "an endless cell": (
        lines((4, f"20,{'a' * 200_000},3")),
        RENT,
        "line 4: a cell must have at most 131,072 characters",
    ),
    "a row below one of two lines": (lines((4, '20,"Ulm\nDonau",3'), (6, "1")), RENT, "line 7: must have 3 cells"),
    "bytes of 0": (lines((4, "20,\0,3")), RENT, "line 4: there is a byte of 0"),
    "a spreadsheet": (b"PK\x03\x04" + bytes(100), RENT, "is a spreadsheet or another zip file: save its table as CSV"),
    "gzipped": (b"\x1f\x8b\x08" + bytes(100), RENT, "is gzipped: unpack it first"),
    "latin-1": (
        lines((5, "20,Köln,3")).encode("latin-1"),
        RENT,
        "line 5: cannot be read as utf-8: .* --encoding cp1252",
    ),
    "half of UTF-16": (b"\xff\xfe" + b"abc", RENT, "line 1: cannot be read as utf-16"),
    "no such encoding": (lines(), (*RENT, "--encoding", "klingon"), "--encoding must be one that Python knows"),
    "two separators": (
        "a,b;c\n" + "1,2;3\n" * 20,
        ("--target", "c"),
        "could be separated by commas or semicolons: say --",
    ),
    "another separator": (lines(), (*RENT, "--separator", "tab"), "line 1: there must be several columns, .* by tabs"),
    "no target": (lines(), (), "say which column is to be predicted, --target COLUMN: one of 'age', 'town', 'rent'"),
    "another target": (lines(), ("--target", "Rent"), "--target must be a column, .* got 'Rent': did you mean rent[?]"),
    "a target mistyped": (lines(), ("--target", "rentt"), "did you mean rent[?]"),
    "a target far off": (lines(), ("--target", "salary"), "one of 'age', 'town', 'rent', got 'salary'\n"),
    "a target left out": (lines(), (*RENT, "--leave-out", "rent"), "the target 'rent' must not be left out"),
    "nobody to leave out": (
        lines(),
        (*RENT, "--leave-out", "towns"),
        "--leave-out must be a column, .* did you mean town",
    ),
    "all left out": (
        lines(),
        (*RENT, "--leave-out", "age", "--leave-out", "town"),
        "must be a column beside the target",
    ),
    "nine rows": (lines(start=GOOD[:10]), RENT, "must be at least 10 rows to learn from, got 9"),
    "nine whole rows": (lines(*((i, "20,,3") for i in range(11, 32))), (*RENT, "--missing", "drop"), "got 9, of 30,"),
    "a missing number": (lines((9, ",Ulm,3")), RENT, "line 9, column 'age': is missing, got ''; .* --missing drop"),
    "NA": (lines((9, "NA,Ulm,3"), (12, "?,Ulm,3")), RENT, "line 9, column 'age': .* lacks 2 cells of 30"),
    "a missing word": (lines((9, "20,,3")), RENT, "line 9, column 'town': is missing"),
    "a missing target": (lines((9, "20,Ulm,")), RENT, "line 9, column 'rent': is missing"),
    "an empty column": (columns(a=[""], b=range(30)), ("--target", "b"), "column 'a' is empty: --leave-out a"),
    "a word among numbers": (
        lines((9, "old,Ulm,3")),
        RENT,
        "line 9, column 'age': must be a finite number, .* got 'old'",
    ),
    "a unit": (lines((9, "20 years,Ulm,3")), RENT, "line 9, column 'age': must be a finite number, .* got '20 years'"),
    "infinity": (lines((9, "inf,Ulm,3")), RENT, "line 9, column 'age': must be a finite number, .* got 'inf'"),
    "too large for a float": (lines((9, "1e999,Ulm,3")), RENT, "line 9, column 'age': must be a finite number"),
    "digits of Python": (
        lines((9, "1_000,Ulm,3")),
        RENT,
        "line 9, column 'age': must be a finite number, .* got '1_000'",
    ),
    "grouped digits": (
        lines((9, '"1,000.5",Ulm,3')),
        RENT,
        "line 9, column 'age': .* got '1,000.5': digits are not grouped",
    ),
    "decimal commas": (
        lines().replace(",", ";").replace(".", ","),
        RENT,
        "line 2, column 'rent': .* got '300,5': where the comma is for decimals, --decimal comma",
    ),
    "points for thousands": (
        lines((4, "1.234,5;Ulm;3"), start=[g.replace(",", ";") for g in GOOD]),
        (*RENT, "--decimal", "comma"),
        "line 4, column 'age': .* got '1.234,5': digits are not grouped",
    ),
    "too many words": (
        columns(name=[f"n{i}" for i in range(30)], b=range(30)),
        ("--target", "b"),
        "column 'name' holds 30 different words, .* --leave-out name, .* --most-words 30",
    ),
    "one class": (
        columns(a=range(30), kind=["x"]),
        ("--target", "kind"),
        "'kind' must differ from row to row, got 'x'",
    ),
    "one number": (columns(a=range(30), b=[5]), ("--target", "b"), "'b' must differ from row to row, got '5' in all"),
    "one number, written in two ways": (
        columns(a=range(30), b=["5", "5.0"]),
        ("--target", "b"),
        "must differ from row",
    ),
    "900 classes": (
        columns(a=range(1000), kind=[f"k{i}" for i in range(900)]),
        ("--target", "kind"),
        "the target 'kind' has 900 classes in 1,000 rows, .* too few rows of each to learn from",
    ),
    "900 classes, and meant": (
        columns(a=range(1000), kind=[f"k{i}" for i in range(900)]),
        ("--target", "kind", "--task", "classes"),
        "has 900 classes in 1,000 rows",
    ),
    "numbers for classes": (
        lines(),
        (*RENT, "--task", "classes"),
        "30 classes in 30 rows, .* numbers[?] --task numbers",
    ),
    "words for numbers": (lines(), ("--target", "town", "--task", "numbers"), "line 2, column 'town': .* got 'Ulm'"),
    "a class written in two ways": (
        columns(a=range(60), b=["1", "2", "01"]),
        ("--target", "b"),
        "'b' must write equal classes alike, got '1' and '01'",
    ),
    "layers of others": (lines(), (*RENT, "--layers", "3,8,1"), "must begin with 4, the features, .* --layers 4,8,1"),
    "nobody held out": (lines(), (*RENT, "--validation", "0.01"), "must leave examples on both sides, got 0.01 of 30"),
}


@pytest.mark.parametrize(("content", "arguments", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_said_with_its_place(tmp_path, monkeypatch, capsys, content, arguments, said):
    code, _, errors = outcome(tmp_path, monkeypatch, capsys, content, *arguments)
    assert code == 2
    assert re.search(said, errors), errors
    first, hint = errors.splitlines()
    assert first.startswith("error: ")
    assert hint == "(python -m training --help says what there is)"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flats.csv"]  # nothing was written


# ---- what is right, as others write it -------------------------------------------------------------------------------

AGES = [20 + i % 9 for i in range(30)]
TOWNS = [[float(i % 3 == k) for k in (1, 2, 0)] for i in range(30)]  # in the order of the alphabet
RENTS = [300.5 + 10 * i for i in range(30)]
SEMICOLONS = lines().replace(",", ";").replace(".", ",")
TAKEN = {
    "as it is": (lines(), ()),
    "a mark of UTF-8": (("\ufeff" + lines()).encode(), ()),
    "UTF-16": (lines().encode("utf-16"), ()),
    "lines of Windows": (lines().replace("\n", "\r\n"), ()),
    "lines of an old Macintosh": (lines().replace("\n", "\r"), ()),
    "no end of the last line": (lines().rstrip("\n"), ()),
    "empty lines": (lines().replace("\n", "\n\n") + "\n\n", ()),
    "spaces around": (lines().replace(",", " , "), ()),
    "all in quotes": ("\n".join('"' + line.replace(",", '","') + '"' for line in GOOD), ()),
    "semicolons": (lines().replace(",", ";"), ()),
    "tabs": (lines().replace(",", "\t"), ()),
    "bars": (lines().replace(",", "|"), ()),
    "spaces": (lines().replace(",", "  "), ("--separator", "space")),
    "colons": (lines().replace(",", ":"), ("--separator", ":")),
    "decimal commas": (SEMICOLONS, ("--decimal", "comma")),
    "decimal commas in quotes": (re.sub(r"(\d+)\.(\d)", r'"\1,\2"', lines()), ("--decimal", "comma")),
    "an index without a name": (
        "\n".join(("," if i == 0 else f"{i},") + g for i, g in enumerate(GOOD)),
        ("--leave-out", "column 1"),
    ),
    "powers of ten": (lines().replace(".5", ".5e0"), ()),
    "rows that lack something": (lines(start=[*GOOD, ",Ulm,3", "20,,4", "30,Ulm,null"]), ("--missing", "drop")),
    "another column of words": (
        "\n".join(f"{g},{'note' if i == 0 else i}" for i, g in enumerate(GOOD)),
        ("--leave-out", "note"),
    ),
}


@pytest.mark.parametrize(("content", "arguments"), TAKEN.values(), ids=TAKEN)
def test_the_script_reads_what_is_there(tmp_path, monkeypatch, capsys, content, arguments):
    code, out, errors = outcome(tmp_path, monkeypatch, capsys, content, *RENT, *arguments)
    assert (code, errors) == (0, "")
    assert "target 'rent': numbers from 300.5 to 590.5" in out
    x, y, _ = data_of(tmp_path)
    np.testing.assert_array_equal(x, np.column_stack([AGES, TOWNS]))
    np.testing.assert_array_equal(y, np.array(RENTS)[:, np.newaxis])


def test_a_cell_may_hold_separators_quotes_and_lines(tmp_path, monkeypatch, capsys):
    towns = ['"Ulm, Donau"', '"the ""old"" one"', '"two\nlines"']
    content = "\n".join(["age,town,rent", *(f"{i},{towns[i % 3]},{i * i}" for i in range(30))])
    _, out, _ = outcome(tmp_path, monkeypatch, capsys, content, *RENT)
    assert "10 rows with line breaks in a quoted cell, the first at line 4" in out
    _, _, names = data_of(tmp_path)
    assert names["WORDS"] == {"town": ["Ulm, Donau", 'the "old" one', "two\nlines"]}


HOSTILE_NAMES = [
    '"""',
    "'''",
    "\\",
    "a\nraise SystemExit(7)\n",
    "{x}",
    "%s",
    "#",
    "größe",
    "\u202e",
    "`",
    "None",
    '\\"',
]


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
def test_names_of_columns_and_words_are_no_code(tmp_path, monkeypatch, capsys, name):
    cell = '"' + name.replace('"', '""') + '"'
    content = "\n".join([f"{cell},town,kind", *(f"{i},{[cell, 'b'][i % 2]},{['u', cell][i % 2]}" for i in range(30))])
    assert outcome(tmp_path, monkeypatch, capsys, content, "--target", "kind")[0] == 0
    x, _, names = data_of(tmp_path)
    assert names["NUMBERS"] == [name.strip()]
    assert sorted(names["WORDS"]["town"]) == sorted(["b", name.strip()])
    assert sorted(names["labels"].names) == sorted(["u", name.strip()])
    np.testing.assert_array_equal(x[:, 0], range(30))
    assert outcome(tmp_path, monkeypatch, capsys, content, "--target", name.strip(), "--overwrite")[0] == 0
    assert data_of(tmp_path)[2]["TARGET"] == name.strip()


@pytest.mark.parametrize(
    ("cells", "arguments", "classes"),
    [
        (["yes", "no"], (), ["no", "yes"]),
        (["1", "2", "10"], (), ["1", "10", "2"]),
        ([str(i) for i in range(7)], (), []),  # each must come five times to be a class
        (["1", "2", "10"], ("--task", "numbers"), []),
        (["0.0", "1.0"], (), ["0.0", "1.0"]),
        (["0.5", "1.5"], (), []),
        (["0.5", "1.5"], ("--task", "classes"), ["0.5", "1.5"]),
    ],
)
def test_the_kind_of_a_target(tmp_path, monkeypatch, capsys, cells, arguments, classes):
    content = columns(a=range(30), b=cells)
    code, out, _ = outcome(tmp_path, monkeypatch, capsys, content, "--target", "b", *arguments)
    assert code == 0
    assert (f"{len(classes)} classes" in out) == bool(classes)
    _, y, names = data_of(tmp_path)
    if classes:
        assert [names["labels"].names[i] for i in y] == [cells[i % len(cells)] for i in range(30)]
    else:
        np.testing.assert_array_equal(y[:, 0], [float(cells[i % len(cells)]) for i in range(30)])


def test_numbers_may_be_taken_for_words(tmp_path, monkeypatch, capsys):
    content = columns(code=["89073", "53111"], b=range(30))
    assert outcome(tmp_path, monkeypatch, capsys, content, "--target", "b", "--words", "code")[0] == 0
    np.testing.assert_array_equal(data_of(tmp_path)[0][:2], [[0, 1], [1, 0]])


def test_many_words_are_allowed_where_it_is_said(tmp_path, monkeypatch, capsys):
    content = columns(name=[f"n{i:02} {'long ' * 20}" for i in range(30)], b=range(30))
    assert outcome(tmp_path, monkeypatch, capsys, content, "--target", "b", "--most-words", "30")[0] == 0
    np.testing.assert_array_equal(data_of(tmp_path)[0], np.eye(30))


# ---- a generator of damage -------------------------------------------------------------------------------------------

PIECES = [
    *',;\t|"\n\r\0 .-',
    '""',
    "\r\n",
    "NA",
    "inf",
    "1e400",
    "\ufeff",
    "é",
    "999999999999999999999",
    "'",
    "\\",
    "-",
]


def damaged(rng):
    """Return the good file with some damage, as bytes, and what is typed."""
    content = SEMICOLONS if rng.random() < 0.2 else lines()
    for _ in range(rng.integers(1, 3)):
        at, length = int(rng.integers(len(content) + 1)), int(rng.choice([0, 0, 1, 5, 40]))
        piece = str(rng.choice(PIECES)) * int(rng.choice([0, 1, 1, 1, 3]))
        content = content[:at] + piece + content[at + length :]
    data = content.encode()
    if rng.random() < 0.2:
        data = data[: rng.integers(len(data))] + bytes([rng.integers(256)]) + data[rng.integers(len(data)) :]
    options = [("--decimal", "comma"), ("--missing", "drop"), ("--separator", ";"), ("--task", "classes")]
    chosen = [options[i] for i in rng.permutation(len(options))[: rng.integers(3)]]
    return data, ["--target", str(rng.choice(["rent", "town", "age"])), *itertools.chain(*chosen)]


@pytest.mark.parametrize("seed", range(10))
def test_damage_gives_an_error_in_one_line_or_a_run(tmp_path, monkeypatch, capsys, seed):
    rng = np.random.default_rng(seed)
    codes = []
    for _ in range(50):
        content, arguments = damaged(rng)
        code, out, errors = outcome(tmp_path, monkeypatch, capsys, content, *arguments, "--overwrite")
        codes.append(code)
        if code == 0:
            x, y, names = data_of(tmp_path)
            said = re.search(r"# x \((\d+), (\d+)\)", next(tmp_path.glob("train_*.py")).read_text(encoding="utf-8"))
            assert x.shape == (int(said[1]), int(said[2]))
            assert len(x) == len(y) >= 10
            assert np.isfinite(x).all()
            assert np.isfinite(y).all()
            assert f"{len(names['labels'].names)} classes" in out if "labels" in names else "numbers from" in out
        else:
            assert code == 2
            assert re.match(r"error: .*flats\.csv|error: .*(--target|--leave-out|target)", errors), errors
            assert len(errors.splitlines()) == 2, errors
            assert len(errors) < 700
    assert len(set(codes)) == 2  # both came
