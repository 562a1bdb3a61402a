"""How soon a slider's picture follows a hand: measured inside the browser, for any widget under any slider.

A picture counts as changed when the frame after the one that holds the change begins, by when its pixels have been
handed on: a MutationObserver sees the change to the document, new images are waited for until they are decoded, and
then two frames begin.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from playwright.sync_api import Locator, Page

__all__ = ["Drag", "drag", "press_keys"]

PRESSES = 24
SECONDS = 3
MOVES_A_SECOND = 60

# `picture`: what is watched. `offers`: how the slider says that it has a new value.
INSTALL = """([slider, picture]) => {
  const meter = { pressed: null, delays: [], offered: [], drawn: [], last: null };
  window.meter = meter;
  const offer = (value) => {
    if (meter.offered.at(-1)?.value === value) return;
    meter.offered.push({ value, at: performance.now() });
  };
  slider.addEventListener("keydown", (event) => (meter.pressed = event.timeStamp), { capture: true });
  if (slider.matches("input")) slider.addEventListener("input", () => offer(slider.value), { capture: true });
  const turned = new MutationObserver(() => offer(slider.getAttribute("aria-valuenow")));
  turned.observe(slider, { attributeFilter: ["aria-valuenow"] });

  const look = () => {
    const image = picture.querySelector("img");
    if (image) return image.src;
    const bars = Array.from(picture.querySelectorAll("svg g > *"));
    const moved = bars.map((bar) => bar.getAttribute("transform") ?? "").join("");
    return moved || picture.innerHTML;
  };
  const seen = () => {
    const now = performance.now();
    meter.drawn.push(now);
    if (meter.pressed !== null) meter.delays.push(now - meter.pressed);
    meter.pressed = null;
  };
  let waiting = false;
  const changed = async () => {
    if (waiting) return;
    waiting = true;
    for (const image of picture.querySelectorAll("img")) await image.decode().catch(() => null);
    requestAnimationFrame(() => {
      waiting = false;
      const now = look();
      if (!now || now === meter.last) return;
      meter.last = now;
      requestAnimationFrame(seen);
    });
  };
  meter.last = look();
  const anything = { subtree: true, childList: true, attributes: true, characterData: true };
  new MutationObserver(changed).observe(picture, anything);
}"""


@dataclass(frozen=True)
class Drag:
    """What became of one drag."""

    offered: int  # different values that the slider took
    drawn: int  # different pictures that followed

    @property
    def skipped(self) -> float:
        """The share of offered values that were never drawn."""
        return max(0.0, 1 - self.drawn / self.offered)


def install(page: Page, slider: Locator, picture: Locator) -> None:
    """Begins to watch."""
    page.evaluate(INSTALL, [slider.element_handle(), picture.element_handle()])


def press_keys(page: Page, slider: Locator, picture: Locator, key: str = "ArrowLeft") -> np.ndarray:
    """Milliseconds from each of 24 single presses of an arrow key to changed pixels."""
    install(page, slider, picture)
    slider.focus()
    for count in range(1, PRESSES + 1):
        page.keyboard.press(key)
        page.wait_for_function("(count) => meter.delays.length >= count", arg=count, timeout=15_000)
        page.wait_for_timeout(100)
    return np.array(page.evaluate("meter.delays"))


def drag(page: Page, slider: Locator, picture: Locator, begin: float, end: float) -> Drag:
    """Drags a thumb from `begin` to `end`, as page coordinates, for 3 seconds at 60 moves a second."""
    install(page, slider, picture)
    box = slider.bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(begin, y)
    page.mouse.down()
    moves = SECONDS * MOVES_A_SECOND
    started = time.perf_counter()
    for move in range(1, moves + 1):
        page.mouse.move(begin + (end - begin) * move / moves, y)
        time.sleep(max(0.0, started + move / MOVES_A_SECOND - time.perf_counter()))
    drawn = page.evaluate("[meter.offered.length, meter.drawn.length]")
    page.mouse.up()
    return Drag(*drawn)
