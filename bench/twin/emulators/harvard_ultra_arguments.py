"""Arguments of a Harvard Protocol 11 command, and their refusals.

A wrong argument is named but where it is missing (Allegro 5613-004 p. 57). What the second line of a refusal says is a
guess, but for `Unknown syringe` and a value out of range, which clients look for.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.twin.emulators.harvard_ultra_numbers import Amount, Refusal, number

Command = Callable[[list[str]], list[str]]
"""Takes the words after a command, returns the lines of its answer, or raises `Refusal`."""


def bad(argument: str, text: str = "Unknown argument") -> Refusal:
    """Make the refusal of an argument."""
    return Refusal("Argument", argument, text)


def only(answer: Callable[[], list[str]]) -> Command:
    """Make a command that takes no arguments."""

    def command(words: list[str]) -> list[str]:
        if words:
            raise bad(words[0], "Unexpected argument")
        return answer()

    return command


def setting(answer: Callable[[], str], take: Callable[[list[str]], None]) -> Command:
    """Make a command that tells a setting, or sets it and answers nothing."""

    def command(words: list[str]) -> list[str]:
        if not words:
            return [answer()]
        take(words)
        return []

    return command


def whole_number(words: list[str], lowest: int, highest: int, out_of_range: str) -> int:
    """Return the only argument, a whole number."""
    [word, *more] = words
    if more or not (word.isascii() and word.isdecimal()):
        raise bad(more[0] if more else word)
    if not lowest <= int(word) <= highest:
        raise bad(word, out_of_range)
    return int(word)


def amount(words: list[str], unit_of: Callable[[str], str | None], out_of_range: str) -> Amount:
    """Return a number and its unit, which may stand together (`10ul`)."""
    text = " ".join(words)
    digits = len(text) - len(text.lstrip("0123456789."))
    value, unit = number(text[:digits]), unit_of(text[digits:].strip())
    if value is None or unit is None:
        raise bad(text if value is None else text[digits:].strip())
    if value <= 0.0:
        raise bad(text[:digits], out_of_range)
    return Amount(value, unit)
