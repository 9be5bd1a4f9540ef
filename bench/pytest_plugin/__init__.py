def pytest_configure() -> None:
    """Nothing yet."""
