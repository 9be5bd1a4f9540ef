"""One module a kind of test: Settings, `drive()` and `evaluate()`."""
