"""`python -m tests.exhaustive`: runs the suites that are asked for, and writes the report."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys

from simfp.commands import typed
from tests.exhaustive import report, running
from tests.exhaustive.arithmetic import MODES
from tests.exhaustive.conversions import STORAGE
from tests.exhaustive.suites import BLOCKS, GROUPS, SUITES


def main() -> int:
    """0 where every answer was right, 1 where one was wrong, 130 where the run was stopped."""
    parser = argparse.ArgumentParser(prog=typed("tests.exhaustive"), description=__doc__)
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS), help="groups of suites")
    parser.add_argument("--formats", nargs="+", choices=STORAGE, default=list(STORAGE))
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: one for each core)")
    parser.add_argument("--list", action="store_true", help="print the suites and how far they are, and run nothing")
    parser.add_argument("--fresh", action="store_true", help="begin anew, also with suites that are done")
    asked = parser.parse_args()

    chosen = [
        suite
        for suite in SUITES
        if suite.group in asked.only and suite.fmt in asked.formats and suite.rounding in asked.modes
    ]
    environment = report.environment()
    sources = {suite: running.source_digest(suite, environment) for suite in SUITES}
    if asked.fresh and not asked.list:
        for suite in chosen:
            running.forget(suite)
    states = {suite: running.load(suite, sources[suite]) for suite in chosen}
    if asked.list:
        for suite, state in states.items():
            print(f"{suite!s:<38} {state.done / BLOCKS:4.0%} done  {state.wrong} wrong")
        return 0

    missing = [suite for suite in chosen if states[suite].done < BLOCKS]
    print(f"{len(missing)} suites of 2^32 inputs to run, {len(chosen) - len(missing)} done before.", file=sys.stderr)
    # spawned, not forked: a process must not inherit half of another one's threads
    with multiprocessing.get_context("spawn").Pool(asked.jobs, running.leave_interrupts_to_the_parent) as pool:
        try:
            for suite in missing:
                running.run(suite, states[suite], pool)
        except KeyboardInterrupt:
            pool.terminate()
            print("Stopped. The same command goes on from here.", file=sys.stderr)
            return 130
        finally:
            finished = {suite: state for suite, state in states.items() if state.done == BLOCKS}
            if finished:
                report.write(finished, sources)

    for suite, state in finished.items():
        for route, tally in state.routes.items():
            if tally.wrong:
                print(f"{suite}, {route}: {tally.wrong} of {tally.compared} differ. The first ones:")
                print(*(f"  {case}" for case in tally.cases), sep="\n")
    return int(any(state.wrong for state in finished.values()))


if __name__ == "__main__":
    sys.exit(main())
