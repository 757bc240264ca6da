"""The report in a real browser with the network off: nothing is asked for, it sorts, it prints."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from computemarket.analysis.report import Page, html, page_table

sync_api = pytest.importorskip("playwright.sync_api", reason="no browser test: needs playwright")

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
if CHROMIUM is None:
    pytest.skip("no browser test: no chromium on PATH", allow_module_level=True)

QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PHONE, DESKTOP = (390, 844), (1280, 900)
KINDS = ("run", "study")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser without a network."""
    profile = tmp_path_factory.mktemp("profile")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=list(QUIET), offline=True
        )
        started.set_default_timeout(15_000)
        yield started
        started.close()


@pytest.fixture(scope="module")
def pages(
    report_pages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The reports, and a page with a table and nothing else."""
    texts = ("$2T", "$900k", "-", "$1.2B (0.9-1.4)", "-$340M", "-")
    amounts = page_table("Amounts", ["Name", "Amount"], zip("ABCDEF", texts, strict=True))
    page = Page("Tables", "", [], [], [amounts], [], {}, "")
    file = tmp_path_factory.mktemp("pages") / "tables.html"
    file.write_text(html(page), encoding="utf-8")
    return {**report_pages, "tables": file}


@pytest.fixture
def opened(browser: Any, pages: dict[str, Path]) -> Iterator[Any]:
    """`opened(kind, size)`: a page, which must not have asked for or complained of anything."""
    faults: list[str] = []
    page = browser.new_page()

    def _open(kind: str, size: tuple[int, int] = DESKTOP) -> Any:
        address = pages[kind].as_uri()
        page.on("console", lambda message: faults.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on(
            "request",
            lambda asked: (
                asked.url.partition("#")[0] == address
                or asked.url.startswith("data:")
                or faults.append(f"request: {asked.url[:100]}")
            ),
        )
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.goto(address)
        return page

    yield _open
    page.close()
    assert faults == []


def column(table: Any, place: int) -> list[str]:
    """The cells of a column, top down."""
    return [str(text) for text in table.locator(f"tbody td:nth-child({place})").all_inner_texts()]


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
@pytest.mark.parametrize("kind", KINDS)
def test_page_fits_and_its_figures_are_drawn(opened: Any, kind: str, size: tuple[int, int]) -> None:
    page = opened(kind, size)

    width, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= window
    drawn = page.evaluate("Array.from(document.images, (i) => i.complete && i.naturalWidth > 0)")
    assert len(drawn) >= 4
    assert all(drawn)
    links = page.eval_on_selector_all("nav a", "all => all.map((a) => a.getAttribute('href'))")
    assert len(links) > 10
    assert all(page.locator(f"[id='{link[1:]}']").count() == 1 for link in links)


def test_a_head_sorts_by_value_and_says_so(opened: Any) -> None:
    table = opened("tables").get_by_role("table", name="Amounts")
    head = table.get_by_role("columnheader").nth(1)

    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert column(table, 2) == ["-$340M", "$900k", "$1.2B (0.9-1.4)", "$2T", "-", "-"]
    assert column(table, 1) == ["E", "B", "D", "A", "C", "F"]

    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert column(table, 2) == ["$2T", "$1.2B (0.9-1.4)", "$900k", "-$340M", "-", "-"]

    table.get_by_role("columnheader").first.get_by_role("button").click()
    assert column(table, 1) == list("ABCDEF")
    assert table.locator("[aria-sort]").count() == 1


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_a_head_sorts_by_keyboard(opened: Any, key: str) -> None:
    table = opened("study").get_by_role("table", name="crash against base")
    head = table.get_by_role("columnheader").first
    start = column(table, 1)

    head.get_by_role("button").focus()
    head.page.keyboard.press(key)
    assert head.get_attribute("aria-sort") == "ascending"
    assert column(table, 1) == sorted(start) != start


def test_a_study_is_told_with_its_failures(opened: Any) -> None:
    failed = opened("study").locator("#failed")

    assert failed.locator("h3").inner_text() == "2 of 6 runs"
    assert column(failed.locator("table"), 2) == ["1", "2"]
    assert all("broken.toml --seed" in text for text in column(failed.locator("table"), 5))


@pytest.mark.parametrize("kind", KINDS)
def test_it_prints_on_paper(opened: Any, kind: str) -> None:
    page = opened(kind)

    printed = page.pdf(prefer_css_page_size=True)
    sheets = printed.count(b"/Type /Page\n") or printed.count(b"/Type/Page\n")
    assert 3 <= sheets <= 10
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    wide = "all => all.filter((t) => t.scrollWidth > t.parentElement.clientWidth + 1).length"
    page.set_viewport_size({"width": 688, "height": 1000})  # A4 between its margins
    assert page.eval_on_selector_all("table", wide) == 0
