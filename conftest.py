"""Make YAML test plans runnable by pytest in this folder."""

pytest_plugins = ["bench.pytest_plugin"]
