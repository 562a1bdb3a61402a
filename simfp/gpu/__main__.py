"""The command line: python -m simfp.gpu validate | record | operations | training | measure | orders | probe, and more.

validate holds all that a device answers against simfp; compare sets two of its reports against each other; the others
ask a device and keep its answers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simfp import whole_files
from simfp.commands import typed
from simfp.silicon import compare

try:
    import torch
except ModuleNotFoundError:
    if sys.argv[1:2] == ["compare"]:  # which needs none
        sys.exit(compare.main(sys.argv[2:]))
    install = f"`{typed('pip')} install torch`"
    sys.exit(f"simfp.gpu needs torch, which is not installed: {install}, or see pytorch.org for your GPU")

from simfp.gpu import (
    approximations,
    measure,
    orders,
    probe,
    quality,
    record,
    record_products,
    split_k_products,
    training,
    validate_command,
)
from simfp.gpu.on_device import generation_of
from simfp.gpu.products import TYPES
from simfp.ops import cuda_math

PROBED = ("float16", "bfloat16", "tfloat32", "float32")


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; the exit status."""
    parser = argparse.ArgumentParser(prog=typed("simfp.gpu"), description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    recorder = commands.add_parser("record", help="ask a device and keep its answers")
    grid = commands.add_parser("orders", help="find the order of every product of a grid of shapes, and keep it")
    halves = commands.add_parser("half-products", help="find how products with 16-bit results are summed, and keep it")
    operations = commands.add_parser("operations", help="ask for every operation, and keep checksums of the answers")
    tabulator = commands.add_parser(
        "approximations", help="ask for 2^x, 1/x and 1/sqrt(x) of every argument; keep them"
    )
    reader = commands.add_parser("lesson", help="run the validation lesson with this GPU, and keep it with its figures")
    trainer = commands.add_parser("training", help="train some networks, and keep what came of it, bit for bit")
    meter = commands.add_parser("measure", help="measure memory and speed: GPT-2, products, a roofline; and keep it")
    judge = commands.add_parser("quality", help="train small language models under four recipes, and keep their losses")
    prober = commands.add_parser("probe", help="find in which order a device sums, and what its steps keep")
    for command in (recorder, operations, trainer, meter, judge, grid, halves, prober, tabulator, reader):
        command.add_argument("--device", default="cuda", help="a torch device (default: cuda)")
    for command in (recorder, operations, trainer, meter, judge, grid, halves, reader):
        command.add_argument("--out", type=Path, default=Path("lessons/recordings"), help="folder to write to")
    tabulator.add_argument("--out", type=Path, default=Path(), help="folder to write to (default: this one)")
    grid.add_argument("--format", choices=orders.FORMATS, action="append", help="of the inputs (default: all)")
    grid.add_argument("--like", action="append", help="a recording of orders to compare a sample of its shapes with")
    recorder.add_argument("--checksums", action="store_true", help="keep a checksum of each product's answer only")
    for command in (grid, halves):
        command.add_argument("--seconds", type=float, default=3600.0, help="stop after so long (default: 3600)")
    judge.add_argument("--seconds", type=float, default=120.0, help="how long all runs may take (default: 120)")
    prober.add_argument("--format", choices=[*TYPES], action="append", help="of the inputs (default: the four widest)")
    prober.add_argument("--promoted", action="store_true", help="fp8: add up in float32 each 128, not in the core only")
    prober.add_argument("--out", type=Path, help="a JSON file to write what was found to")
    prober.add_argument("--shape", type=int, nargs=3, default=(64, 100, 64), metavar=("M", "K", "N"))
    prober.add_argument("--draw", type=Path, metavar="FILE", help="draw the tree too: a .png or .svg, for each format")
    validate_command.add_to(commands)
    commands.add_parser("compare", help="set two reports of validate, or recordings of operations, against each other")
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["compare"]:
        return compare.main(given[1:])
    options = parser.parse_args(given)
    if options.command != "validate" and options.device.startswith("cuda") and not torch.cuda.is_available():
        print("no CUDA device is available to torch; --device cpu records what the processor answers", file=sys.stderr)
        return 1
    try:
        if options.command == "validate":
            return validate_command.validate(options)
        if options.command == "probe":
            return _probe(options)
        return _record(options)
    except (OSError, RuntimeError, ValueError) as error:
        print(f"{options.device}: {error}", file=sys.stderr)
        return 1


Make = Callable[[argparse.Namespace], dict[str, Any]]
RECORDINGS: dict[str, Make] = {  # of one file each
    "training": lambda options: training.training(options.device),
    "operations": lambda options: validate_command.operations(options.device),
    "measure": lambda options: measure.measure(options.device),
    "quality": lambda options: quality.quality(options.device, seconds=options.seconds),
    "half-products": lambda options: split_k_products.half_products(options.device, options.seconds),
}


def _record(options: argparse.Namespace) -> int:
    """Writes the recordings of any command but `validate` and `probe`."""
    found = record.provenance(options.device)["device"]
    name = "h100" if "H100" in found else "h200" if "H200" in found else found.split(",")[0].lower().replace(" ", "_")
    if options.command in RECORDINGS:
        path = options.out / f"{name}_{options.command.replace('-', '_')}.json"
        record.write(path, RECORDINGS[options.command](options), options.device, options.command)
        written = [path.name]
    elif options.command == "approximations":
        path = options.out / f"{generation_of(options.device)[0].name.lower()}_approximations.npz"
        known = cuda_math.provenance()["tables"]
        for table, digest in approximations.write(path, options.device).items():
            print(
                f"{table}: {'the answers that simfp has' if digest == known[table] else 'other answers than simfp has'}"
            )
        written = [path.name]
    elif options.command == "lesson":
        from simfp.gpu import lesson  # and with it nbclient, which nothing else here needs

        path = options.out / f"{name}_lesson_12.ipynb"
        lesson.write(path, options.device)
        written = [path.name]
    elif options.command == "orders":
        written = _record_orders(options, name)
    else:
        written = _record_products(options, name)
    print(f"{found}: wrote {', '.join(written)} to {options.out}")
    return 0


def _record_orders(options: argparse.Namespace, name: str) -> list[str]:
    if options.like:
        path = options.out / f"{name}_orders.json"
        made = orders.compared(options.device, options.like, options.seconds)
        asked = " ".join(["orders", *(f"--like {each}" for each in options.like)])
    else:
        path = options.out / ("_".join([name, "orders", *(options.format or ())]) + ".json")
        made = orders.orders(options.device, options.seconds, options.format or orders.FORMATS)
        asked = " ".join(["orders", *(f"--format {fmt}" for fmt in options.format or ())])
    record.write(path, made, options.device, asked)
    return [path.name]


def _record_products(options: argparse.Namespace, name: str) -> list[str]:
    path = options.out / f"{name}_subnormals.json"
    record.write(path, record.subnormals(options.device), options.device)
    written = [path.name]
    if options.device.startswith("cuda"):
        recording, content = record_products.products(options.device)
        if options.checksums:
            del recording["answers"]
        else:
            whole_files.write(options.out / f"{name}_products.npz", content)
            written.append(f"{name}_products.npz")
        asked = "record --checksums" if options.checksums else "record"
        record.write(options.out / f"{name}_products.json", recording, options.device, asked)
        written.append(f"{name}_products.json")
    return written


def _probe(options: argparse.Namespace) -> int:
    """Prints what was found out; keeps it, and draws it, where that is asked for."""
    on_cpu = not options.device.startswith("cuda")
    formats = options.format or (PROBED[3:] if on_cpu else PROBED)
    if options.draw:
        from simfp.figures.numbers import summation_tree  # and with it Matplotlib, which nothing else here needs

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
