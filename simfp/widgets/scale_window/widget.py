"""A loss scale to drag: what it does to every layer's gradients, and the window between too small and too large.

For every scale ahead a real backward pass was made by simfp; counts and finished texts are sent. The front end
(widget.js) looks up and draws. Another network than the first is trained in a thread, and can be stopped.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import traitlets

from simfp.experiments.mixed_precision.loss_scale import FATES, MOMENTS, SCALES, Exploration, Window, windows
from simfp.experiments.training.tasks import TASKS
from simfp.figures.mixed_precision import loss_scale as figures
from simfp.figures.mixed_precision import scale_words as words
from simfp.figures.palette import FORMATS
from simfp.figures.words import power_of_two, scale
from simfp.widgets.parts.base import Widget
from simfp.widgets.parts.front_end import module, style
from simfp.widgets.parts.running import Runner
from simfp.widgets.parts.settings import Kept, one_number, one_of, whole

__all__ = ["ScaleWindow"]


class ScaleWindow(Widget):
    """The loss is multiplied by 2**k: which gradients come through fp16, layer by layer.

    Parameters
    ----------
    k
        A whole number from -4 to 30.
    network
        One of the tasks of `simfp.experiments.training.tasks`: "mlp", "deep", "cnn" or "gpt". The first one is trained
        at once; those chosen later in a thread.
    step
        After how many steps of training: 0, 100, 200 or 300.

    All can be set later, in Python or on the screen; each shows what the other did. A wrong value raises ValueError
    here; set later, the last good one is kept and `message` says why.
    """

    _esm = module("scale_window")
    _css = style("loss_scale")

    k = Kept(whole("k", SCALES), 0)
    network = Kept(one_of("network", tuple(TASKS)), "deep")
    step = Kept(one_number("step", MOMENTS), 0)
    _table = traitlets.Dict().tag(sync=True)
    _work = traitlets.Dict().tag(sync=True)  # how far the training of a network is

    def __init__(self, k: int = 0, *, network: str = "deep", step: int = 0) -> None:
        settings = self.checked({"k": k, "network": network, "step": step})
        self._found: dict[str, tuple[Window, ...]] = {network: windows(network)}
        self._shown = network
        self._job: Exploration | None = None
        self.runner = Runner(self._show)
        super().__init__(**settings)
        self._tell()
        self.observe(self._choose, names="network")
        self.on_msg(lambda _widget, button, _buffers: self.stop() if button == "stop" else None)

    def windows(self) -> tuple[Window, ...]:
        """What is shown: a window for each moment."""
        return self._found[self._shown]

    def _choose(self, change: Any) -> None:
        """Shows another network, trained before or from now on."""
        name = change["new"]
        if self.runner.at_work:
            self.runner.stop()
            self.runner.wait()
        if name in self._found:
            self._job = None
            self._shown = name
            self._tell()
        elif name != self._shown:
            self._job = Exploration(name)
            self.runner.start(self._job)

    def stop(self) -> None:
        """Gives up the training of another network, and stays with the one that is shown."""
        self.runner.stop()
        self.network = self._shown

    def _show(self, items: list[float]) -> None:
        """Called by the runner: how far the work is."""
        job = self._job
        if job is None:
            return
        if self.runner.state == "finished":
            self._found[job.training.settings.task] = tuple(job.windows)
            self._job, self._shown = None, job.training.settings.task
            self._tell()
            return
        if self.runner.state == "failed":
            self.message = f"{self.runner.error}; {self._shown} stays"
            self._job, self.network = None, self._shown
        working = self.runner.at_work
        told = f"{job.training.settings.task}: {job.done:.0%} of training and backward passes" if working else ""
        self._work = {"words": told, "share": job.done, "working": working}

    def _tell(self) -> None:
        self._work = {"words": "", "share": 0.0, "working": False}
        self._table = table(self.windows())

    def figure(self, *, dark: bool = False) -> Any:
        """The same as a static Matplotlib Figure."""
        return figures.figure(self.windows(), self.step, self.k, dark=dark)

    def alternative(self) -> str:
        """What the widget shows, in words."""
        return figures.alternative(self.windows(), self.step, self.k)


@cache
def table(found: tuple[Window, ...]) -> dict[str, Any]:
    """All that the front end draws and says, at every scale and moment."""
    return {
        "scales": [SCALES[0], SCALES[-1]],
        "ticks": [[k, power_of_two(k)] for k in SCALES if k % 4 == 0],
        "factors": [scale(2.0**k) for k in SCALES],
        "color": FORMATS["float16"].color,
        "networks": [[name, f"{name}: {task.what}"] for name, task in TASKS.items()],
        "fates": [[fate, *(words.TEXTURES[fate][i] for i in (0, 2))] for fate in words.TEXTURES],
        "moments": [_moment(window) for window in found],
    }


def _moment(window: Window) -> dict[str, Any]:
    order = [FATES.index(fate) for fate in words.TEXTURES]
    layers = []
    for place, (name, counts) in enumerate(figures.rows(window)):
        told = [words.shares(window, k, place - 1 if place else None) for k in SCALES]
        fits = window.fits(place - 1 if place else None)
        layers.append(
            {
                "name": words.layer_label(name),
                "counts": counts[:, order].tolist(),
                "texts": [[row[fate] for fate in words.TEXTURES] for row in told],
                "fits": [fits[0], fits[-1]] if fits else None,
            }
        )
    return {
        "step": window.step,
        "name": words.moment(window),
        "window": words.span(window.fits()),
        "readings": [words.reading(window, k) for k in SCALES],
        "layers": layers,
    }
