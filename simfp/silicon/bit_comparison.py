"""What a device answered, in a report or a recording, beside what simfp makes of the same: element by element."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from simfp.bits import decode
from simfp.formats import Format, as_format
from simfp.silicon.backends import Answers, Simulated, canonical, checksum, steps
from simfp.silicon.device_checks import checks, given
from simfp.silicon.operation_cases import CASES, Drawn
from simfp.tensor_core import GENERATIONS

__all__ = ["SHOWN", "Beside", "again", "beside", "made", "made_for", "shown"]

# Checks that a picture shows first: of every suite one or two, equal ones and some of the frontier.
SHOWN = (
    "gelu bfloat16", "exp float32", "div float16", "cast float32 to float8_e5m2", "sum of rows float32",
    "linear 64x64x128 float16", "softmax of 64 float32", "softmax of 4096 float32", "layer_norm of 768 bfloat16",
    "cross_entropy float32", "AdamW float32", "attention float16", "conv2d float16", "batch_norm by cuDNN float32",
)  # fmt: skip


class Beside(NamedTuple):
    """One element: what it is, what went in where one element makes it, and both codes."""

    part: str  # "result", "gradient 0"
    where: tuple[int, ...]
    given: tuple[float, ...]
    fmt: Format
    told: int  # the device's code
    made: int  # simfp's

    @property
    def equal(self) -> bool:
        """Whether the bits are the same; any NaN counts as any other."""
        told, made = self._canonical()
        return bool(told == made)

    @property
    def ulps(self) -> int:
        """How many numbers of the format the two lie apart."""
        told, made = self._canonical()
        return abs(int(steps(told, self.fmt)) - int(steps(made, self.fmt)))

    def _canonical(self) -> Any:
        return canonical(np.array([self.told, self.made], self.fmt.code_dtype), self.fmt)


@lru_cache(maxsize=32)
def made(name: str, saturates: bool = True, generation: str = "Hopper") -> Answers:
    """simfp's answers to the check called `name`, of few elements, with the tensor cores of a generation.

    Raises ValueError for one that there is not.
    """
    check = next((check for check in checks() if check.name == name), None)
    if check is None:
        raise ValueError(f"no check is called {name!r}; the recording's `rows` name them")
    with np.errstate(all="ignore"):
        return check.ask(Simulated(GENERATIONS[generation], saturates=saturates), True)


def made_for(report: dict[str, Any], name: str) -> Answers:
    """simfp's answers to a check, made as the device of a report has to be met."""
    return made(name, bool(report["fp8 saturates"]), report.get("generation", "Hopper"))


def again(report: dict[str, Any], row: dict[str, Any]) -> tuple[int, list[str]]:
    """A check made again: how many elements, and which of its answers have not the checksums of the device's."""
    ours = made_for(report, row["name"])
    differing = [name for name, answer in ours.items() if checksum(answer) != row["checksums"][name]]
    return sum(answer.codes.size for answer in ours.values()), differing


def shown(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Those of SHOWN that are among the rows, by name; all rows where none is."""
    by_name = {row["name"]: row for row in rows if row["sample"]}
    return {name: by_name[name] for name in SHOWN if name in by_name} or by_name


def beside(report: dict[str, Any], row: dict[str, Any]) -> list[Beside]:
    """The elements of a check that a report has in full, those that differ first."""
    ours, found = made_for(report, row["name"]), []
    for part, sample in row["sample"].items():
        answer = ours[part]
        fmt = as_format(answer.fmt)
        for place, code in zip(map(int, sample["places"].split()), sample["codes"].split(), strict=True):
            where = tuple(map(int, np.unravel_index(place, answer.codes.shape)))
            went_in = _given(row["name"], place, answer.codes.shape)
            found.append(Beside(part, where, went_in, fmt, int(code, 16), int(answer.codes.reshape(-1)[place])))
    return sorted(found, key=lambda each: each.equal)


def _given(name: str, place: int, shape: tuple[int, ...]) -> tuple[float, ...]:
    """What went into an element that nothing else goes into; nothing where that is not so."""
    operation, _, fmt = name.rpartition(" ")
    case = next((case for case in CASES if case.name == operation and case.suite == "elementwise"), None)
    if case is None or any(isinstance(spec, Drawn) for spec in case.inputs):
        return ()
    return tuple(float(decode(codes[place], fmt)) for codes in given(case, fmt, True) if codes.shape == shape)
