"""The bench as a pytest plugin: a plan's tests are pytest items, a session of one plan is a run."""

pytest_plugins = (
    "bench.pytest_plugin.options",
    "bench.pytest_plugin.collect",
    "bench.pytest_plugin.replay",
    "bench.pytest_plugin.runs",
    "bench.pytest_plugin.outcomes",
    "bench.pytest_plugin.progress",
    "bench.pytest_plugin.html",
)
