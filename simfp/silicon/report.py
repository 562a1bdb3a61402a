"""A validation's report: a table for the terminal, and a page of its own for a browser. It needs no torch."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from simfp import whole_files
from simfp.commands import typed
from simfp.silicon.frontier import FRONTIER, VERDICTS

__all__ = ["again", "page", "summary", "told", "write_page"]

Row = dict[str, Any]
COLUMNS = ("suite", "checks", *VERDICTS, "elements", "other bits", "worst ulp", "seconds")
CHECKS = (
    "suite",
    "check",
    "verdict",
    "elements",
    "other bits",
    "worst ulp",
    "s device",
    "s simfp",
    "see the first one",
)
ROWS = ("operation", "kernel", "simfp computes", "ulp at most", "why")
COLOURS = {"equal": "#009E73", "frontier": "#E69F00", "DIFFERS": "#D55E00", "not judged": "#999", "not asked": "#999"}


def told(row: Row) -> str:
    """A check that was made, in a line."""
    if "why" in row:
        return f"{row['name']:44} {row['verdict']}: {row['why']}"
    apart = f"{row['differing']:,} differ, by up to {row['worst_ulp']:,} ulp" if row["differing"] else "0 differ"
    return f"{row['name']:44} {row['verdict']:10} {row['elements']:12,} elements, {apart}, {sum(row['seconds']):.1f} s"


def again(row: Row, report: dict[str, Any], command: str = "python -m simfp.gpu") -> str:
    """The command that shows the first element of a check that differs, where it is known which that is.

    command: how simfp.gpu is run; if not given, as on any machine.
    """
    place = "" if row.get("first") is None else f" --element {row['first']}"
    quick = " --quick" if report["quick"] else ""
    return f"{command} validate --device {report['asked']}{quick} --check {shlex.quote(row['name'])}{place}"


def summary(report: dict[str, Any]) -> str:
    """The report as text: a table of suites, what differs and should not, and how to see it again."""
    lines = [list(COLUMNS), *_suites(report["rows"])]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    text = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip() for line in lines]
    text.append("")
    for row in report["rows"]:
        if row["verdict"] == "DIFFERS":
            text += [f"DIFFERS  {told(row)}", f"         {again(row, report, typed('simfp.gpu'))}"]
    text.append(verdict(report))
    return "\n".join(text)


def verdict(report: dict[str, Any]) -> str:
    """One sentence on the whole."""
    rows = report["rows"]
    count = Counter(row["verdict"] for row in rows)
    elements = sum(row["elements"] for row in rows)
    parts = [f"{count[name]} {name}" for name in VERDICTS if count[name]]
    stopped = f" It was stopped: {report['left']} checks were not made." if report["stopped"] else ""
    return f"{len(rows)} checks, {elements:,} elements: {', '.join(parts) or 'none was made'}.{stopped}"


def _suites(rows: Sequence[Row]) -> list[list[str]]:
    lines = []
    for suite in [*dict.fromkeys(row["suite"] for row in rows), None]:
        some = [row for row in rows if suite in (None, row["suite"])]
        count = Counter(row["verdict"] for row in some)
        numbers = [len(some), *(count[name] for name in VERDICTS)]
        numbers += [sum(row["elements"] for row in some), sum(row["differing"] for row in some)]
        numbers.append(max((row["worst_ulp"] for row in some), default=0))
        lines.append([suite or "all", *(f"{n:,}" for n in numbers), f"{sum(sum(row['seconds']) for row in some):.1f}"])
    return lines


STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 72em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; } caption { text-align: left; font-weight: 600; padding: .3em 0; }
th, td { text-align: left; padding: .15em .9em .15em 0; vertical-align: top; border-bottom: 1px solid #8884; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; } code { font-size: .9em; }
b { white-space: nowrap; }
"""


def page(report: dict[str, Any]) -> str:
    """The report as a page of HTML that needs nothing besides itself."""
    source = report["provenance"]
    where = f"{source['device']}, driver {source['driver']}, torch {source['torch']}, {source['date']}"
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        f"<title>{escape(report['what'])}: {escape(source['device'])}</title><style>{STYLE}</style></head><body>",
        f"<h1>Bits of {escape(source['device'])} beside simfp's</h1>",
        f"<p>{escape(where)}. The tensor cores of simfp: {escape(report['against'])}.</p>",
        f"<p><strong>{escape(verdict(report))}</strong> Made by <code>{escape(source['script'])}</code>.</p>",
        _table("By suite", COLUMNS, [[escape(cell) for cell in line] for line in _suites(report["rows"])], 1),
        _table("Verdicts", ("verdict", "means"), [[_mark(name), escape(text)] for name, text in VERDICTS.items()]),
        _table("Every check", CHECKS, [_line(row, report) for row in report["rows"]], 3),
        _table("The frontier: what is not known to the bit", ROWS, [
            [*map(escape, (r.operation, r.kernel, r.modelled, f"{r.ulps} of {'the' if r.of == 'largest' else 'each'} "
                           f"{'largest ' if r.of == 'largest' else ''}element", r.why))] for r in FRONTIER.values()]),
        "</body></html>\n",
    ]  # fmt: skip
    return "\n".join(parts)


def _line(row: Row, report: dict[str, Any]) -> list[str]:
    see = escape(row.get("why", ""))
    if row["differing"]:
        see = f"<code>{escape(again(row, report))}</code>"
    numbers = [f"{row[key]:,}" for key in ("elements", "differing", "worst_ulp")]
    return [row["suite"], escape(row["name"]), _mark(row["verdict"]), *numbers, *map(str, row["seconds"]), see]


def _mark(name: str) -> str:
    return f"<b style='color:{COLOURS[name]}'>{name}</b>"


def _table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int = 99) -> str:
    def cell(tag: str, text: str, place: int) -> str:
        number = numbers_from <= place and text.replace(",", "").replace(".", "").isdigit()
        return f"<{tag}{' class=n' if number else ''}>{text}</{tag}>"

    head = "".join(f"<th scope='col'>{escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(cell("td", text, at) for at, text in enumerate(row)) + "</tr>\n" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def write_page(path: Path, report: dict[str, Any]) -> None:
    """Writes the page, the whole of it or nothing."""
    whole_files.write(path, page(report))
