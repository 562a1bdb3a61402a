"""One forward and one backward pass under autocast, operation by operation: what runs in which format, and why.

Every pass is run here, by simfp, with the settings of the moment; the front end (widget.js) shows its steps.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import traitlets

from simfp.experiments.mixed_precision.autocast_blocks import BLOCKS, follow
from simfp.figures.mixed_precision import autocast_trace as figures
from simfp.figures.palette import look
from simfp.formats import as_format
from simfp.tracing import Trace
from simfp.widgets.parts.base import Widget
from simfp.widgets.parts.front_end import module, style
from simfp.widgets.parts.settings import Kept, one_of, switch, whole

__all__ = ["AutocastTrace"]

DTYPES = ("float16", "bfloat16")
MOST_STEPS = 999


@cache
def _followed(block: str, dtype: str, enabled: bool, cache_enabled: bool) -> Trace:
    return follow(block, dtype, enabled, cache_enabled)


class AutocastTrace(Widget):
    """The operations of a small network's forward and backward pass under autocast, one after the other.

    Parameters
    ----------
    block
        The network: "transformer", "cnn", "shared" (one layer used three times) or "island" (a region within in which
        autocast is off).
    dtype
        What autocast runs products in: "float16" or "bfloat16".
    enabled, cache_enabled
        As autocast takes them.
    step
        Which step is told of, from 0, forward pass first; one beyond the last is the last.

    All of them can be set later, in Python or on the screen. A wrong value raises ValueError or TypeError here; set
    later, the last good one is kept and `message` says why.
    """

    _esm = module("autocast_trace")
    _css = style("autocast_trace")

    block = Kept(one_of("block", tuple(BLOCKS)), "transformer")
    dtype = Kept(one_of("dtype", DTYPES), "float16")
    enabled = Kept(switch("enabled"), True)
    cache_enabled = Kept(switch("cache_enabled"), True)
    step = Kept(whole("step", range(MOST_STEPS)), 0)
    _table = traitlets.Dict().tag(sync=True)

    def __init__(self, block: str = "transformer", **settings: Any) -> None:
        super().__init__(**self.checked({"block": block, **settings}))
        self._tell()
        self.observe(self._tell, names=["block", "dtype", "enabled", "cache_enabled"])

    def trace(self) -> Trace:
        """The trace of the pass that is on the screen."""
        return _followed(self.block, self.dtype, self.enabled, self.cache_enabled)

    def title(self) -> str:
        """What runs, with which settings."""
        off = "" if self.enabled else ", enabled=False"
        cached = "" if self.cache_enabled else ", cache_enabled=False"
        return f"{BLOCKS[self.block].what}: autocast(dtype={self.dtype}{off}{cached})"

    def _chosen(self) -> int:
        return min(int(self.step), len(figures.stops(self.trace())) - 1)

    def _tell(self, _change: Any = None) -> None:
        trace = self.trace()
        looks = {name: look(as_format(name)) for name in ("float32", *DTYPES)}
        self._table = {
            "choices": {
                "block": [[name, row.what] for name, row in BLOCKS.items()],
                "dtype": [[name, looks[name].label] for name in DTYPES],
            },
            "looks": {name: {"label": each.label, "color": each.color} for name, each in looks.items()},
            "title": self.title(),
            "reading": figures.reading(trace),
            "legend": figures.LEGEND,
            "rows": [
                {
                    "layer": step.layer,
                    "operation": step.operation,
                    "rule": figures.brief(step),
                    "casts": [list(each) for each in figures.casts(step)],
                }
                for step in trace.forward
            ],
            "stops": [
                {
                    "row": stop.row, "place": stop.place, "fmt": stop.fmt, "title": stop.title,
                    "lines": list(stop.lines), "why": stop.why, "cast": stop.cast,
                }
                for stop in figures.stops(trace)
            ],
        }  # fmt: skip

    def figure(self, *, dark: bool = False) -> Any:
        """The same as a static Matplotlib Figure."""
        return figures.figure(self.trace(), self.title(), self._chosen(), dark=dark)

    def alternative(self) -> str:
        """What the widget shows, in words."""
        return figures.alternative(self.trace(), self.title(), self._chosen())
