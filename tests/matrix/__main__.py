"""`make test-matrix`: runs the rows that are not done yet, and writes the table."""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.matrix import report, running
from tests.matrix.environments import Missing
from tests.matrix.rows import ROWS


def main() -> int:
    """0 where every row is green and simfp's bits are the same in all, 1 where not, 130 where it was stopped."""
    parser = argparse.ArgumentParser(prog="make test-matrix", description="the tests under other processors' kernels")
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME", help="rows whose names begin so")
    parser.add_argument("--pythons", default="", help="names or paths of other Pythons, with spaces between")
    parser.add_argument(
        "--jobs", type=int, default=min(os.cpu_count() or 1, 4), help="tests at a time (default: cores)"
    )
    parser.add_argument("--keep", action="store_true", help="keep rows of other commits, which the table then names")
    parser.add_argument("--fresh", action="store_true", help="run rows again that are done")
    parser.add_argument("--list", action="store_true", help="print the rows and how far they are, and run nothing")
    asked = parser.parse_args()

    now, has = running.sources(), report.flags()
    done = {row: result for row in ROWS if (result := running.stored(row, None if asked.keep else now))}
    if asked.list:
        for row in ROWS:
            it = done.get(row)
            print(f"{row.name:<20} {f'{it.passed} of {it.tests} passed' if it else 'to be run'}")
        return 0
    chosen = [row for row in ROWS if row.name.startswith(tuple(asked.only))]
    missing = {row: f"the processor has no {' '.join(gone)}" for row in ROWS if (gone := set(row.needs) - has)}
    left = [row for row in chosen if row not in missing and (asked.fresh or row not in done)]
    print(f"{len(left)} rows to run, {len(done)} done before, {len(missing)} not for this processor.", flush=True)
    try:
        for number, row in enumerate(left, 1):
            print(f"{number}/{len(left)}  {time.strftime('%H:%M')}  {row} ...", flush=True)
            try:
                result = running.run(row, asked.pythons.split(), asked.jobs)
            except Missing as why:
                missing[row] = str(why)
                print(f"        not run: {why}", flush=True)
                continue
            done[row] = result
            print(
                f"        {result.passed:,} of {result.tests:,} passed in {result.seconds:,} s {result.trouble}",
                flush=True,
            )
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from here.", file=sys.stderr)
        return 130
    finally:
        ordered = {row: done[row] for row in ROWS if row in done}
        report.write(ordered, missing, ROWS)
    print(f"The table is {report.REPORT.relative_to(running.ROOT)}.")
    first = done.get(ROWS[0])
    same = first is None or not any(report.different(result, first) for result in done.values())
    return int(not (same and all(result.green for result in done.values())))


if __name__ == "__main__":
    sys.exit(main())
