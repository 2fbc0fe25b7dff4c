"""A real browser, Debian's Chromium driven by playwright: for the dashboard, and as a phone."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from tests.lab import prepare
from tests.lab.asterisk import DOMAIN, password

#: Milliseconds for what a page is waited for.
LIMIT = 15_000


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser without a window; .ci/prepare installs it."""
    where = shutil.which("chromium")
    assert where, "there is no chromium: .ci/prepare test"
    async with async_playwright() as playwright:
        # The sandbox needs what a container often lacks; the pages are our own.
        browser = await playwright.chromium.launch(executable_path=where, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


class Dashboard:
    """One page, and everything that it complained about."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        self._folder = folder
        self.complaints: list[str] = []
        page.set_default_timeout(LIMIT)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _console(self, message: Any) -> None:
        # What no front answers while it is being started again, the browser itself writes down.
        if message.type in ("error", "warning") and "net::ERR_" not in message.text:
            self.complaints.append(message.text)

    @classmethod
    async def open(cls, browser: Browser, url: str, folder: Path, **more: Any) -> Dashboard:
        page = await browser.new_page(**more)
        made = cls(page, folder)
        await page.goto(url)
        await page.wait_for_selector("#link.live")
        await page.wait_for_selector("article.node")
        return made

    async def shot(self, name: str, *, whole: bool = True) -> None:
        """A picture in the test's folder, for people."""
        await self.page.screenshot(path=self._folder / f"{name}.png", full_page=whole)

    async def says(self, where: str, text: str) -> None:
        """Wait until `where` holds `text`."""
        await self.page.locator(where, has_text=text).first.wait_for()

    async def until(self, wanted: str) -> None:
        """Wait until an expression is true: asked from outside, the page's policy allows no eval."""
        async with asyncio.timeout(LIMIT / 1000):
            while not await self.page.evaluate(wanted):  # noqa: ASYNC110 - a page has no events for us
                await asyncio.sleep(0.05)

    async def unlock(self, token: str) -> None:
        """Give the token by keyboard alone."""
        await self.page.keyboard.press("l")
        await self.page.locator("#token-value").wait_for()
        await self.page.keyboard.type(token)
        await self.page.keyboard.press("Enter")
        await self.says("#lock", "Lock levers")

    async def wide(self) -> bool:
        """Does the page stick out at the side?"""
        return bool(
            await self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        )


#: What a page does to be a phone: it registers, and rejects every call after it has rung.
PHONE = """
([url, user, domain, password]) => {
  window.seen = [];
  const phone = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(url)], uri: `sip:${user}@${domain}`, password,
    register_expires: 300,
  });
  for (const what of ["connected", "disconnected", "registered", "registrationFailed"])
    phone.on(what, () => window.seen.push(what));
  phone.on("newRTCSession", ({originator, session}) => {
    if (originator !== "remote") return;
    window.seen.push("rings");
    setTimeout(() => session.terminate({status_code: 486}), 100);
  });
  phone.start();
  window.phone = phone;
}
"""


class WebRtcPhone:
    """JsSIP in a page."""

    def __init__(self, page: Page, user: str, url: str) -> None:
        self._page = page
        self.user = user
        self.url = url

    @classmethod
    async def open(cls, browser: Browser, user: str, url: str) -> WebRtcPhone:
        """A page of its own, which begins to register."""
        source = prepare.jssip()
        assert source.exists(), "there is no JsSIP: make lab"
        context = await browser.new_context(ignore_https_errors=True)
        page = await context.new_page()
        await page.add_script_tag(path=source)
        await page.evaluate(PHONE, [url, user, DOMAIN, password(user)])
        return cls(page, user, url)

    async def seen(self) -> list[str]:
        """What happened to it so far."""
        return list(await self._page.evaluate("window.seen"))

    async def until(self, what: str) -> None:
        """Wait until that has happened."""
        try:
            await self._page.wait_for_function(
                "what => window.seen.includes(what)", arg=what, timeout=LIMIT
            )
        except Exception as error:
            raise AssertionError(f"{self.user} {self.url}: {await self.seen()}") from error

    async def close(self) -> None:
        """Close the page."""
        await self._page.context.close()
