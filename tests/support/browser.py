"""Debian's Chromium, driven by Playwright; a page in it must ask nobody but its server, and report no error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHROMIUM = next((p for p in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(p).exists()), None)
# software rendering, so that WebGL works on machines without a graphics card; root may not have a sandbox
FLAGS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]


@contextmanager
def browser() -> Iterator:
    """A browser that pages can be opened in."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@contextmanager
def opened_page(chromium, address, **options):
    """A fresh page; at the end it must have asked no other host and reported no error."""
    context = chromium.new_context(**options)
    context.set_default_timeout(120_000)  # of milliseconds: software rendering beside other work takes its time
    opened = context.new_page()
    asked, wrong = [], []
    opened.on("request", lambda r: asked.append(r.url))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    refused = "Failed to load resource"  # what a test does to a request, not what the page does wrong
    opened.on("console", lambda m: wrong.append(m.text) if m.type == "error" and refused not in m.text else None)
    opened.goto(address)
    opened.wait_for_selector(".model[data-state=ready]")
    yield opened
    context.close()
    elsewhere = [url for url in asked if not url.startswith((address + "/", "blob:"))]
    assert (elsewhere, wrong) == ([], [])
