"""Records what the mixed-precision scripts of `tests/scripts` come to on a GPU.

    python -m tests.record_scripts --out lessons/recordings

Needs torch and NumPy, nothing of simfp. Writes one JSON file, named after the device: of every script the losses,
scales and norms of all its steps, checksums of the weights at the end, and which device and software it ran on.
`--device cpu` tries it out without a GPU, where torch switches CUDA's autocast and scaler off.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests import script_runs


def recorded(name: str) -> dict[str, Any]:
    """What a script came to: lists of float32 or float64 numbers in base64, and the checksum of each weight."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = script_runs.under_torch(name, Path(folder))
    text = script_runs.source(name)
    weights = {
        key: script_runs.checksum(p.detach().cpu().numpy()) for key, p in outcome.names["model"].named_parameters()
    }
    return {
        "name": name,
        "script": hashlib.sha256(text.encode()).hexdigest(),
        "steps": len(outcome.lists["losses"]),
        "lists": {
            key: base64.b64encode(np.array(values, np.float64).tobytes()).decode()
            for key, values in outcome.lists.items()
        },
        "weights": weights,
        "warned": outcome.warned,
    }


def provenance(device: str) -> dict[str, Any]:
    """Which device it was, with which driver and software, and when."""
    found: dict[str, Any] = {"device": "CPU", "driver": "none", "cuda": "none"}
    if device == "cuda":
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        driver = subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()[0]
        found = {"device": torch.cuda.get_device_name(), "driver": driver, "cuda": torch.version.cuda}
    return found | {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "date": datetime.now(UTC).date().isoformat(),
        "script": "python -m tests.record_scripts",
    }


def write(content: dict[str, Any], told: dict[str, Any], folder: Path, name: str) -> str:
    """Writes a recording, whole or not at all, with its provenance and its checksum; the file's name."""
    content |= {"provenance": told}
    content["sha256"] = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    short = next((each for each in ("h100", "h200") if each.upper() in told["device"]), told["device"].lower())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{short}_{name}.json"
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(content, indent=1) + "\n")
    beside.replace(path)
    return path.name


def main(arguments: list[str] | None = None) -> int:
    """Runs all mixed-precision scripts and writes the recording; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.record_scripts", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--out", type=Path, default=Path("lessons/recordings"), help="folder to write to")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("no CUDA device is available to torch; --device cpu tries the scripts out", file=sys.stderr)
        return 1
    rows = []
    for name in script_runs.MIXED:
        rows.append(recorded(name))
        losses = np.frombuffer(base64.b64decode(rows[-1]["lists"]["losses"]))
        print(f"{name}: loss {losses[0]:.4f} to {losses[-1]:.4f} in {len(losses)} steps", flush=True)
    content = {"what": "mixed-precision scripts: losses, scales and norms of every step", "runs": rows}
    print(f"wrote {write(content, provenance(options.device), options.out, 'scripts')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
