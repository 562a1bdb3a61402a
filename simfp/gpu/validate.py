"""Validation: every check asked of a device and of simfp, the two held side by side, and one report of all."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from simfp.bits import decode
from simfp.figures.words import decimal
from simfp.formats import as_format
from simfp.gpu.on_device import OnDevice, first_line
from simfp.silicon.backends import Answer, Answers, CannotAsk, Compared, Noted, Simulated, checksum, compare
from simfp.silicon.device_checks import Check
from simfp.silicon.frontier import FRONTIER

__all__ = ["Asked", "ask", "element", "row_of", "run"]

SAMPLE = 12  # codes of an answer that a report has in full


class Asked(NamedTuple):
    """Both sides of one check."""

    told: Answers  # the device's
    made: Answers  # simfp's
    seconds: tuple[float, float]
    inputs: str  # a checksum of what went in


def ask(check: Check, device: OnDevice, model: Simulated, *, quick: bool) -> Asked:
    """The answers of both.

    Raises CannotAsk where the device gives none, and what simfp raises.
    """
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    began = time.perf_counter()
    try:
        with torch.device(device.device):
            told = check.ask(device, quick)
    except torch.OutOfMemoryError as error:
        raise CannotAsk("the GPU's memory does not suffice, or others use it") from error
    except (RuntimeError, NotImplementedError, AttributeError, LookupError) as error:
        raise CannotAsk(first_line(error)) from error
    between = time.perf_counter()
    with np.errstate(all="ignore"):
        noted = Noted(model)
        made = check.ask(noted, quick)
    return Asked(told, made, (between - began, time.perf_counter() - between), noted.inputs.hexdigest())


def run(checks: Sequence[Check], device: OnDevice, model: Simulated, *, quick: bool) -> Iterator[dict[str, Any]]:
    """A row of the report for each check, as it is done. Where simfp itself fails, it differs."""
    for check in checks:
        try:
            refused = _refused(check, device, model)
            if refused:
                raise CannotAsk(refused)
            row = row_of(check, ask(check, device, model, quick=quick), judged=_judged(check, device))
        except CannotAsk as error:
            row = _without_answers(check, "not asked", first_line(error))
        except Exception as error:
            row = _without_answers(check, "DIFFERS", f"simfp fails with {type(error).__name__}: {first_line(error)}")
        yield row


def _without_answers(check: Check, verdict: str, why: str) -> dict[str, Any]:
    """The row of a check that came to nothing."""
    return {
        "name": check.name,
        "suite": check.suite,
        "verdict": verdict,
        "why": why,
        "elements": 0,
        "differing": 0,
        "worst_ulp": 0,
        "seconds": [0.0, 0.0],
        "checksums": {},
        "answers": {},
    }


def _judged(check: Check, device: OnDevice) -> bool:
    return check.everywhere or device.device.startswith("cuda")


def _refused(check: Check, device: OnDevice, model: Simulated) -> str:
    """Why a check cannot be asked of these two."""
    if check.needs and check.needs != "float32" and as_format(check.needs) not in model.generation.cores:
        return f"{model.generation.name}'s tensor cores do not take {check.needs}"
    return ""


def row_of(check: Check, asked: Asked, *, judged: bool = True) -> dict[str, Any]:
    """What a report tells of a check.

    Raises ValueError where the two sides do not answer the same questions.
    """
    if asked.told.keys() != asked.made.keys():
        raise ValueError(f"{check.name}: the answers are not of one kind: {[*asked.told]} and {[*asked.made]}")
    answers = {name: compare(asked.told[name], made) for name, made in asked.made.items()}
    differing = sum(each.differing for each in answers.values())
    worst = max((each.worst_ulp for each in answers.values()), default=0)
    if not differing:
        verdict = "equal"
    elif not judged:
        verdict = "not judged"
    else:
        verdict = "frontier" if _within(check.frontier, answers) else "DIFFERS"
    return {
        "name": check.name,
        "suite": check.suite,
        "verdict": verdict,
        "frontier": check.frontier,
        "elements": sum(each.elements for each in answers.values()),
        "differing": differing,
        "worst_ulp": worst,
        "of_largest": max((each.of_largest for each in answers.values()), default=0.0),
        "seconds": [round(each, 3) for each in asked.seconds],
        "inputs": asked.inputs,
        "checksums": {name: checksum(each) for name, each in asked.told.items()},
        "sample": {
            name: _sample(asked.told[name], each.places)
            for name, each in answers.items()
            if each.differing or name == next(iter(answers))
        },
        "answers": {name: each._asdict() for name, each in answers.items() if each.differing},
        "first": _first(answers),
    }


def _sample(told: Answer, differing: list[int]) -> dict[str, str]:
    """Some of the device's codes in full: evenly spaced ones, and the first few that differ."""
    codes = told.codes.reshape(-1)
    places = np.unique(np.concatenate([np.linspace(0, codes.size - 1, SAMPLE).astype(int), differing])).astype(int)
    digits = as_format(told.fmt).bits // 4
    return {
        "format": told.fmt,
        "places": " ".join(map(str, places)),
        "codes": " ".join(f"{code:0{digits}x}" for code in codes[places].tolist()),
    }


def _within(frontier: str, answers: dict[str, Compared]) -> bool:
    """Whether what differs stays within what the frontier says."""
    if not frontier:
        return False
    bound = FRONTIER[frontier]
    return all(
        (each.worst_ulp if bound.of == "element" else each.of_largest) <= bound.ulps for each in answers.values()
    )


def _first(answers: dict[str, Any]) -> int | None:
    """The number of the first element that differs, counted through all answers of a check."""
    before = 0
    for each in answers.values():
        if each.places:
            return before + int(each.places[0])
        before += each.elements
    return None


def element(asked: Asked, number: int) -> str:
    """One element of a check's answers, counted through them, in bits.

    Raises ValueError for a number that is none.
    """
    before = 0
    for name, made in asked.made.items():
        place = number - before
        if 0 <= place < made.codes.size:
            where = tuple(map(int, np.unravel_index(place, made.codes.shape)))
            lines = [
                f"{name}, element {list(where) if where else 'alone'} of shape {list(made.codes.shape)}, {made.fmt}"
            ]
            for side, answer in (("the device", asked.told[name]), ("simfp", made)):
                lines.append(f"{side:>10}  {in_bits(answer, place)}")
            told, ours = (Answer(x.codes.reshape(-1)[[place]], x.fmt) for x in (asked.told[name], made))
            found = compare(told, ours)
            apart = f"{found.worst_ulp} ulp apart" if found.worst_ulp else "different bits of one value"
            lines.append(apart if found.differing else "the same bits")
            return "\n".join(lines)
        before += made.codes.size
    raise ValueError(f"this check has elements 0 to {before - 1}, got {number}")


def in_bits(answer: Answer, place: int) -> str:
    """Sign, exponent and mantissa of one element, its code and its value."""
    fmt = as_format(answer.fmt)
    code = int(answer.codes.reshape(-1)[place])
    digits = f"{code:0{fmt.bits}b}"
    parts = digits[0], digits[1 : fmt.bits - fmt.mantissa_bits], digits[fmt.bits - fmt.mantissa_bits :]
    value = float(decode(np.array(code, fmt.code_dtype), fmt))
    return f"{' '.join(parts)}  0x{code:0{fmt.bits // 4}x}  {decimal(value)}"
