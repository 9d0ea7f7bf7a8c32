"""ARCHITECTURE, CONTRIBUTING, CHANGELOG and SECURITY are true: what they name is there, and what is there they name."""

import ast
import re
from pathlib import Path

import pytest
from test_imports import MAY_IMPORT, PACKAGES

from layers import Dense, ReLU, Sequential

ROOT = Path(__file__).parent.parent
ARCHITECTURE, CONTRIBUTING, CHANGELOG, README, SECURITY = (
    (ROOT / f"{name}.md").read_text(encoding="utf-8")
    for name in ("ARCHITECTURE", "CONTRIBUTING", "CHANGELOG", "README", "SECURITY")
)
DOCUMENTS = {
    "ARCHITECTURE.md": ARCHITECTURE,
    "CONTRIBUTING.md": CONTRIBUTING,
    "CHANGELOG.md": CHANGELOG,
    "SECURITY.md": SECURITY,
}
SOURCES = sorted(path for folder in (*PACKAGES, "tests") for path in (ROOT / folder).rglob("*.py"))
FOLDERS = sorted({path.parent.relative_to(ROOT) for path in SOURCES} - {Path("tests")})


def layout():
    """Return folder -> names of its files, as ARCHITECTURE lists them; what stands after three spaces is a remark."""
    listed, folder = {}, None
    for line in re.search(r"^```\n(layers/ .*?)^```$", ARCHITECTURE, re.MULTILINE | re.DOTALL)[1].splitlines():
        if not line.startswith(" "):
            folder, line = line.split("/ ", 1)
        listed.setdefault(Path(folder), []).extend(line.strip().split("   ")[0].split())
    return listed


def floors():
    """Return the floors of `layers`, lowest first, each a list of names, as ARCHITECTURE draws them."""
    line = re.search(r"^ +`contract` < .*$", ARCHITECTURE, re.MULTILINE)[0]
    return [re.findall(r"`(\w+)`", floor) or ["chapters"] for floor in line.split(" < ")]


def floor_of(module):
    """Return the number of the floor of a file or folder of `layers`."""
    numbers = {name: i for i, names in enumerate(floors()) for name in names}
    return numbers.get(module, numbers["chapters"])


# ---- ARCHITECTURE ----------------------------------------------------------------------------------------------------


def test_the_layout_has_every_folder():
    assert sorted(layout()) == FOLDERS


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_the_layout_is_that_of_the_folders(folder):
    assert sorted(layout()[folder]) == sorted({path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"})


def test_who_may_import_whom_is_what_is_tested():
    rows = re.findall(r"^\| (`(?:layers|pictures|training)`.*?) \| (.*) \|$", ARCHITECTURE, re.MULTILINE)
    said = {package: text for cell, text in rows for package in re.findall(r"`(\w+)`", cell)}
    assert said.keys() == MAY_IMPORT.keys()
    for package, text in said.items():
        assert ("the four others" in text) == (MAY_IMPORT[package] - {package} == PACKAGES - {package})
        assert ("NumPy" in text) == (not MAY_IMPORT[package])


def arrows_in_layers():
    for path in (ROOT / "layers").rglob("*.py"):
        parts = path.relative_to(ROOT / "layers").with_suffix("").parts
        if path.name == "__init__.py" and len(parts) == 1:
            continue  # the public face, above all floors
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == len(parts):
                names = [node.module] if node.module else [alias.name for alias in node.names]
                yield from ((parts[0], name.split(".")[0]) for name in names)


def test_inside_layers_arrows_point_down():
    up = [(above, below) for above, below in arrows_in_layers() if floor_of(above) < floor_of(below)]
    assert up == []
    assert ("dense", "contract") in set(arrows_in_layers())


@pytest.mark.parametrize("wing", ["images", "sequences", "proof"])
def test_nothing_stands_on_the_top_floor(wing):
    assert floors()[-1] == ["images", "sequences", "proof"]
    assert not [above for above, below in arrows_in_layers() if below == wing != above]


def imports_of(path):
    """Yield (module, name) of what a file imports from the house, for type checkers too."""
    package = path.parent.relative_to(ROOT).parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            module = (*above, *(node.module.split(".") if node.module else ()))
            if module[0] in PACKAGES:
                yield from ((".".join(module), alias.name) for alias in node.names)


CODE = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in SOURCES
    if path.parent.name != "tests"
}


def test_storage_is_as_it_is_drawn():
    drawn = re.search(r"^model = (.*)$", ARCHITECTURE, re.MULTILINE)[1]
    model = eval(drawn, {"Sequential": Sequential, "Dense": Dense, "ReLU": ReLU})
    for name, start, stop in re.findall(r'"(\d\.\w+)": slice\((\d+), (\d+)\)', ARCHITECTURE):
        assert model.layout[name] == slice(int(start), int(stop))
    assert list(model.layout) == re.findall(
        r"\d\.\w+", re.search(r"^model\.parameters .*$", ARCHITECTURE, re.MULTILINE)[0]
    )
    assert f"seen as {model[0].weights.shape}" in ARCHITECTURE


@pytest.mark.parametrize("word", sorted({
    word for span in re.findall(r"`([^`\n]+)`", ARCHITECTURE) for word in re.findall(r"[A-Za-z_]\w{2,}", span)
}))  # fmt: skip
def test_what_architecture_speaks_of_is_in_the_code(word):
    others = {"examples", "benchmarks", "setup", "cfg", "run"}
    paths = {part for path in SOURCES for part in re.split(r"\W", str(path.relative_to(ROOT)))}
    others_than_this = [path for path in SOURCES if path != Path(__file__)]
    found = any(re.search(rf"\b{word}\b", path.read_text(encoding="utf-8")) for path in others_than_this)
    assert found or word in paths | others


def test_the_letters_of_the_readme_are_those_of_architecture():
    rows = re.search(r"^\| letter \|.*?\n\n", ARCHITECTURE, re.MULTILINE | re.DOTALL)[0]
    letters = re.findall(r"\b[A-Z]\b", " ".join(re.findall(r"^\| ([A-Z](?:, [A-Z])*) \|", rows, re.MULTILINE)))
    assert letters == re.findall(r"\*\*([A-Z])\*\*", README) == list("NTDHWCK")


# ---- CONTRIBUTING ----------------------------------------------------------------------------------------------------


def demanded():
    """Yield (file, name) of the tests that CONTRIBUTING names."""
    for file, name in re.findall(r"`tests/(test_\w+\.py)::(test_\w+)`", CONTRIBUTING):
        yield pytest.param(file, name, id=f"{file} {name}")


@pytest.mark.parametrize(("file", "name"), list(demanded()))
def test_a_test_that_demands_a_step_is_there(file, name):
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_step_has_a_test_that_demands_it():
    steps = [line for line in CONTRIBUTING.splitlines() if re.match(r"\| \d", line)]
    assert len(steps) >= 5 + 1 + 3  # of a layer; what is other for a loss; and for an optimizer or schedule
    assert all(re.search(r"`tests/test_\w+\.py::test_\w+`", step) for step in steps)


@pytest.mark.parametrize(
    "table",
    [
        *("LAYERS", "GATES", "WIDE", "LIMITS", "LOSSES", "OF_REAL_TARGETS", "OF_CHANCES", "OF_CLASSES"),
        *("RULES", "CASES", "AGAINST_PAPER", "WORKED"),
    ],
)
def test_a_table_of_contributing_is_where_it_says(table):
    (file,) = set(re.findall(rf"`{table}`(?:[\w ,]+`\w+`)* of `(test_\w+\.py)`", CONTRIBUTING))
    assert re.search(rf"^{table} = ", (ROOT / "tests" / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_contributing_fits_one_screen():
    assert len(CONTRIBUTING.splitlines()) <= 65


# ---- SECURITY --------------------------------------------------------------------------------------------------------


def promises():
    """Return the promises, each a paragraph of the numbered list."""
    return re.split(r"^\d+\. ", SECURITY, flags=re.MULTILINE)[1:]


@pytest.mark.parametrize("promise", promises(), ids=lambda promise: " ".join(promise.split()[:4]))
def test_a_promise_names_the_test_that_holds_it(promise):
    files, tests = re.findall(r"`(test_\w+\.py)`", promise), re.findall(r"`(test_\w+)`", promise)
    if promise.startswith("**Not promised"):
        assert not files
        return
    (file,) = files
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    assert tests
    assert set(tests) <= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_there_are_ten_promises():
    assert len(promises()) == 10


# ---- all of them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_and_links_lead_somewhere(document):
    text = DOCUMENTS[document] if document != "CHANGELOG.md" else ""  # which speaks of what is gone
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", DOCUMENTS[document]) if not link.startswith("https://")]
    folders = "|".join([*PACKAGES, "tests", "examples", "benchmarks", r"\.ci"])
    paths = re.findall(rf"`((?:{folders})/(?:\w+(?:/\w+)*(?:\.py)?)?)`", text)
    missing = [path for path in (*links, *paths) if not (ROOT / path).exists()]
    assert [path for path in missing if path != "tests/layers"] == []  # the folder that must not be


def test_the_readme_leads_to_the_documents():
    assert all(f"]({document})" in README for document in DOCUMENTS)


def test_no_file_holds_both_sides_of_a_merge():
    marks = re.compile(r"^(<{7}|>{7}|={7}$)", re.MULTILINE)
    files = [path for pattern in ("*.md", "*.cfg", "*/**/*.py", "docs/**/*.md") for path in ROOT.glob(pattern)]
    assert len(files) > 200
    assert [path.name for path in files if marks.search(path.read_text(encoding="utf-8"))] == []


def test_the_changelog_keeps_its_form():
    headings = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading) for heading in headings[1:])
    versions = [tuple(map(int, re.findall(r"\d+", heading)[:3])) for heading in headings[1:]]
    assert versions == sorted(versions, reverse=True)
    kinds = set(re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
