"""Every component in every state, compared with pictures that were looked at.

Letters are blocks of one font, so that a picture says the same on every machine. Make the pictures
anew with NEW_SCREENS=1, and look at each before it is committed.
"""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.browser.chromium import CHROMIUM, SHARED, enters
from tests.conftest import Site

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]
_HERE = Path(__file__).parent
_SCREENS = _HERE / "screens"
_MOST_DIFFERENT = 0.002  # share of pixels: an edge may be smoothed in another way
_BLOCKS = """
@font-face { font-family: Blocks; src: url(data:font/ttf;base64,%s); }
* { font-family: Blocks !important; caret-color: transparent !important; }
* { transition: none !important; }
"""
# Gives the share of pixels that differ by more than smoothing can, or 1 where the sizes differ.
_COMPARE = """async ([a, b]) => {
  const load = (data) => new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => done(image); image.onerror = failed;
    image.src = `data:image/png;base64,${data}`;
  });
  const [first, second] = [await load(a), await load(b)];
  if (first.width !== second.width || first.height !== second.height) return 1;
  const pixels = (image) => {
    const canvas = document.createElement("canvas");
    canvas.width = image.width; canvas.height = image.height;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, image.width, image.height).data;
  };
  const [one, two] = [pixels(first), pixels(second)];
  let different = 0;
  for (let at = 0; at < one.length; at += 4) {
    const apart = [0, 1, 2].map((colour) => Math.abs(one[at + colour] - two[at + colour]));
    if (Math.max(...apart) > 48) different += 1;
  }
  return different / (one.length / 4);
}"""


@pytest.fixture
async def page(site: Site) -> AsyncIterator[Page]:
    """The page of components, in blocks; its policy on content is switched off for the font."""
    async with SHARED.page(bypass_csp=True) as page:
        await enters(page, site.address, await site.app.people.issue_link_code("ana"))
        await page.wait_for_url(f"{site.address}/")
        await page.goto(f"{site.address}/components")
        font = base64.b64encode((_HERE / "fonts" / "blocks.ttf").read_bytes()).decode()
        await page.add_style_tag(content=_BLOCKS % font)
        await page.evaluate("document.fonts.ready")
        yield page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
async def test_components_look_as_they_did(page: Page, width: int, scheme: str) -> None:
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    await page.set_viewport_size({"width": width, "height": 900})
    await page.evaluate("document.activeElement && document.activeElement.blur()")
    taken = await page.screenshot(full_page=True)
    kept = _SCREENS / f"components-{width}-{scheme}.png"
    if os.environ.get("NEW_SCREENS"):
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(taken)
    pictures = [base64.b64encode(picture).decode() for picture in (kept.read_bytes(), taken)]
    different = await page.evaluate(_COMPARE, pictures)
    if different > _MOST_DIFFERENT:
        (_SCREENS / f"components-{width}-{scheme}.new.png").write_bytes(taken)
    assert different <= _MOST_DIFFERENT, f"look at {kept.stem}.new.png beside {kept.name}"


async def test_a_change_of_colour_is_seen(page: Page) -> None:
    """The comparison can fail: another accent is a difference."""
    before = await page.screenshot(full_page=True)
    await page.add_style_tag(content=":root { --accent: #aa3377 !important; }")
    after = await page.screenshot(full_page=True)
    pictures = [base64.b64encode(picture).decode() for picture in (before, after)]
    assert await page.evaluate(_COMPARE, pictures) > _MOST_DIFFERENT
