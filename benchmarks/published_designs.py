"""Published designs on the shipped pump models: published range beside simulated result, inside or not.

    ./run python benchmarks/published_designs.py
    ./run python benchmarks/published_designs.py --bench /tmp/designs

Everything is SIMULATED. Without `--bench` each design runs on as many pumps (seeds) as the table names, on the twin's
pump and line, as an ideal balance would see them: days of many pumps take seconds that way. With `--bench` one pump of
each model goes through the whole bench (drivers, balance, evaluation), and what that states stands beside the truth.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import yaml

from bench.plan.load import load_plan
from bench.procedures import registry
from bench.rig.load import load_rig
from bench.strict_yaml import load, validate
from bench.twin.settings import PumpModelFile
from bench.validation.designs import Pumps
from bench.validation.published import FIGURES
from bench.validation.runs import compare, drive

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
PLAN = """\
plan: published-designs
title: Published designs in short
pump: {{insulin: U-100, basal_increment: {dose}, bolus_increment: {pulse}}}
conditions: {{liquid: water, temperature: 23 °C ± 2 °C}}
tests:
  - {{id: BASAL-1U, title: Basal, procedure: basal, rate: 1 U/h, duration: 12 h, blank: 30 min,
     accept: {{mean_error: ±20 %}}}}
  - {{id: BOLUS-0.1U, title: 25 × 0.1 U, procedure: bolus, volume: 0.1 U, count: 25, interval: 90 s, settle: 60 s,
     blank: 30 min, accept: {{mean_error: ±30 %}}}}
  - {{id: BOLUS-1U, title: 25 × 1 U, procedure: bolus, volume: 1 U, count: 25, interval: 90 s, settle: 60 s,
     blank: 30 min, accept: {{mean_error: ±20 %}}}}
  - {{id: BOLUS-10U, title: 12 × 10 U, procedure: bolus, volume: 10 U, count: 12, interval: 90 s, settle: 60 s,
     blank: 30 min, accept: {{mean_error: ±20 %}}}}
  - {{id: OCCLUSION-1U, title: Occlusion, procedure: occlusion, rate: 1 U/h, run_in: 30 min, timeout: 6 h,
     release_observation: 15 min, blank: 30 min, accept: {{time_to_alarm: <= 6 h}}}}
"""
SHOWN = {"mean_error", "delivered_1h", "delivered_6h", "delivered_12h", "hourly_windows_within_15_percent"}
SHOWN |= {"bolus_sd", "within_15_percent", "time_to_alarm", "missed_volume", "stored_bolus"}


def model(name: str) -> PumpModelFile:
    """Return a shipped pump model."""
    return validate(load(FIXTURES / "pumps" / f"{name}.yaml"), PumpModelFile)


def on_ideal_balance(names: list[str], first: int) -> None:
    """Print every published figure beside the simulated one."""
    inside = of = 0
    print("| model | design | source | published | range held to | simulated | inside |")
    print("|---|---|---|---|---|---|---|")
    for name in names:
        pumps = Pumps(model(name), first)
        for figure in FIGURES[name]:
            found = figure.compare(pumps)
            held = f"{figure.low:.{figure.digits}f} to {figure.high:.{figure.digits}f}"
            print(
                f"| {name} | {figure.design} | {figure.source} | {figure.published} {figure.unit} | {held}"
                f" | {found.text} | {'yes' if found.inside else '**no**'} |"
            )
            inside, of = inside + found.inside, of + 1
    print(f"\n{inside} of {of} inside", end="")


def on_the_bench(names: list[str], seed: int, folder: Path) -> None:
    """Print what the whole bench states of one pump of each model, and its truth."""
    covered = of = 0
    print("| model | measurement | stated | true | covered |")
    print("|---|---|---|---|---|")
    for name in names:
        pump = model(name)
        data = yaml.safe_load((FIXTURES / "simulated.yaml").read_text(encoding="utf-8"))
        data["simulation"]["pump"] = str(FIXTURES / "pumps" / f"{name}.yaml")
        path = folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")
        rig = load_rig(path)
        assert rig.simulation is not None  # noqa: S101 - the shipped rig has one
        dose_u = {"volume": pump.pulse_interval.to("h")}.get(pump.rule, pump.pulse.to("U", pump.insulin))
        plan = load_plan(PLAN.format(dose=f"{dose_u:.6g} U", pulse=pump.pulse), registry(), name="plan.yaml")
        run = drive(plan, rig, rig.simulation.model_copy(update={"seed": seed}), folder / name)
        for test in run.tests:
            if test.evaluation is None:
                print(f"| {name} | {test.id}: {test.reason} | | | **no** |")
            alone = run.model_copy(update={"tests": [test]})
            for each in compare(alone, folder / name, seed, pump.insulin.ul_per_u):
                if each.name in SHOWN:
                    print(
                        f"| {name} | {test.id}: {each.name} | {each.value:.4g} ± {each.expanded:.2g} {each.unit}"
                        f" | {each.truth:.4g} | {'yes' if each.covered else '**no**'} |"
                    )
                    covered, of = covered + each.covered, of + 1
    print(f"\n{covered} of {of} stated intervals hold the truth", end="")


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=tuple(FIGURES), default=list(FIGURES))
    parser.add_argument("--first", type=int, default=1, help="seed of the first pump (default: %(default)s)")
    parser.add_argument("--bench", type=Path, metavar="FOLDER", help="go through the whole bench; keeps the runs")
    options = parser.parse_args()
    began = time.process_time()
    if options.bench is None:
        on_ideal_balance(options.models, options.first)
    else:
        options.bench.mkdir(parents=True, exist_ok=True)
        on_the_bench(options.models, options.first, options.bench)
    print(f"; {time.process_time() - began:.0f} s of processor time")


if __name__ == "__main__":
    main()
