"""The page of a circuit in a real browser: to the end and back, by buttons and by keys, on a screen and on a phone.

It needs playwright, the extra `browser`, and a Chromium: the one on the path, or the one that HANDGRAD_BROWSER names,
without which these tests are left out. HANDGRAD_PICTURES names a folder for screenshots to look at.
"""

import os
import shutil

import pytest

from layers import Dense, ReLU, Residual, Sequential, formula

NAMED = os.environ.get("HANDGRAD_BROWSER")
CHROMIUM = NAMED or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]  # fmt: skip
FOLDER = os.environ.get("HANDGRAD_PICTURES")

if NAMED:
    from playwright.sync_api import sync_playwright
else:
    if CHROMIUM is None:
        pytest.skip(
            "left out: no Chromium was found; install one, or name it in HANDGRAD_BROWSER", allow_module_level=True
        )
    sync_playwright = pytest.importorskip(
        "playwright.sync_api", reason='left out: no playwright, pip install -e ".[browser]"'
    ).sync_playwright


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Return a function that opens the page of a circuit, and looks at the end that nothing went wrong in it."""
    pages, wrong, asked = [], [], []

    def of(circuit, *inputs, width=1280, dark=False, **named):
        path = tmp_path / f"{len(pages)}.html"
        circuit.html(path, *inputs, **named)
        scheme = "dark" if dark else "light"
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce")
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        pages.append(page)
        return page

    yield of
    for page in pages:
        page.close()
    assert wrong == []
    assert [url for url in asked if not url.startswith("file://")] == []


def first(opened, **options):
    return opened(formula("(x + y) * z"), x=-2, y=5, z=-4, **options)


def seen(page, kind):
    """Return the numbers of a kind that can be seen, in the order of the parts."""
    return [text.text_content() for text in page.query_selector_all(f"text.{kind}") if text.is_visible()]


def said(page):
    return page.inner_text("#formula").splitlines()


def keep(page, name):
    if FOLDER:
        page.screenshot(path=os.path.join(FOLDER, f"{name}.png"), full_page=True)


def test_buttons_go_to_the_end_where_all_values_and_gradients_stand(opened):
    page = first(opened)
    assert seen(page, "value") == ["-2", "5", "-4"]
    assert seen(page, "gradient") == []
    n = 0
    while page.is_enabled("#next"):
        page.click("#next")
        n += 1
    assert n == 5
    assert seen(page, "value") == ["-2", "5", "-4", "3", "-12"]
    assert seen(page, "gradient") == ["-4", "-4", "3", "-4", "1"]
    assert said(page) == ["backward, step 6 of 6", "dx = dout = -4.00; dy = dout = -4.00"]
    keep(page, "screen")


def test_every_step_lights_its_gate_and_writes_its_formula(opened):
    page = first(opened)
    page.click("#next")
    assert said(page)[1] == "x + y = -2.00 + 5.00 = 3.00"
    assert [lit.text_content() for lit in page.query_selector_all(".lit .sign")] == ["+"]
    assert page.inner_text("[aria-current=step]") == "x + y = -2.00 + 5.00 = 3.00"
    page.click("#next")
    page.click("#next")
    page.click("#next")
    assert "dz = dout · (x + y) = 1.00 · 3.00 = 3.00" in said(page)[1]
    assert seen(page, "gradient") == ["3", "-4", "1"]  # of z, of x + y, and the one that backward began with


def test_keys_do_what_the_buttons_do(opened):
    page = first(opened)
    for key, step in (
        ("ArrowRight", 2),
        ("ArrowRight", 3),
        ("ArrowLeft", 2),
        ("End", 6),
        ("ArrowRight", 6),
        ("Home", 1),
    ):
        page.keyboard.press(key)
        assert said(page)[0].endswith(f"step {step} of 6")
    assert seen(page, "gradient") == []
    page.click("#last")
    page.click("#first")
    assert seen(page, "value") == ["-2", "5", "-4"]
    assert page.is_disabled("#back")


def test_buttons_can_be_reached_and_pressed_by_the_keyboard_alone(opened):
    page = first(opened)
    reached = []
    for _ in range(5):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    assert "next" in reached
    page.focus("#next")
    page.keyboard.press("Enter")
    assert said(page)[0] == "forward, step 2 of 6"


@pytest.mark.parametrize("dark", [False, True])
def test_on_a_phone_nothing_is_wider_than_the_screen_and_letters_can_be_read(opened, dark):
    text = "1 / (1 + exp(-(w0 * x0 + w1 * x1 + w2)))"
    page = opened(formula(text), width=390, dark=dark, w0=2, x0=-1, w1=-3, x1=-2, w2=-3)
    page.click("#last")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    heights = [box["height"] for box in (each.bounding_box() for each in page.query_selector_all("svg text")) if box]
    assert min(heights) >= 9
    assert min(each.bounding_box()["height"] for each in page.query_selector_all("button")) >= 44
    keep(page, f"phone_{'dark' if dark else 'light'}")


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_has_enough_contrast(opened, dark):
    page = first(opened, dark=dark)
    page.click("#last")
    luminance = """(selector, property) => {
        const [r, g, b] = getComputedStyle(document.querySelector(selector))[property].match(/[\\d.]+/g).map(Number)
            .map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }"""

    def of(selector, what):
        return page.evaluate(f"([s, p]) => ({luminance})(s, p)", [selector, what])

    paper = of("body", "backgroundColor")
    for selector, what in (("text.value", "fill"), ("text.gradient", "fill"), ("text.sign", "fill"), (".key", "color")):
        a, b = sorted([of(selector, what), paper])
        assert (b + 0.05) / (a + 0.05) >= 4.5, selector


def test_a_network_can_be_opened_and_gone_through(opened, rng):
    model = Sequential([Dense(2, 3), ReLU(), Residual([Dense(3, 3)])], rng=0)
    page = opened(model, rng.normal(size=(1, 2)), opened=True)
    page.click("#last")
    assert said(page)[1].startswith("dx = dout @ weightsᵀ = [[")
    assert len(seen(page, "value")) == 5
    keep(page, "network")


def test_the_structure_alone_is_a_page_too(opened):
    page = opened(Sequential([Dense(2, 3), ReLU()]))
    page.click("#last")
    assert said(page) == ["forward, step 3 of 3", "max(0, out[0])"]
    assert seen(page, "value") == []
