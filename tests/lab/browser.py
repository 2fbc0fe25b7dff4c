"""The dashboard in a real browser: Debian's Chromium, driven by playwright."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

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
