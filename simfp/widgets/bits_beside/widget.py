"""A device's answers beside simfp's, one element at a time: choose an operation, drag through its elements.

Both codes are made here, simfp's by simfp and the device's read from a report or a recording, and sent as finished
text. The front end (widget.js) sets them: it neither adds nor rounds.
"""

from __future__ import annotations

from typing import Any

import traitlets

from simfp.figures.silicon import bits_beside as figures
from simfp.silicon import bit_comparison as experiment
from simfp.silicon.bit_comparison import Beside
from simfp.widgets.parts.base import Widget
from simfp.widgets.parts.front_end import module, style
from simfp.widgets.parts.settings import Kept, one_of, whole

__all__ = ["BitsBeside"]

PLACES = range(1000)


class BitsBeside(Widget):
    """The bits of a device's answers and of simfp's, one under the other.

    Parameters
    ----------
    report
        What `python -m simfp.gpu validate` or `operations` wrote, or `recordings.load("h200_operations")`.
    source
        What answered, and when; shown below.
    live
        Whether the device answered just now; else it was recorded.
    check
        Which operation: its name in the report. If not given, the first.
    element
        Which of its elements that the report has in full; those that differ come first. One beyond the last is that.

    `check` and `element` can be set later, in Python or on the screen. A wrong value raises ValueError or TypeError
    here; set later, the last good one is kept and `message` says why.
    """

    _esm = module("bits_beside")
    _css = style("tensor_core", "element_bits")

    check = Kept("_known", "")  # which ones there are, the report says
    element = Kept(whole("element", PLACES), 0)
    _story = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        report: dict[str, Any],
        *,
        source: str = "",
        live: bool = False,
        check: str | None = None,
        element: int = 0,
    ) -> None:
        self.rows = experiment.shown(report["rows"])
        if not self.rows:
            raise ValueError("`report` has no check whose elements can be shown")
        self.report, self.source, self.live = report, source, live
        first = next(iter(self.rows)) if check is None else self._known(check)
        super().__init__(check=first, **self.checked({"element": element}))
        self._tell()
        self.observe(self._tell, names=["check", "element"])

    def _known(self, value: Any) -> str:
        return str(one_of("check", tuple(self.rows))(value))

    def elements(self) -> list[Beside]:
        """The elements of the chosen check."""
        return experiment.beside(self.report, self.rows[self.check])

    def _told(self) -> figures.Story:
        every = self.elements()
        return figures.story(every[min(self.element, len(every) - 1)], self.live)

    def _tell(self, _change: Any = None) -> None:
        row, told = self.rows[self.check], self._told()
        apart = f"{row['differing']:,} have other bits" if row["differing"] else "0 have other bits"
        self._story = {
            "check": self.check,
            "title": told.title,
            "rows": [list(each) for each in told.rows],
            "marks": list(told.marks),
            "told": told.told,
            "count": len(self.elements()),
            "reading": f"{row['elements']:,} elements were compared: {apart}",
            "choices": [[name, name] for name in self.rows],
            "source": self.source,
        }

    def figure(self, *, dark: bool = False) -> Any:
        """The same as a static Matplotlib Figure."""
        return figures.figure(self.check, self._told(), dark=dark)

    def alternative(self) -> str:
        """What the widget shows, in words."""
        return figures.alternative(self.check, self._told(), self.source)
