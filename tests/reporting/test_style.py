"""The colours of words are legible (WCAG 2.1 AA), in the light and in the dark."""

from __future__ import annotations

import re

import pytest

from bench.reporting.html import assets_html, css_path, css_text

WORDS = ["ink", "quiet", "link", "pass", "fail", "inconclusive", "error"]


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def schemes() -> list[dict[str, str]]:
    blocks = re.findall(r":root \{(.*?)\}", css_path().read_text(encoding="utf-8"), re.DOTALL)
    return [dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]+)", block)) for block in blocks]


def test_there_is_a_light_and_a_dark_scheme_of_the_same_names() -> None:
    light, dark = schemes()
    assert set(light) == set(dark)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_words_stand_out(scheme: int) -> None:
    colours = schemes()[scheme]
    for word in WORDS:
        assert contrast(colours[word], colours["page"]) >= 4.5, word
        assert contrast(colours[word], colours.get(f"{word}-back", colours["panel"])) >= 4.5, word


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_curves_of_the_first_colours_stand_out(scheme: int) -> None:
    colours = schemes()[scheme]
    for k in ("k0", "k1", "k2", "k6", "k7"):
        assert contrast(colours[k], colours["page"]) >= 3.0, k


def test_assets_ask_for_nothing_from_elsewhere() -> None:
    assert "url(" not in css_text()
    assert "@import" not in css_text()
    assert not re.findall(r"<(?:link|script src|img)", assets_html())


def test_the_licence_of_the_chart_library_is_kept() -> None:
    text = (css_path().parent / "uPlot.LICENSE").read_text(encoding="utf-8")
    assert "MIT License" in text
