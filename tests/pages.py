"""Pages of Markdown whose code runs: README.md and those in docs/.

    python tests/pages.py docs/reading_a_loss_curve.md

runs the blocks of a page, one after the other, shows what they print, and puts the pictures that they save and the page
shows into docs/. A block of text right behind one of code is what that prints, but for its numbers, which need not be
those of every machine: they count where the code compares them.
"""

import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
MARKDOWN = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md"))]  # all there is, for the links

FENCE = re.compile(r"^```python\n(.*?)^```$(?:\n\n?```text\n(.*?)^```$)?", flags=re.MULTILINE | re.DOTALL)
ANY_CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", flags=re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NUMBER = re.compile(r"[+-]?\d[\d,]*\.?\d*(?:e[+-]?\d+)?|\bnan\b|\binf\b")


def blocks(page):
    """Return (line of the page, code, what it prints or None) of each block."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, match.start(1)) + 1, match[1], match[2]) for match in FENCE.finditer(text)]


def run(page):
    """Run the blocks in this folder, in one name space; return [(line, what was said, what was printed)]."""
    names, found = {"__name__": "__main__"}, []
    Path("docs").mkdir(exist_ok=True)
    for numbers in DOCS.glob("*.npz"):
        shutil.copy(numbers, "docs")
    for line, code, said in blocks(page):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            # empty lines in front, so that an error names the line of the page
            exec(compile("\n" * (line - 1) + code, str(page), "exec"), names)
        found.append((line, said, printed.getvalue()))
    if "plt" in names:
        names["plt"].close("all")
    return found


def words(text):
    """Return a text without its numbers, and with one space for several."""
    return " ".join(NUMBER.sub("#", text).split())


def links(page):
    """Return what a page links to, code left out."""
    return sorted(set(LINK.findall(ANY_CODE.sub("code", page.read_text(encoding="utf-8")))))


def anchors(page):
    """Return what a link may name behind #: each heading in the form that GitHub gives it."""
    found = []
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        n = sum(re.fullmatch(rf"{re.escape(slug)}(-\d+)?", other) is not None for other in found)
        found.append(f"{slug}-{n}" if n else slug)
    return found


def shown(page):
    """Return the names of the pictures that a page shows."""
    return [Path(link).name for link in links(page) if link.endswith(".png")]


def main(page):
    """Run a page and put its pictures into docs/."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for _, _, printed in run(page):
            print(printed, end="")
        for name in shown(page):
            if Path(name).exists():
                shutil.copy(name, DOCS / name)
                print(f"docs/{name} is made anew")
        os.chdir(ROOT)


if __name__ == "__main__":
    import matplotlib

    matplotlib.use("Agg")
    for argument in sys.argv[1:]:
        main(Path(argument).resolve())
