"""The command line: python -m simfp explain 6e-8 fp16, and python -m simfp formats."""

from __future__ import annotations

import argparse
import sys

from simfp.commands import typed
from simfp.explain import explain
from simfp.formats import NAMED_FORMATS
from simfp.rounding import ROUNDING_MODES


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; the exit status."""
    parser = argparse.ArgumentParser(prog=typed("simfp"), description="Number formats, to the last bit.")
    commands = parser.add_subparsers(dest="command", required=True)
    story = commands.add_parser("explain", help="tell the story of one rounding")
    story.add_argument("number", help="6e-8, 0x1.8p-14, 2^-24, inf, ...")
    story.add_argument("format", help="fp16, bf16, e4m3, ... (see `formats`)")
    story.add_argument("--rounding", default="nearest_even", help=", ".join(ROUNDING_MODES))
    story.add_argument("--subnormals", default="keep", help="keep or flush")
    story.add_argument("--overflow", default="inf", help="inf or saturate")
    commands.add_parser("formats", help="list the named formats")
    given = [f" {word}" if _is_negative_number(word) else word for word in arguments or sys.argv[1:]]
    options = parser.parse_args(given)
    if options.command == "formats":
        print(table_of_formats())
        return 0
    try:
        told = explain(
            options.number, options.format, options.rounding, subnormals=options.subnormals, overflow=options.overflow
        )
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(told)
    return 0


def table_of_formats() -> str:
    """The named formats and what follows from their numbers, as text."""
    header = (
        "format",
        "bits",
        "exponent",
        "mantissa",
        "max",
        "smallest normal",
        "smallest subnormal",
        "eps",
        "specials",
    )
    rows: list[tuple[str, ...]] = [header]
    for name, fmt in NAMED_FORMATS.items():
        specials = " ".join(word for word, has in (("inf", fmt.infinities), ("nan", fmt.nans)) if has) or "none"
        figures = (fmt.max, fmt.smallest_normal, fmt.smallest_subnormal, fmt.eps)
        widths = (str(fmt.bits), str(fmt.exponent_bits), str(fmt.mantissa_bits))
        rows.append((name, *widths, *(f"{figure:.6g}" for figure in figures), specials))
    columns = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, columns)).rstrip() for row in rows]
    return "\n".join(lines)


def _is_negative_number(word: str) -> bool:
    """Whether argparse would take a number such as -2^-24 for an option."""
    return word[:1] == "-" and (word[1:2].isdigit() or word[1:4].lower() in ("inf", "nan") or word[1:2] == ".")


if __name__ == "__main__":
    sys.exit(main())
