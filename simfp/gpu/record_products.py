"""Records matrix products of a device: the sums of every case of `simfp.silicon.product_cases`, bit for bit."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np

from simfp.gpu.products import answer
from simfp.silicon.product_cases import CASES, Recorded, checksum

__all__ = ["products"]


def products(device: str) -> tuple[dict[str, Any], bytes]:
    """A recording of all cases, and the file of the answers: an npz, an array of float32's codes for each case."""
    answers = {case.name: answer(case, device) for case in CASES}
    file = io.BytesIO()
    np.savez_compressed(file, **answers)  # type: ignore[arg-type]
    content = file.getvalue()
    rows = [
        {
            "name": case.name,
            "inputs": checksum(case),
            "elements": int(answers[case.name].size),
            "answer": hashlib.sha256(answers[case.name].tobytes()).hexdigest(),
            "differing": Recorded(case, answers[case.name]).differing(),
        }
        for case in CASES
    ]
    recording = {
        "what": "matrix products, the sums in float32; `differing` are those that simfp's model had otherwise",
        "answers": hashlib.sha256(content).hexdigest(),
        "cases": rows,
    }
    return recording, content
