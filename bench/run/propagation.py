"""The Monte Carlo check of a finished run's budgets, on demand."""

from __future__ import annotations

from bench.metrology.monte_carlo import confirm
from bench.metrology.rounding import MINUS
from bench.results.model import Measurement, MonteCarlo, RunResult, TestResult


def with_monte_carlo(run: RunResult, draws: int | None = None, seed: int = 1) -> RunResult:
    """Return the results with a Monte Carlo check in each measurement that has a budget.

    Raises:
        ValueError: too few draws.

    """
    return run.model_copy(update={"tests": [_checked(test, draws, seed) for test in run.tests]})


def monte_carlo_text(test: TestResult) -> str:
    """Return the checks of a test's measurements as lines for a terminal."""
    measurements = test.evaluation.measurements if test.evaluation is not None else []
    return "\n".join(f"  Monte Carlo  {_line(each)}" for each in measurements if each.monte_carlo is not None)


def _checked(test: TestResult, draws: int | None, seed: int) -> TestResult:
    if test.evaluation is None:
        return test
    measurements = [confirm(each, draws=draws, seed=seed) for each in test.evaluation.measurements]
    return test.model_copy(update={"evaluation": test.evaluation.model_copy(update={"measurements": measurements})})


def _line(measured: Measurement) -> str:
    check = measured.monte_carlo
    assert check is not None  # noqa: S101 - only asked where there is one
    places = max(0, -_exponent(check.tolerance))

    def span(low: float, high: float) -> str:
        return f"{low:.{places}f} to {high:.{places}f}".replace("-", MINUS)

    unit = f" {measured.unit}" if measured.unit else ""
    unstable = "" if check.stable else ", not yet stable"
    return (
        f"{measured.name}: {span(check.low, check.high)}{unit}, budget {span(check.gum_low, check.gum_high)}{unit}"
        f" ({check.draws} draws{unstable}): {_verdict(check, unit)}"
    )


def _verdict(check: MonteCarlo, unit: str) -> str:
    if check.validated:
        return "confirms the budget"
    apart = max(abs(check.low - check.gum_low), abs(check.high - check.gum_high))
    wider = 100.0 * ((check.high - check.low) / (check.gum_high - check.gum_low) - 1.0)
    return (
        f"{abs(wider):.2g} % {'wider' if wider > 0.0 else 'narrower'} than the budget;"
        f" the ends lie up to {apart:.2g}{unit} apart, two digits of u allow {check.tolerance:.1g}{unit}"
    )


def _exponent(tolerance: float) -> int:
    return int(f"{tolerance:e}".split("e")[1])
