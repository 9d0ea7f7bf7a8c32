"""Every page of Markdown is true: its code runs and prints what it says, links lead somewhere, names are there."""

import ast
import re
import socket

import numpy as np
import pytest
from legible import watched
from pages import DOCS, MARKDOWN, PAGES, ROOT, anchors, blocks, links, run, shown, words

import layers
import losses
import optimizers
import pictures
import training

PACKAGES = (layers, losses, optimizers, training, pictures)
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
every_text = pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: page.name)


# ---- code ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
def test_every_block_runs_one_after_the_other_and_prints_what_the_page_says(page, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("a page must run without a network")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with watched() as faults:
        found = run(page)
    for line, said, printed in found:
        if said is not None:
            assert words(printed) == words(said), f"what the block of line {line} prints is not what stands behind it"
    assert {name: wrong for name, wrong in faults.items() if wrong} == {}  # the pictures can be read
    assert [name for name in shown(page) if not (tmp_path / name).is_file()] == []


def test_these_pages_have_code():
    pages = {"coming_from_keras", "coming_from_pytorch", "reading_a_loss_curve", "what_diagnostics_says"}
    assert {page.stem for page in PAGES if blocks(page)} >= pages | {"README"}


@every_page
def test_what_is_printed_stands_behind_code(page):
    text = page.read_text(encoding="utf-8")
    assert len(re.findall(r"^```", text, flags=re.MULTILINE)) % 2 == 0
    assert text.count("```text\n") == sum(said is not None for _, _, said in blocks(page))


def test_a_number_may_differ_and_a_word_may_not():
    assert words("loss 0.25 nats,  1e-07") == words("loss 1,300.5 nats, 2")
    assert words("loss nan") == words("loss 3")
    assert words("loss 0.25 nats") != words("loss 0.25 bits")


@every_page
def test_a_picture_that_is_shown_is_there_and_made_by_the_page(page):
    code = "".join(code for _, code, _ in blocks(page))
    for name in shown(page):
        data = (DOCS / name).read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        assert 5_000 < len(data) < 300_000
        assert f'"{name}"' in code, f"docs/{name} must be saved by the code of the page: python tests/pages.py {page}"


@pytest.mark.parametrize("page", [page for page in PAGES[1:] if shown(page)], ids=lambda page: page.name)
def test_a_page_says_how_its_picture_is_made(page):
    assert f"`python tests/pages.py docs/{page.name}` runs it and makes the picture anew" in page.read_text("utf-8")


def test_every_picture_is_shown_by_a_page():
    assert sorted(path.name for path in DOCS.glob("*.png")) == sorted({name for page in PAGES for name in shown(page)})


@pytest.mark.parametrize("name", ["keras", "pytorch"])
def test_the_numbers_of_others_have_the_script_that_made_them(name):
    script = (DOCS / f"numbers_of_{name}.py").read_text(encoding="utf-8")
    ast.parse(script)
    assert f'with_name("{name}.npz")' in script
    with np.load(DOCS / f"{name}.npz") as numbers:
        kept = {part for name in numbers for part in [name.split("/")[0]]}
    assert kept == set(re.findall(r'keep\("(\w+)"', script)) | set(re.findall(r'numbers\[f?"(\w+)/', script)) | (
        {"lstm", "gru"} if name == "keras" else set()
    )
    page = (DOCS / f"coming_from_{name}.md").read_text(encoding="utf-8")
    assert f"docs/numbers_of_{name}.py" in page
    assert f'np.load("docs/{name}.npz")' in page


# ---- links -----------------------------------------------------------------------------------------------------------


@every_text
def test_a_link_leads_somewhere(page):
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT)
        assert target.exists(), f"{page.name}: there is no {path}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {target.name} has no heading #{anchor}"


def test_an_anchor_is_that_of_github(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# What `Diagnostics` says, and why\n\n## A-B c_d!\n\n## Twice\n\n## Twice\n\n```\n# code\n```\n")
    assert anchors(page) == ["what-diagnostics-says-and-why", "a-b-c_d", "twice", "twice-1"]


def test_the_readme_leads_to_every_page():
    to = set(links(ROOT / "README.md"))
    assert {f"docs/{page.name}" for page in DOCS.glob("*.md")} <= {link.partition("#")[0] for link in to}


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_a_script_that_is_named_is_there(page):
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"\b(?:examples|benchmarks|docs|tests)/\w+\.(?:py|npz)\b", text):
        assert (ROOT / name).is_file(), name


# ---- names -----------------------------------------------------------------------------------------------------------


def listed():
    """Return package -> the names that docs/names.md lists under its heading."""
    text = (DOCS / "names.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (\w+)$", text, flags=re.MULTILINE)[1:]
    return {parts[i]: re.findall(r"^- `(\w+)`: \S", parts[i + 1], re.MULTILINE) for i in range(0, len(parts), 2)}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_names_has_every_public_name_and_no_other(package):
    here = listed()[package.__name__]
    assert sorted(set(package.__all__) - set(here)) == [], "write a line for each in docs/names.md"
    assert sorted(set(here) - set(package.__all__)) == [], "strike them from docs/names.md: they are not offered"
    assert len(here) == len(set(here))


def test_names_has_a_heading_for_each_package_and_half_a_line_for_each_name():
    assert list(listed()) == [package.__name__ for package in PACKAGES]
    entries = [line for line in (DOCS / "names.md").read_text(encoding="utf-8").splitlines() if line.startswith("- ")]
    assert len(entries) == sum(map(len, listed().values()))
    assert [line for line in entries if len(line) > 110] == []


# ---- the tables of what is called how --------------------------------------------------------------------------------

EVERYTHING = {name: getattr(package, name) for package in PACKAGES for name in package.__all__}


def cells(page, heading):
    """Return the cells of the columns of the tables of a page that have this heading."""
    found, column = [], None
    for line in page.read_text(encoding="utf-8").splitlines():
        row = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not row:
            column = None
        elif column is None:
            column = row.index(heading) if heading in row else -1
        elif column >= 0 and not set("".join(row)) <= set("-: "):
            found.append(row[column])
    return found


TABLES = ["README.md", "coming_from_keras.md", "coming_from_pytorch.md"]


@pytest.mark.parametrize("name", TABLES)
def test_what_the_tables_call_ours_is_ours(name):
    (page,) = (page for page in PAGES if page.name == name)
    spans = [span for cell in cells(page, "here") for span in re.findall(r"`([^`]+)`", cell)]
    assert len(spans) >= 9
    for span in spans:
        called = set(re.findall(r"\b([A-Z]\w+)\(", span)) | set(re.findall(r"^([A-Z]\w+)$", span))
        assert called <= set(EVERYTHING), f"{span}: there is no {called - set(EVERYTHING)}"


@pytest.mark.parametrize("name", TABLES[:2])
def test_a_call_in_the_tables_works(name):
    (page,) = (page for page in PAGES if page.name == name)
    spans = {span for cell in cells(page, "here") for span in re.findall(r"`([^`]+)`", cell)}
    calls = [span for span in spans if re.match(r"[A-Z]\w*\(", span) and not re.search(r"\.\.\.|lengths|\{", span)]
    for call in calls:
        eval(call, dict(EVERYTHING))
    assert len(calls) >= 3


# ---- what Diagnostics says -------------------------------------------------------------------------------------------

SAID = {
    "softmax": "is applied twice",
    "first loss": "the initial loss is far above ln",
    "small update": "the updates of ... are small",
    "large update": "the updates of ... are large",
    "dead": "of the units of ... are dead",
    "saturated": "of the outputs of ... are saturated",
    "nan": "NaN or infinity in the data",
}
OF_NAN = [
    "NaN or infinity in the data",
    "NaN, infinity or numbers above 1e+10 in the parameters of",
    "NaN or infinity first comes",
]


def test_the_page_has_every_kind_of_warning_that_there_is():
    source = (ROOT / "training" / "diagnostics.py").read_text(encoding="utf-8")
    kinds = set(re.findall(r"""self\._warn\(\s*f?"([^"]+)",""", source))
    assert {kind.replace("{size}", size) for kind in kinds for size in ("small", "large")} == set(SAID)
    text = (DOCS / "what_diagnostics_says.md").read_text(encoding="utf-8")
    table = text[: text.index("## Each of them")]
    assert len(re.findall(r'self\._warn\(\s*"nan"', source)) == len(OF_NAN)
    for said in [*SAID.values(), *OF_NAN]:
        assert f"| {said}" in table or f"... {said}" in table or said in table, said
    printed = " ".join(said for _, _, said in blocks(DOCS / "what_diagnostics_says.md") if said)
    for said in [*SAID.values(), *OF_NAN]:
        assert re.search(".*".join(map(re.escape, said.split("..."))), printed), f"no block shows: {said}"


def test_the_limits_that_the_page_names_are_those_of_the_code():
    text = (DOCS / "what_diagnostics_says.md").read_text(encoding="utf-8")
    limits = training.diagnostics
    assert (limits.HIGH_LOSS, limits.GOOD_UPDATE, limits.FAR_OFF, limits.HALF) == (1.5, 1e-3, 100.0, 0.5)
    for said in ("more than 1.5 times what guessing costs", "about 1e-3 of the parameters", "from one half on"):
        assert said in text
