"""The Monte Carlo check of a finished run's budgets, on demand."""

from __future__ import annotations

from bench.metrology.confirmation import confirmation_text
from bench.metrology.monte_carlo import confirm
from bench.results.model import RunResult, TestResult


def with_monte_carlo(run: RunResult, draws: int | None = None, seed: int = 1) -> RunResult:
    """Return the results with a Monte Carlo check in each measurement that has a budget.

    Raises:
        ValueError: too few draws.

    """
    return run.model_copy(update={"tests": [_checked(test, draws, seed) for test in run.tests]})


def monte_carlo_text(test: TestResult) -> str:
    """Return the checks of a test's measurements as lines for a terminal."""
    measurements = test.evaluation.measurements if test.evaluation is not None else []
    checked = [each for each in measurements if each.monte_carlo is not None]
    return "\n".join(f"  Monte Carlo  {each.name}: {confirmation_text(each)}" for each in checked)


def _checked(test: TestResult, draws: int | None, seed: int) -> TestResult:
    if test.evaluation is None:
        return test
    measurements = [confirm(each, draws=draws, seed=seed) for each in test.evaluation.measurements]
    return test.model_copy(update={"evaluation": test.evaluation.model_copy(update={"measurements": measurements})})
