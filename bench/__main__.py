"""`python -m bench [--quick] [--write] [NAME ...]`: measures the named parts; by default all."""

from __future__ import annotations

import argparse

from bench import cpu, instructions, latency, limits, memory, parents, real_limits, rig, scale, startup

# Memory first: a child's peak begins with what its parent holds, which grows a little with all that is measured.
_BENCHES = {
    "memory": memory.measure,
    "parents": parents.measure,
    "scale": scale.measure,
    "startup": startup.measure,
    "latency": latency.measure,
    "limits": limits.measure,
    "real_limits": real_limits.measure,
    "cpu": cpu.measure,
    "instructions": instructions.measure,
}


def main() -> None:
    """Measure, print, and with `--write` put it into the docs."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure side by side with the field.")
    parser.add_argument("--quick", action="store_true", help="fewer cases and rounds: less than two minutes")
    parser.add_argument("--write", action="store_true", help="write the tables and the plot into docs/")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(_BENCHES)}; all by default")
    options = parser.parse_args()
    if options.quick and options.write:
        parser.error("what a quick run says is not for the docs")
    folder = rig.RESULTS / "quick" if options.quick else rig.RESULTS
    print(f"{rig.machine()}\n", flush=True)
    for name in options.names or _BENCHES:
        with rig.server() as api:
            _BENCHES[name](api, quick=options.quick).publish(folder)
    if options.write:
        from bench import docs  # noqa: PLC0415 -- matplotlib is large, see above

        docs.write()


if __name__ == "__main__":
    main()
