"""The page in a real browser, on a real index: what a person does, sees and hears."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi")
pytest.importorskip("lancedb")
pytest.importorskip("pytorch_grad_cam")
pytest.importorskip("playwright")
pytest.importorskip("axe_playwright_python")

import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from emotionnet.apps.serve.app import create_app
from emotionnet.apps.serve.service import Service
from emotionnet.inference.guard import Guard, write_guard
from emotionnet.inference.loading import load_predictor
from emotionnet.search.build import build_index
from emotionnet.search.store import Index

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

    from tests.conftest import MakeDataset, MakeExported

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
THRESHOLD = 0.4
GUARD = {
    "neighbours": 1,
    "pictures": 3,
    "threshold": THRESHOLD,
    "quantile": 0.95,
    "groups": 3,
    "data_hash": "0" * 64,
}
WAIT = 15_000  # milliseconds
expect.set_options(timeout=WAIT)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def address(make_dataset: MakeDataset, make_exported: MakeExported, tmp_path: Path) -> Iterator[str]:
    """A server over the red, yellow and blue squares; green is unlike all that its model was trained on."""
    model = make_exported(guard=GUARD)
    kept_RF = np.array([[2, -1, -1], [1, 0.7, -1], [-1, -0.5, 2]], np.float16)
    write_guard(Guard(kept_RF, neighbours=1, threshold=THRESHOLD), model)
    make_dataset({"train": 16, "val": 4, "test": 4})
    build_index(model, [tmp_path / "dataset/images"], tmp_path / "index", backend="onnxruntime")
    service = Service(load_predictor(model, backend="onnxruntime"), Index.open(tmp_path / "index"))
    with served(service) as found:
        yield found


@contextmanager
def served(service: Service) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(service), log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Any]:
    """A factory of a page at the first screen; what the browser complains of or fetches elsewhere fails."""
    complaints: list[str] = []
    contexts = []

    def opened(*, width: int = 1280, colours: Any = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=colours)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: watch(request.url))
        page.goto(address)
        return page

    def watch(url: str) -> None:
        if not url.startswith((address, f"blob:{address}", "data:")):
            complaints.append(url)

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def check(page: Page) -> None:
    """No serious fault of access, and nothing wider than the screen."""
    found = Axe().run(page).response["violations"]
    assert [fault["id"] for fault in found if fault["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def square(path: Path, colour: tuple[int, int, int]) -> Path:
    Image.new("RGB", (40, 40), colour).save(path)
    return path


def search(page: Page, words: str) -> Locator:
    page.fill("#q", words)
    page.press("#q", "Enter")
    expect(page.locator("#found")).to_contain_text(words)
    return page.locator(".hit")


def names(page: Page) -> list[str]:
    return [image.get_attribute("alt") or "" for image in page.locator(".hit img").all()]


def hit(page: Page, place: int) -> Locator:
    return page.locator(".hit").nth(place)


@pytest.mark.parametrize(("width", "colours"), [(1280, "light"), (390, "dark")])
def test_own_pictures(open_page: Any, tmp_path: Path, width: int, colours: str) -> None:
    page = open_page(width=width, colours=colours)
    expect(page.locator(".beginning img")).to_have_count(3)
    check(page)
    text = tmp_path / "text.png"
    text.write_text("no picture")
    red, green = square(tmp_path / "red.png", (250, 0, 0)), square(tmp_path / "green.png", (0, 250, 0))
    page.set_input_files("#files", [red, green, text])
    cards = page.locator(".shot")
    expect(cards.locator(".bars")).to_have_count(2)
    expect(cards.nth(0).locator(".bar").first).to_contain_text("anger")
    expect(cards.nth(0).locator(".outside")).to_have_count(0)
    told = cards.nth(1).locator(".answer > *").first
    expect(told).to_contain_text("This picture is unlike")
    expect(cards.nth(2).locator("[role=alert]")).to_contain_text("must be a picture")
    check(page)

    plain = cards.nth(0).locator("img").get_attribute("src")
    cards.nth(0).get_by_role("button", name="joy").click()
    expect(cards.nth(0).locator(".caption")).to_contain_text("found joy")
    expect(cards.nth(0).get_by_role("button", name="joy")).to_have_attribute("aria-pressed", "true")
    assert cards.nth(0).locator("img").get_attribute("src") != plain
    assert cards.nth(0).locator("img").evaluate("image => image.naturalWidth > 0")
    check(page)
    cards.nth(0).get_by_role("button", name="Why?").click()
    expect(cards.nth(0).locator(".caption")).to_contain_text("found anger")

    cards.nth(0).get_by_role("button", name="More like this").click()
    expect(page.locator("#found")).to_contain_text("like a picture")
    expect(page.locator("#found")).to_be_focused()
    assert page.locator(".hit .first").first.inner_text().startswith("anger")
    cards.nth(2).get_by_role("button", name="Remove text.png").click()
    expect(cards).to_have_count(2)


@pytest.mark.parametrize(("width", "colours"), [(1280, "dark"), (390, "light")])
def test_search_look_and_teach(open_page: Any, width: int, colours: str) -> None:
    page = open_page(width=width, colours=colours)
    page.fill("#q", "yellow re")
    expect(page.locator("#known option")).to_have_attribute("value", "yellow red")
    search(page, "red")
    assert page.url.endswith("/?q=red")
    expect(hit(page, 0).locator(".first")).to_contain_text("anger")
    check(page)

    hit(page, 1).locator(".open").click()
    viewer = page.locator("#viewer")
    expect(viewer.locator(".bar")).to_have_count(3)
    check(page)
    viewer.get_by_role("button", name="Why?").click()
    expect(viewer.locator(".caption")).to_contain_text("found anger")
    page.keyboard.press("ArrowRight")
    expect(viewer.locator("h2")).to_have_text(names(page)[2])
    viewer.get_by_role("link", name="More like this").click()
    expect(page.locator("#found")).to_contain_text("like a picture")
    expect(viewer).to_be_hidden()
    page.go_back()
    expect(page.locator("#found")).to_contain_text("red")
    assert page.input_value("#q") == "red"

    page.get_by_role("button", name="Teach a word").click()
    page.fill("#word", "warm")
    for place in range(3):
        hit(page, place).get_by_role("button", name="Yes").click()
    search(page, "blue")
    for place in range(2):
        hit(page, place).get_by_role("button", name="No").click()
    expect(page.locator("#marks")).to_have_text("3 yes, 2 no")
    page.get_by_role("button", name="Teach", exact=True).click()
    expect(page.locator("#learned")).to_contain_text("cross-validated over 3 yes and 2 no")
    expect(page.locator("#taught")).to_contain_text("5 marks")
    expect(page.locator("#marks")).to_have_text("0 yes, 0 no")  # the next word begins anew
    check(page)
    page.locator("#learned a").click()
    expect(hit(page, 0).locator(".first")).to_contain_text("anger")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Forget warm").click()
    expect(page.locator("#taught")).not_to_contain_text("warm")


def test_keyboard_alone(open_page: Any) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.locator("#q").focus()
    page.keyboard.type("blue")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("pictures blue")
    expect(page.locator("#q")).to_be_focused()

    first = hit(page, 0).locator(".open")
    first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#viewer")).to_be_visible()
    for _ in range(40):  # all the way round: never behind the dialog
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('#viewer')"
        )
    page.keyboard.press("Escape")
    expect(first).to_be_focused()

    page.keyboard.press("y")
    expect(page.locator("#marks")).to_have_text("0 yes, 0 no")  # until there is something to teach
    page.get_by_role("button", name="Teach a word").press("Enter")
    expect(page.locator("#word")).to_be_focused()
    first.focus()
    page.keyboard.press("y")
    expect(page.locator("#status")).to_have_text("marked yes; 1 yes, 0 no")
    page.keyboard.press("n")
    expect(page.locator("#marks")).to_have_text("0 yes, 1 no")
    page.keyboard.press("n")
    expect(page.locator("#marks")).to_have_text("0 yes, 0 no")


def test_faults_and_filters_stand_where_one_looks(open_page: Any) -> None:
    page = open_page()
    page.fill("#q", "purpel")
    page.press("#q", "Enter")
    expect(page.locator("#results [role=alert]")).to_contain_text("purpel")
    check(page)
    page.locator(".filters summary").click()
    page.select_option("#emotion", "sadness")
    page.fill("#least", "90")
    found = search(page, "blue")
    expect(page.locator("#found")).to_contain_text("sadness>0.9")
    assert {one.split(" ")[0] for one in found.locator(".first").all_inner_texts()} == {"sadness"}
    assert page.locator("#least").input_value() == "90"
    check(page)
    page.fill("#folder", "nowhere")
    page.press("#folder", "Enter")
    expect(page.locator("#found")).to_contain_text("Nothing found")
    page.reload()
    expect(page.locator("#found")).to_contain_text("Nothing found")
    assert page.input_value("#folder") == "nowhere"


def test_dropped_and_pasted_pictures(open_page: Any) -> None:
    page = open_page()
    page.evaluate(
        """async () => {
            const canvas = new OffscreenCanvas(20, 20);
            canvas.getContext("2d").fillRect(0, 0, 20, 20);
            const file = new File([await canvas.convertToBlob()], "dropped.png", { type: "image/png" });
            const data = new DataTransfer();
            data.items.add(file);
            document.dispatchEvent(new DragEvent("drop", { dataTransfer: data, cancelable: true }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
        }"""
    )
    expect(page.locator(".shot .bars")).to_have_count(2)
    expect(page.locator(".shot h3").first).to_have_text("dropped.png")
