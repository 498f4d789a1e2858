"""Puts what was measured last into docs/performance.md, and draws docs/performance.png and docs/limits.png."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

from bench import rig
from bench.contenders import ROOT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAGE = ROOT / "docs/performance.md"
PLOT = ROOT / "docs/performance.png"
LIMITS = ROOT / "docs/limits.png"
_DRAWN = {"cpu", "latency", "memory"}
_AIM = 1.25
_OURS, _OTHERS = "#2b6cb0", "#a0aec0"


def write() -> None:
    """Each part between `<!-- measured: NAME -->` and `<!-- end -->`, as far as there are results.

    A plot is drawn if what it shows has been measured.
    """
    results = {path.stem: json.loads(path.read_text()) for path in sorted(rig.RESULTS.glob("*.json"))}
    text = PAGE.read_text()
    for name, result in {**results, "machine": {"text": f"{rig.machine()}.\n"}}.items():
        head, begin, rest = text.partition(f"<!-- measured: {name} -->\n")
        _, end, tail = rest.partition("<!-- end -->")
        if not end:
            raise RuntimeError(f"{PAGE.name} has no place for the results of {name}: add `<!-- measured: {name} -->`")
        text = f"{head}{begin}{result['text']}{end}{tail}"
    PAGE.write_text(text)
    values = {name: result["values"] for name, result in results.items()}
    mpl.use("agg")
    mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    if results.keys() >= _DRAWN:
        _draw(values)
    if results.keys() >= {"limits", "real_limits"}:
        _draw_limits(values["limits"], values["real_limits"])


def _draw(values: dict[str, Any]) -> None:
    """CPU, wall time on a slow API, memory."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 -- after the backend

    figure, (cpu, wall, peak) = plt.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
    case = values["cpu"]["full_refresh orders-400x1000x300"]
    _bars(cpu, "CPU a record beyond start-up, µs\n(1,000 records of 0.3 kB a page)", case)
    _bars(
        wall,
        "200 pages of an API that takes 50 ms, s",
        {
            f"{name}{', 8 at once' if at_once == '8' else ''}": value
            for name, mode, at_once, value in ((*key.split(), value) for key, value in values["latency"].items())
            if mode == "full_refresh"
        },
    )
    _bars(
        peak,
        "Peak memory, MB",
        {
            f"{name}, {int(records):,}": value
            for name, records, value in ((*key.split(), value) for key, value in values["memory"].items())
        },
    )
    figure.savefig(PLOT, dpi=150)


def _draw_limits(simulated: dict[str, float], real: dict[str, dict[str, Any]]) -> None:
    """Time to finish ÷ ideal: this connector in the simulation, and beside the others over real connections."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 -- after the backend

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    worst: dict[str, float] = {}
    for key, ratio in simulated.items():
        name = key.removesuffix(" exact").removesuffix(" 1").strip()
        worst[name] = max(worst.get(name, 0.0), ratio)
    names = [*reversed(worst)]
    _ratios(left, "Simulated, ours: time ÷ ideal", names, [worst[name] for name in names], [_OURS] * len(names))
    labels, ratios, colours = [], [], []
    for key, run in reversed(real.items()):
        limit, _, name = key.replace("`", "").partition("|")
        labels.append(f"{limit}: {name}{'' if run['complete'] else ' (gave up)'}")
        ratios.append(run["ratio"])
        colours.append(_OURS if name == "ours" else _OTHERS)
    _ratios(right, "Real connections: time ÷ ideal", labels, ratios, colours)
    figure.savefig(LIMITS, dpi=150)


def _ratios(axes: Axes, title: str, names: list[str], ratios: list[float], colours: list[str]) -> None:
    """One horizontal bar each, the first at the bottom, and lines at the ideal and at the aim."""
    bars = axes.barh(names, ratios, color=colours)
    axes.bar_label(bars, fmt="%.2f", padding=3, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
    axes.axvline(1, color="black", linewidth=0.8, zorder=0)
    axes.axvline(_AIM, color="black", linewidth=0.8, linestyle=":", zorder=0)
    axes.set_title(title, fontsize=10, loc="left")
    axes.margins(x=0.12)


def _bars(axes: Axes, title: str, values: dict[str, float]) -> None:
    """One horizontal bar each, its value beside it, the best on top."""
    names = sorted(values, key=values.__getitem__, reverse=True)
    colours = [_OURS if name.startswith("ours") else _OTHERS for name in names]
    bars = axes.barh(names, [values[name] for name in names], color=colours)
    axes.bar_label(bars, fmt="%.3g", padding=3)
    axes.set_title(title, fontsize=10, loc="left")
    axes.xaxis.set_visible(False)
    axes.spines.bottom.set_visible(False)
    axes.margins(x=0.12)
