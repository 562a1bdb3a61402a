"""How soon the underflow slider follows a hand, beside the same picture under `ipywidgets.interact`.

Both run in JupyterLab in the same Chromium, one after the other: 24 single presses of an arrow key, then a drag of
three seconds with 60 mouse moves a second. Run as `python -m benchmarks.slider`, from the top of the repository.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from playwright.sync_api import Browser

from tests.browser import driving
from tests.browser.metering import Drag, drag, press_keys
from tests.conftest import find_chromium

KEY_LIMIT = 60.0  # milliseconds, 95th percentile
SKIP_LIMIT = 0.05

WIDGET = """from simfp.widgets import Underflow
w = Underflow(k=-30)
w"""

# the same picture from the same tables, as a figure drawn by Matplotlib for each value
INTERACT = """%matplotlib inline
from IPython.display import display
from ipywidgets import IntSlider, interact
from simfp.widgets import Underflow
w = Underflow(k=-30)
def draw(k):
    w.k = k
    display(w.figure())
interact(draw, k=IntSlider(value=-30, min=-30, max=140, layout={"width": "1000px"}));"""

# fmt: off
#                                       cell      slider            picture                  key towards larger k
CONTENDERS = {
    "simfp.widgets.Underflow":         (WIDGET,   ".simfp-slider",  ".simfp-lanes",           "ArrowLeft"),
    "ipywidgets.interact, Matplotlib": (INTERACT, ".noUi-handle",   ".jp-Notebook .widget-output", "ArrowRight"),
}
# fmt: on


class Measured(NamedTuple):
    """What a hand meets."""

    median: float  # milliseconds from key press to changed pixels
    late: float  # their 95th percentile
    dragged: Drag
    last: str  # where the drag ended, in Python: it went all the way


def measure(running: Browser, address: str, folder: Path, name: str) -> Measured:
    """Opens a notebook with one of CONTENDERS, presses its keys and drags its slider."""
    cell, slider_at, picture_at, key = CONTENDERS[name]
    driving.write_notebook(folder / "slider.ipynb", cell)
    context = running.new_context(viewport={"width": 1200, "height": 1200})
    page = context.new_page()
    page.set_default_timeout(60_000)
    lesson = driving.Lesson(page, address, "slider.ipynb")
    lesson.run_all()
    slider, picture = page.locator(slider_at).first, page.locator(picture_at).first
    picture.wait_for()
    page.wait_for_timeout(2000)
    delays = press_keys(page, slider, picture, key)
    slider.press("Home")
    page.wait_for_timeout(3000)
    box = slider.bounding_box()
    assert box
    if slider.get_attribute("type") == "range":
        begin, end = box["x"] + box["width"] - 9, box["x"] + 9
    else:
        begin = box["x"] + box["width"] / 2
        end = begin + 960
    dragged = drag(page, slider, picture, begin, end)
    page.wait_for_timeout(1500)
    last = lesson.ask("w.k")
    assert not lesson.errors, lesson.errors
    context.close()
    return Measured(float(np.median(delays)), float(np.percentile(delays, 95)), dragged, last)


def main() -> int:
    """Prints the table; 1 when the widget misses a limit."""
    chromium = find_chromium()
    if chromium is None:
        print("no Chromium was found; set CHROMIUM to its path", file=sys.stderr)
        return 1
    results = {}
    with tempfile.TemporaryDirectory() as scratch, driving.browser(chromium) as running:
        folder = Path(scratch, "course")
        folder.mkdir()
        with driving.jupyterlab(folder, Path(scratch, "home")) as address:
            for name in CONTENDERS:
                results[name] = measure(running, address, folder, name)
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; limits: {KEY_LIMIT:g} ms, {SKIP_LIMIT:.0%} skipped\n")
    print(f"{'':34}{'key to pixels':>20}{'3 s of dragging, 60 moves a second':>48}")
    print(f"{'built with':34}{'median':>10}{'p95 ms':>10}{'offered':>12}{'drawn':>10}{'skipped':>12}{'k then':>10}")
    for name, (median, late, dragged, last) in results.items():
        counts = f"{dragged.offered:12}{dragged.drawn:10}{dragged.skipped:12.1%}"
        print(f"{name:34}{median:10.0f}{late:10.0f}{counts}{last:>10}")
    ours = next(iter(results.values()))
    return int(ours.late > KEY_LIMIT or ours.dragged.skipped > SKIP_LIMIT)


if __name__ == "__main__":
    sys.exit(main())
