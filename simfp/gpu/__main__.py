"""The command line: python -m simfp.gpu record | training | orders | half-products | probe."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

try:
    import torch
except ModuleNotFoundError:
    sys.exit("simfp.gpu needs torch, which is not installed: `pip install torch`, or see pytorch.org for your GPU")

from simfp.gpu import half_products, orders, probe, record, record_products, training
from simfp.gpu.products import TYPES

PROBED = ("float16", "bfloat16", "tfloat32", "float32")


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m simfp.gpu", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    recorder = commands.add_parser("record", help="ask a device and keep its answers")
    grid = commands.add_parser("orders", help="find the order of every product of a grid of shapes, and keep it")
    halves = commands.add_parser("half-products", help="find how products with 16-bit results are summed, and keep it")
    trainer = commands.add_parser("training", help="train some networks, and keep what came of it, bit for bit")
    prober = commands.add_parser("probe", help="find in which order a device sums, and what its steps keep")
    for command in (recorder, trainer, grid, halves, prober):
        command.add_argument("--device", default="cuda", help="a torch device (default: cuda)")
    for command in (recorder, trainer, grid, halves):
        command.add_argument("--out", type=Path, default=Path("lessons/recordings"), help="folder to write to")
    grid.add_argument("--format", choices=orders.FORMATS, action="append", help="of the inputs (default: all)")
    grid.add_argument("--like", action="append", help="a recording of orders to compare a sample of its shapes with")
    recorder.add_argument("--checksums", action="store_true", help="keep a checksum of each product's answer only")
    for command in (grid, halves):
        command.add_argument("--seconds", type=float, default=3600.0, help="stop after so long (default: 3600)")
    prober.add_argument("--format", choices=[*TYPES], action="append", help="of the inputs (default: the four widest)")
    prober.add_argument("--promoted", action="store_true", help="fp8: add up in float32 each 128, not in the core only")
    prober.add_argument("--out", type=Path, help="a JSON file to write what was found to")
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
    """Writes the recordings of `record`, `training`, `orders` or `half-products`."""
    found = record.provenance(options.device)["device"]
    name = "h100" if "H100" in found else "h200" if "H200" in found else found.split(",")[0].lower().replace(" ", "_")
    written = []
    if options.command == "training":
        path = options.out / f"{name}_training.json"
        record.write(path, training.training(options.device), options.device, "training")
        written.append(path.name)
    elif options.command == "half-products":
        path = options.out / f"{name}_half_products.json"
        record.write(
            path, half_products.half_products(options.device, options.seconds), options.device, "half-products"
        )
        written.append(path.name)
    elif options.command == "orders" and options.like:
        path = options.out / f"{name}_orders.json"
        made = orders.compared(options.device, options.like, options.seconds)
        record.write(path, made, options.device, " ".join(["orders", *(f"--like {each}" for each in options.like)]))
        written.append(path.name)
    elif options.command == "orders":
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
            if options.checksums:
                del recording["answers"]
            else:
                record_products.write_answers(options.out / f"{name}_products.npz", content)
                written.append(f"{name}_products.npz")
            asked = "record --checksums" if options.checksums else "record"
            record.write(options.out / f"{name}_products.json", recording, options.device, asked)
            written.append(f"{name}_products.json")
    print(f"{found}: wrote {', '.join(written)} to {options.out}")
    return 0


def _probe(options: argparse.Namespace) -> int:
    """Prints what was found out; keeps it, and draws it, where that is asked for."""
    on_cpu = not options.device.startswith("cuda")
    formats = options.format or (PROBED[3:] if on_cpu else PROBED)
    if options.draw:
        from simfp.figures import summation_tree  # and with it Matplotlib, which nothing else here needs

        summation_tree.check_name(options.draw)
    findings = []
    for fmt in formats:
        findings.append(probe.probe(options.device, fmt, tuple(options.shape), fast=not options.promoted))
        print(probe.report(findings[-1]), end="\n\n")
        if options.draw:
            file = options.draw if len(formats) == 1 else options.draw.with_stem(f"{options.draw.stem}_{fmt}")
            print(f"wrote {summation_tree.save(findings[-1].tree, file, findings[-1].what)}", end="\n\n")
    if options.out:
        asked = ["probe", *(f"--format {fmt}" for fmt in options.format or ()), *["--promoted"] * options.promoted]
        asked += [f"--device {options.device}"] * on_cpu + [f"--shape {' '.join(map(str, options.shape))}"]
        record.write(options.out, probe.recording(findings), options.device, " ".join(asked))
        print(f"wrote {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
