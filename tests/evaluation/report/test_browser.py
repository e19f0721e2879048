"""The page in a real browser, offline: no complaint, tables sort, every figure is there to be seen."""

import pytest

from transfer.evaluation.report import write_report


@pytest.fixture
def opened(browser):
    """Return a function that opens a page offline; whatever the browser complains of fails the test."""
    contexts, complaints = [], []

    def open_page(folder, *, width=1280, scheme="light"):
        path = folder / "report.html"
        path = path if path.is_file() else write_report(folder, command="transfer compare suite.yaml")
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def ranked(page):
    """Return the systems of the ranking in the order shown."""
    return [
        name.split()[0] for name in page.locator(".ranking tbody[data-sorts]").first.locator("th").all_inner_texts()
    ]


@pytest.mark.parametrize("width", [390, 1280])
def test_every_figure_is_seen_and_nothing_runs_out_of_the_page(width, opened, comparison_folder):
    page = opened(comparison_folder, width=width)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    measure = "s => { const box = s.getBoundingClientRect(); return [box.width, box.height, s.childElementCount]; }"
    boxes = page.evaluate(f"[...document.querySelectorAll('svg')].map({measure})")
    assert len(boxes) > 40
    assert all(wide > 40 and high > 10 and shapes > 0 for wide, high, shapes in boxes)
    paths = page.evaluate("[...document.querySelectorAll('svg .dots')].map(p => getComputedStyle(p).stroke)")
    assert paths
    assert "none" not in paths, "every mark has a colour"
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_click_sorts_up_another_down_and_sets_nothing_apart_among_the_ranked(opened, comparison_folder):
    page = opened(comparison_folder)
    before = ranked(page)
    assert before[0] == "dann"
    button = page.locator(".ranking th button", has_text="UAR")
    button.click()
    assert ranked(page) == before[::-1]
    button.click()
    assert ranked(page) == before
    assert page.locator(".ranking th[aria-sort=descending]").count() == 1
    page.locator(".ranking th button", has_text="gain").click()
    assert ranked(page)[-1] == "scratch", "what has no gain comes last"
    page.locator(".ranking th button", has_text="system").focus()
    page.keyboard.press("Enter")
    assert ranked(page) == sorted(before), "by the keyboard too"
    assert page.locator(".ranking .apart th").inner_text().startswith("ddg")


def test_marks_change_their_colour_from_domain_to_class(opened, comparison_folder):
    page = opened(comparison_folder)
    colours = "new Set([...document.querySelectorAll('.projections .dots')].map(p => getComputedStyle(p).stroke)).size"
    assert page.evaluate(colours) == 2
    assert page.locator(".legend.by-class").is_hidden()
    page.locator("label[for=by-class]").click()
    assert page.evaluate(colours) == 6
    assert page.locator(".legend.by-class").is_visible()


def test_dark_is_dark_and_paper_is_white(opened, comparison_folder):
    page = opened(comparison_folder, scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == "rgb(20, 24, 31)"
    page.emulate_media(media="print")
    assert page.evaluate(paper) == "rgb(255, 255, 255)"


def test_it_prints_with_everything_open(opened, comparison_folder, tmp_path):
    page = opened(comparison_folder)
    page.evaluate(
        "addEventListener('beforeprint', () => { window.opened = document.querySelectorAll('details:not([open])').length })"
    )
    page.pdf(path=tmp_path / "page.pdf", format="A4", print_background=True)
    assert page.evaluate("window.opened") == 0
    assert (tmp_path / "page.pdf").stat().st_size > 20_000


def test_nothing_that_a_file_says_runs(opened, hostile_folder):
    page = opened(hostile_folder)
    assert page.locator("img").count() == 0
    assert "onerror=alert(1)" in page.locator(".ranking tbody th").first.inner_text()


def test_the_policy_stops_a_script_that_is_not_the_pages(browser, comparison_folder, tmp_path):
    file = comparison_folder / "report.html"
    text = (file if file.is_file() else write_report(comparison_folder, command="x")).read_text(encoding="utf-8")
    file = tmp_path / "forged.html"
    file.write_text(text.replace("<footer>", "<script>window.forged = 1</script><footer>"), encoding="utf-8")
    page = browser.new_page()
    page.goto(file.as_uri())
    assert page.evaluate("window.forged") is None
    page.close()
