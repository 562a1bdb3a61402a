"""Takes the picture that the README shows: `make images`. The words for it are the widget's own."""

from pathlib import Path
from tempfile import TemporaryDirectory

from simfp.widgets import Underflow
from tests.browser import driving
from tests.conftest import find_chromium

SETTINGS = {"k": 4, "show": "gradients", "formats": ["fp16", "bf16", "fp8_e5m2"], "close_up": True}
CELL = f"from simfp.widgets import Underflow\n\nUnderflow(**{SETTINGS!r})"
PICTURE = driving.REPOSITORY / "lessons" / "images" / "underflow.png"


def slider() -> Underflow:
    """The slider that the picture shows."""
    return Underflow(**SETTINGS)


def main() -> None:
    """Writes the picture of the slider at work in JupyterLab."""
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("no Chromium or Chrome was found; install one, or set CHROMIUM to its path")
    with TemporaryDirectory() as name, driving.browser(chromium) as browser:
        folder = Path(name)
        driving.write_notebook(folder / "slider.ipynb", CELL)
        with driving.jupyterlab(folder, folder / "home") as address:
            page = browser.new_page(viewport={"width": 1000, "height": 1400})
            driving.Lesson(page, address, "slider.ipynb").run_all()
            widget = page.locator(".simfp-underflow")
            widget.get_by_role("slider").focus()
            widget.screenshot(path=PICTURE)
    print(f"wrote {PICTURE.relative_to(driving.REPOSITORY)}")


if __name__ == "__main__":
    main()
