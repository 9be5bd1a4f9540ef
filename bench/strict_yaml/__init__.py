"""YAML as plans and rigs are allowed to use it: plain data, nothing guessed, every error with its place."""

from bench.strict_yaml.document import Document, load
from bench.strict_yaml.meaning import did_you_mean, unknown_key, validate
from bench.strict_yaml.problems import Problem, YamlError

__all__ = ["Document", "Problem", "YamlError", "did_you_mean", "load", "unknown_key", "validate"]
