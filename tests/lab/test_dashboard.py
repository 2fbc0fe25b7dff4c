"""The dashboard in Chromium while PBXs die: what it shows is so, and nothing complains."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from sipfront.demo.load import Load
from sipfront.demo.stage import Stage
from tests.lab.browser import Dashboard, chromium
from tests.lab.conftest import Pair
from tests.lab.front import ADMIN, Front


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: a folder that outlives the test when SIPFRONT_PICTURES names one."""
    folder = Path(os.environ.get("SIPFRONT_PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as made:
        yield made


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Two demo nodes with calls between six phones and a trunk."""
    async with Stage(folder=tmp_path) as made:
        load = Load(made, 6)
        load.start()
        yield made
        await load.stop()


async def test_a_kill_a_freeze_and_a_restart(
    stage: Stage, browser: Browser, pictures: Path
) -> None:
    board = await Dashboard.open(browser, stage.admin, pictures)
    page = board.page
    await board.says("#verdict", "Redundant: pbx-b is ready")
    await board.says("article.is-active", "pbx-a")
    await board.says("#list-calls", "carrier")
    # All four plots have lines of something.
    await board.until("document.querySelectorAll('.plot canvas').length === 4")
    await board.until("/[1-9]/.test(document.querySelector('.plot .u-value').textContent)")

    await stage.nodes["pbx-a"].kill()
    await board.says("article.is-active", "pbx-b")
    await board.says("#verdict", "Not redundant: pbx-a is DOWN")
    await board.says("#events .chosen", "failover")
    await board.says("#why .sentence", "pbx-a is left for pbx-b")
    assert await page.locator("#why .m-bad").count() >= 2  # refusals, in the lane of pbx-a
    assert await page.locator(".wire .cut").count() == 1
    assert await page.locator(".pill.down").count() == 1
    await board.shot("killed")

    await stage.nodes["pbx-a"].start()
    await board.says("#verdict", "Redundant: pbx-a is ready")
    stage.nodes["pbx-b"].freeze()
    await board.says(".pill.suspect, .pill.down", "")
    await board.says("article.is-active", "pbx-a")
    await board.says("#why .sentence", "pbx-b is left for pbx-a")
    assert "epoch 3" in await page.inner_text("#why .when")
    await board.shot("frozen")
    stage.nodes["pbx-b"].thaw()
    await board.says("#verdict", "Redundant: pbx-b is ready")

    # A call opens as a diagram of what became of it.
    await page.locator("#list-calls button", has_text="600").last.click()
    await board.says("#call-body .ladder", "200, answered")
    await board.says("#call-body .messages", "who have the token")
    await board.shot("call", whole=False)
    await page.keyboard.press("Escape")
    # With the token every message is shown, of both sides and both nodes.
    await board.unlock((stage.folder / "token").read_text().strip())
    await page.locator("#list-calls button", has_text="600").last.click()
    await board.says("#call-body .messages .ladder", "INVITE")
    await page.locator("#call-body .messages summary").first.click()
    await page.locator("#call-body .messages summary").nth(1).click()
    await board.says("#call-body .wire-text", "INVITE sip:")
    await board.shot("call-messages", whole=False)
    await page.keyboard.press("Escape")
    await page.keyboard.press("2")
    await page.locator("#phones button", has_text="1003").click()
    await board.says("#call-body .facts", "pbx-a: for")
    await board.says("#call-body .messages .ladder", "1003")
    await board.shot("phone-in-detail", whole=False)
    await page.keyboard.press("Escape")
    await page.keyboard.press("1")
    await page.keyboard.press("l")

    # The older failover is explained when it is asked for.
    await page.locator("#events button", has_text="pbx-a is left for pbx-b").click()
    await board.says("#why .when", "epoch 2")

    await stage.front.kill()
    await page.wait_for_selector("#link.away")
    await page.wait_for_selector("body.away")
    await board.shot("front-away")
    await stage.start_front()
    await page.wait_for_selector("#link.live")
    await board.says("#events", "restored")
    await board.says("article.is-active", "pbx-a")
    # Its time begins anew.
    await board.until(
        "/up [0-9]\\.[0-9] s/.test(document.querySelector('.card.front').textContent)"
    )
    await board.says("#events", "pbx-a is left for pbx-b")  # what was seen before stays
    await board.shot("front-back")
    assert board.complaints == []


async def test_levers_by_keyboard_alone(stage: Stage, browser: Browser, pictures: Path) -> None:
    board = await Dashboard.open(browser, stage.admin, pictures)
    page, keys = board.page, board.page.keyboard
    assert await page.locator("[data-lever]").count() == 0
    # A switch-over asks for the token first, and a wrong one opens nothing.
    await keys.press("o")
    await keys.type("not-the-token-of-this-front")
    await keys.press("Enter")
    await board.says("#token-said", "does not take this token")
    await keys.press("Escape")
    assert await page.locator("[data-lever]").count() == 0

    await board.unlock((stage.folder / "token").read_text().strip())
    await page.locator("[data-lever=switchover-pbx-b]").wait_for()
    # It is confirmed: Enter on what has the focus leaves everything as it is.
    await keys.press("o")
    await board.says("#ask-title", "Make pbx-b active?")
    assert await page.evaluate("document.activeElement.textContent") == "Leave it"
    await board.shot("confirm", whole=False)
    await keys.press("Enter")
    assert (await stage.status())["active"] == "pbx-a"
    await keys.press("o")
    await keys.press("Tab")
    await keys.press("Enter")
    await board.says("article.is-active", "pbx-b")
    await board.says("#why .when", "switch-over")

    # Through the page by Tab: the levers of the first node, then a drain and back.
    await page.locator("[data-lever=drain-pbx-a]").focus()
    await keys.press("Enter")
    await board.says("#ask-title", "Drain pbx-a?")
    await keys.press("Tab")
    await keys.press("Enter")
    await board.says("#verdict", "Not redundant")
    await page.locator("[data-lever=resume-pbx-a]").focus()
    await asyncio.sleep(1.2)  # pictures of two seconds later the focus is still there
    assert await page.evaluate("document.activeElement.dataset.lever") == "resume-pbx-a"
    await keys.press("Enter")
    await keys.press("Tab")
    await keys.press("Enter")
    await board.says("#verdict", "Redundant: pbx-a is ready")

    # Lists: 2 goes to the phones, arrows go on, / looks for one.
    await keys.press("2")
    await board.says("#phones", "1003@demo.example")
    await keys.press("ArrowRight")
    await board.says("#list-trunks", "carrier")
    await keys.press("/")
    await keys.type("1004")
    await board.until("document.querySelectorAll('#phones tbody tr').length === 1")
    await keys.press("Tab")
    await page.locator("#tab-phones").focus()
    await keys.press("?")
    await page.locator("#keys").wait_for()
    await keys.press("Escape")

    # What the front refuses is told in its words.
    await stage.nodes["pbx-a"].kill()
    await board.says("#verdict", "Not redundant")
    await keys.press("o")
    assert await page.locator("#ask-force").is_visible()
    await keys.press("Tab")
    await keys.press("Enter")
    await board.says("#ask-said", "pbx-a")
    await keys.press("Escape")
    await keys.press("l")
    await board.says("#lock", "Unlock levers")
    assert await page.locator("[data-lever]").count() == 0
    # The browser writes down that a lever was refused; the page itself complains about nothing.
    assert [text for text in board.complaints if "status of 409" not in text] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_can_be_read_on_a_phone_and_in_the_dark(
    stage: Stage, browser: Browser, pictures: Path, scheme: str
) -> None:
    small = {"width": 360, "height": 740}
    board = await Dashboard.open(
        browser, stage.admin, pictures, viewport=small, color_scheme=scheme, device_scale_factor=2
    )
    await board.says("#list-calls", "pbx-a")
    for key in ("1", "2", "3", "4"):
        await board.page.keyboard.press(key)
        assert not await board.wide()
    await board.shot(f"phone-{scheme}")
    dark = await board.page.evaluate(
        "getComputedStyle(document.documentElement).colorScheme === 'dark'"
    )
    assert dark == (scheme == "dark")
    await board.page.keyboard.press("t")  # light
    assert await board.page.evaluate("document.documentElement.dataset.theme") == "light"
    for name, least in (("ink", 7.0), ("muted", 4.5), ("accent", 4.5), ("warn", 4.5), ("bad", 4.5)):
        for theme in ("light", "dark"):
            assert await contrast(board, theme, name) >= least, (theme, name)
    assert board.complaints == []


async def contrast(board: Dashboard, theme: str, name: str) -> float:
    """Of a colour on a card (WCAG 2.2, 1.4.3)."""
    return float(
        await board.page.evaluate(
            """([theme, name]) => {
              document.documentElement.dataset.theme = theme;
              const style = getComputedStyle(document.documentElement);
              const light = (variable) => {
                const hex = style.getPropertyValue(variable).trim().slice(1);
                const [r, g, b] = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
                  .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
              };
              const [one, two] = [light("--" + name), light("--card")].sort((a, b) => b - a);
              return (one + 0.05) / (two + 0.05);
            }""",
            [theme, name],
        )
    )


async def test_a_real_pair(pair: Pair, front: Front, browser: Browser, pictures: Path) -> None:
    """Asterisk on both sides, one of them killed."""
    board = await Dashboard.open(browser, f"http://{ADMIN}", pictures)
    await board.says("#verdict", "Redundant")
    await board.says("article.is-active", "pbx-a")
    pair.a.kill()
    await board.says("article.is-active", "pbx-b")
    await board.says("#why .sentence", "pbx-a is left for pbx-b")
    await board.shot("asterisk")
    assert board.complaints == []
