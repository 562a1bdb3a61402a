"""The command line: python -m simfp.gpu record [--device cuda] [--out lessons/recordings]."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

try:
    import torch
except ModuleNotFoundError:
    sys.exit("simfp.gpu needs torch, which is not installed: `pip install torch`, or see pytorch.org for your GPU")

from simfp.gpu import record, record_products


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m simfp.gpu", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    recorder = commands.add_parser("record", help="ask a device and keep its answers")
    recorder.add_argument("--device", default="cuda", help="a torch device (default: cuda)")
    recorder.add_argument("--out", type=Path, default=Path("lessons/recordings"), help="folder to write to")
    options = parser.parse_args(arguments)
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print("no CUDA device is available to torch; --device cpu records what the processor answers", file=sys.stderr)
        return 1
    try:
        found = record.provenance(options.device)["device"]
        name = "h100" if "H100" in found else "h200" if "H200" in found else found.lower().replace(" ", "_")
        path = options.out / f"{name}_subnormals.json"
        record.write(path, record.subnormals(options.device), options.device)
        written = [path.name]
        if options.device.startswith("cuda"):
            recording, content = record_products.products(options.device)
            record_products.write_answers(options.out / f"{name}_products.npz", content)
            record.write(options.out / f"{name}_products.json", recording, options.device)
            written += [f"{name}_products.npz", f"{name}_products.json"]
    except RuntimeError as error:
        print(f"{options.device}: {error}", file=sys.stderr)
        return 1
    print(f"{found}: wrote {', '.join(written)} to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
