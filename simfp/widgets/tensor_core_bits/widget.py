"""A recorded product beside a tensor core of one's own making: an element that differs glows, an equal one is dark.

Every bit is computed here, by simfp, for the setting of the moment, and sent as distances and finished text. The
front end (widget.js) colours and sets them: it neither adds nor rounds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from simfp.figures.silicon import tensor_core_bits as figures
from simfp.silicon import product_cases
from simfp.silicon import tensor_core_bits as experiment
from simfp.silicon.product_cases import Recorded
from simfp.silicon.tensor_core_bits import FRACTION_BITS, LARGEST, ROUNDINGS, TERMS, Comparison
from simfp.tensor_core import TensorCore
from simfp.widgets.parts.base import Widget
from simfp.widgets.parts.front_end import module, style
from simfp.widgets.parts.settings import Kept, one_of, whole
from simfp.widgets.parts.tensor_core import core_settings

__all__ = ["TensorCoreBits"]

KEPT_AT_ONCE = 256  # settings whose comparisons are remembered
PLACE = range(LARGEST)


class TensorCoreBits(Widget):
    """The elements of a recorded product, held against a tensor core with L, F and a rounding of one's choice.

    Parameters
    ----------
    answers
        Recorded products, as `simfp.silicon.recordings.answers` gives them.
    source
        What answered, and when; shown below.
    case
        Which of them: its name in the recording. If not given, the first.
    terms
        Products of one step, L: 1, 2, 4, 8, 16 or 32.
    fraction_bits
        Bits kept of each term below the largest exponent of a step, F: 10 to 30.
    rounding
        Of the running sum: "toward_zero" or "nearest_even".
    row, column
        The element whose bits are shown; one beyond the edge is the last.

    All but the answers can be set later, in Python or on the screen; each shows what the other did. A wrong value
    raises ValueError or TypeError here; set later, the last good one is kept and `message` says why.
    """

    _esm = module("tensor_core_bits")
    _css = style("tensor_core", "element_bits")

    terms = Kept(core_settings["terms"], 4)
    fraction_bits = Kept(core_settings["fraction_bits"], 20)
    rounding = Kept(core_settings["rounding"], "nearest_even")
    case = Kept("_check_case", "")  # which ones there are, the recording says
    row = Kept(whole("row", PLACE), 0)
    column = Kept(whole("column", PLACE), 0)
    _grid = traitlets.Dict().tag(sync=True)
    _story = traitlets.Dict().tag(sync=True)

    def __init__(
        self, answers: Iterable[Recorded], *, source: str = "", case: str | None = None, **settings: Any
    ) -> None:
        self.answers = experiment.shown(answers)
        self.source = source
        if not self.answers:
            raise ValueError("`answers` holds no product whose elements can be shown")
        checked = self.checked(settings, "source", "case")
        first = next(iter(self.answers)) if case is None else self._check_case(case)
        self._compared: OrderedDict[tuple[Any, ...], Comparison] = OrderedDict()
        super().__init__(case=first, **checked)
        self._tell()
        self._tell_story()
        self.observe(self._tell, names=["terms", "fraction_bits", "rounding", "case"])
        self.observe(self._tell_story, names=["row", "column"])

    def _check_case(self, value: Any) -> str:
        return str(one_of("case", tuple(self.answers))(value))

    def core(self) -> TensorCore:
        """The unit with the parameters of the sliders."""
        return experiment.unit(self.recorded().case, self.terms, self.fraction_bits, self.rounding)

    def recorded(self) -> Recorded:
        """The recorded product that is shown."""
        return self.answers[self.case]

    def comparison(self) -> Comparison:
        """Both products' elements, with these parameters."""
        key = (self.case, self.terms, self.fraction_bits, self.rounding)
        if key not in self._compared:
            self._compared[key] = experiment.compare(self.recorded(), self.core())
            if len(self._compared) > KEPT_AT_ONCE:
                self._compared.popitem(last=False)
        return self._compared[key]

    def element(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The row and the column of inputs whose products make the chosen element, values of the case's format."""
        a, b = product_cases.values(self.recorded().case)
        m, n = self.place()
        return a[m], b[:, n]

    def place(self) -> tuple[int, int]:
        """Row and column of the chosen element."""
        rows, columns = self.recorded().answer.shape
        return min(self.row, rows - 1), min(self.column, columns - 1)

    def _tell(self, _change: Any = None) -> None:
        found = self.comparison()
        rows, columns = found.differs.shape
        self._grid = {
            "rows": rows,
            "columns": columns,
            "distances": np.where(found.differs, np.where(found.distance > 0, found.distance, 1), 0).ravel().tolist(),
            "reading": figures.reading(found),
            "equal": not found.differs.any(),
            "setting": figures.setting(self.core()),
            "terms": list(TERMS),
            "fraction_bits": [FRACTION_BITS[0], FRACTION_BITS[-1]],
            "choices": {
                "rounding": [[name, name.replace("_", " ")] for name in ROUNDINGS],
                "case": [[name, figures.label(row.case)] for name, row in self.answers.items()],
            },
            "source": self.source,
        }
        self._tell_story()

    def _tell_story(self, _change: Any = None) -> None:
        m, n = self.place()
        told = figures.story(self.recorded(), self.comparison(), self.core(), m, n)
        self._story = {
            "title": told.title,
            "rows": [list(each) for each in told.rows],
            "marks": list(told.marks),
            "told": told.told,
        }

    def figure(self, *, dark: bool = False) -> Any:
        """The same as a static Matplotlib Figure."""
        return figures.figure(self.recorded(), self.comparison(), self.core(), self.place(), dark=dark)

    def alternative(self) -> str:
        """What the widget shows, in words."""
        return figures.alternative(self.recorded(), self.comparison(), self.core(), self.place(), self.source)
