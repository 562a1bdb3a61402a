"""The command line: python -m simfp.gpu record | orders | probe."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

try:
    import torch
except ModuleNotFoundError:
    sys.exit("simfp.gpu needs torch, which is not installed: `pip install torch`, or see pytorch.org for your GPU")

from simfp.gpu import orders, probe, record, record_products
from simfp.gpu.products import TYPES

PROBED = ("float16", "bfloat16", "tfloat32", "float32")


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m simfp.gpu", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    recorder = commands.add_parser("record", help="ask a device and keep its answers")
    grid = commands.add_parser("orders", help="find the order of every product of a grid of shapes, and keep it")
    prober = commands.add_parser("probe", help="find in which order a device sums, and what its steps keep")
    for command in (recorder, grid, prober):
        command.add_argument("--device", default="cuda", help="a torch device (default: cuda)")
    for command in (recorder, grid):
        command.add_argument("--out", type=Path, default=Path("lessons/recordings"), help="folder to write to")
    grid.add_argument("--format", choices=orders.FORMATS, action="append", help="of the inputs (default: all)")
    grid.add_argument("--seconds", type=float, default=3600.0, help="stop after so long (default: 3600)")
    prober.add_argument("--format", choices=[*TYPES], action="append", help="of the inputs (default: the four widest)")
    prober.add_argument("--shape", type=int, nargs=3, default=(64, 100, 64), metavar=("M", "K", "N"))
    prober.add_argument("--draw", type=Path, metavar="FILE", help="draw the tree too: a .png or .svg, for each format")
    options = parser.parse_args(arguments)
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print("no CUDA device is available to torch; --device cpu records what the processor answers", file=sys.stderr)
        return 1
    try:
        if options.command == "probe":
            return _probe(options)
        return _record(options)
    except (OSError, RuntimeError, ValueError) as error:
        print(f"{options.device}: {error}", file=sys.stderr)
        return 1


def _record(options: argparse.Namespace) -> int:
    """Writes the recordings of `record` or `orders`."""
    found = record.provenance(options.device)["device"]
    name = "h100" if "H100" in found else "h200" if "H200" in found else found.lower().replace(" ", "_")
    written = []
    if options.command == "orders":
        formats = options.format or orders.FORMATS
        path = options.out / "_".join([name, "orders", *(options.format or ())])
        asked = " ".join(["orders", *(f"--format {fmt}" for fmt in options.format or ())])
        made = orders.orders(options.device, options.seconds, formats)
        record.write(path.with_suffix(".json"), made, options.device, asked)
        written.append(f"{path.name}.json")
    else:
        path = options.out / f"{name}_subnormals.json"
        record.write(path, record.subnormals(options.device), options.device)
        written.append(path.name)
        if options.device.startswith("cuda"):
            recording, content = record_products.products(options.device)
            record_products.write_answers(options.out / f"{name}_products.npz", content)
            record.write(options.out / f"{name}_products.json", recording, options.device)
            written += [f"{name}_products.npz", f"{name}_products.json"]
    print(f"{found}: wrote {', '.join(written)} to {options.out}")
    return 0


def _probe(options: argparse.Namespace) -> int:
    """Prints what was found out, and draws it where that was asked for."""
    on_cpu = not options.device.startswith("cuda")
    formats = options.format or (PROBED[3:] if on_cpu else PROBED)
    if options.draw:
        from simfp.figures import summation_tree  # and with it Matplotlib, which nothing else here needs

        summation_tree.check_name(options.draw)
    for fmt in formats:
        finding = probe.probe(options.device, fmt, tuple(options.shape))
        print(probe.report(finding), end="\n\n")
        if options.draw:
            file = options.draw if len(formats) == 1 else options.draw.with_stem(f"{options.draw.stem}_{fmt}")
            print(f"wrote {summation_tree.save(finding.tree, file, finding.what)}", end="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
