"""What holds for all tests: a busy machine fails no property."""

from hypothesis import HealthCheck, settings

settings.register_profile("pumpbench", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pumpbench")
