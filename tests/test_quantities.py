"""Quantities: what is read, what is refused with which words, and that conversions are those of physics."""

from __future__ import annotations

import math
import re

import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from bench.quantities import (
    Concentration,
    Duration,
    LengthWithin,
    Limit,
    LimitOf,
    Quantity,
    QuantityError,
    QuantityOf,
    Rate,
    Tolerance,
    ToleranceOf,
    Volume,
    dimensions,
    parse_concentration,
    parse_limit,
    parse_quantity,
    parse_tolerance,
    units_of,
)

U100, U200, U500 = Concentration(100.0), Concentration(200.0), Concentration(500.0)
PINT: pint.UnitRegistry[float] = pint.UnitRegistry()
PINT_NAMES = {
    "%": "percent",
    "mm²": "mm**2",
    "cm²": "cm**2",
    "d": "day",
    "U": "",
    "mmHg": "mmHg",
    "/h": "1/hour",
    "/d": "1/day",
}
EVERY_UNIT = [(dimension, unit) for dimension in dimensions() for unit in units_of(dimension)]
PHYSICAL = [(dimension, unit) for dimension, unit in EVERY_UNIT if unit not in {"", "U", "U/h", "U/min", "°C"}]


@pytest.mark.parametrize(
    ("text", "dimension", "value", "unit"),
    [
        ("1 U/h", "rate", 1.0, "U/h"),
        ("0.05 U", "volume", 0.05, "U"),
        ("10 µL", "volume", 10.0, "µL"),
        ("10 \u03bcL", "volume", 10.0, "µL"),
        ("10 uL", "volume", 10.0, "µL"),
        ("10 ul", "volume", 10.0, "µL"),
        ("10µl/h", "rate", 10.0, "µL/h"),
        ("5 ml/h", "rate", 5.0, "mL/h"),
        ("24 h", "duration", 24.0, "h"),
        ("+1.5e1 min", "duration", 15.0, "min"),
        ("-5 %", "ratio", -5.0, "%"),
        ("\N{MINUS SIGN}5 %", "ratio", -5.0, "%"),
        ("20 kPa/V", "pressure per voltage", 20.0, "kPa/V"),
        ("3 mm^2", "area", 3.0, "mm²"),
        ("998 kg/m^3", "density", 998.0, "kg/m³"),
        ("1.004 g/ml", "density", 1.004, "g/mL"),
        ("23\N{NO-BREAK SPACE}°C", "temperature", 23.0, "°C"),
        ("25", "count", 25.0, ""),
    ],
)
def test_a_quantity_is_read(text: str, dimension: str, value: float, unit: str) -> None:
    assert parse_quantity(text, dimension) == Quantity(value, unit)


@pytest.mark.parametrize(
    ("text", "dimension", "message"),
    [
        ("1,5 mL", "volume", "'1,5 mL' has a decimal comma; write a point ('1.5 mL')"),
        ("1,500 mL", "volume", "decimal comma"),
        ("5", "volume", "'5' has no unit; allowed: a number and one of µL, nL, mL, L, U"),
        ("", "volume", "'' is no volume"),
        ("U", "volume", "'U' is no volume; allowed: a number and one of"),
        ("inf U", "volume", "'inf U' is no volume"),
        ("nan h", "duration", "'nan h' is no duration"),
        ("1e999 h", "duration", "is too large to be meant"),
        ("1 U/h", "volume", "'1 U/h' is a rate where a volume is meant"),
        ("5 %", "volume", "'5 %' is a ratio where a volume is meant; allowed: a number and one of µL, nL, mL, L, U"),
        ("1 mJ", "volume", "unknown unit 'mJ'; did you mean"),
        ("1 ML", "volume", "did you mean 'mL'?"),
        ("1 kpa", "pressure", "did you mean 'kPa'?"),
        ("1 IU", "volume", "unknown unit 'IU'; did you mean 'U'?"),
        ("1 U/hr", "rate", "did you mean 'U/h'?"),
        ("3 hours", "duration", "did you mean 'h'?"),
        ("1 h 30 min", "duration", "unknown unit 'h 30 min'"),
        ("2**10 m", "length", "unknown unit '**10 m'"),
        ("1 000 mL", "volume", "'1 000 mL' is no volume"),
        ("1_000 mL", "volume", "unknown unit '_000 mL'"),
        ("٣ h", "duration", "'٣ h' is no duration"),
        ("22 °C", "ratio", "is a temperature where a ratio is meant"),
        ("1.5", "count", "'1.5' is no whole number"),
        ("3 U", "count", "is a volume where a count is meant; allowed: a whole number without a unit"),
    ],
)
def test_what_is_no_quantity_is_refused_with_the_way_out(text: str, dimension: str, message: str) -> None:
    with pytest.raises(QuantityError, match=re.escape(message)):
        parse_quantity(text, dimension)


@pytest.mark.parametrize(("dimension", "unit"), PHYSICAL)
def test_conversions_are_those_of_an_independent_library(dimension: str, unit: str) -> None:
    for other in units_of(dimension):
        if (dimension, other) in PHYSICAL:
            ours = Quantity(7.3, unit).to(other)
            theirs = PINT.Quantity(7.3, PINT_NAMES.get(unit, unit)).to(PINT_NAMES.get(other, other)).magnitude
            assert ours == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize(
    ("quantity", "unit", "concentration", "value"),
    [
        (Quantity(0.05, "U"), "µL", U100, 0.5),
        (Quantity(0.05, "U"), "µL", U200, 0.25),
        (Quantity(0.05, "U"), "µL", U500, 0.1),
        (Quantity(1, "U/h"), "µL/h", U100, 10.0),
        (Quantity(1, "U/h"), "µL/h", U200, 5.0),
        (Quantity(1.5, "U/min"), "µL/min", U100, 15.0),
        (Quantity(3, "mL"), "U", U100, 300.0),
        (Quantity(10, "µL/h"), "U/h", U500, 5.0),
        (Quantity(60, "U/h"), "U/min", None, 1.0),
    ],
)
def test_insulin_units_convert_by_the_concentration(
    quantity: Quantity, unit: str, concentration: Concentration | None, value: float
) -> None:
    assert quantity.to(unit, concentration) == value


def test_insulin_units_do_not_convert_without_a_concentration() -> None:
    with pytest.raises(QuantityError, match="U converts to µL only by an insulin concentration"):
        Quantity(0.05, "U").to("µL")


def test_dimensions_do_not_mix() -> None:
    with pytest.raises(QuantityError, match="1 h is a duration and cannot be given in kPa"):
        Quantity(1, "h").to("kPa")


def test_both_micro_signs_name_the_same_unit_when_converting() -> None:
    assert Quantity(1, "mL").to("\u03bcL") == Quantity(1, "mL").to("\u00b5L") == 1000.0


@given(
    unit=st.sampled_from(EVERY_UNIT),
    value=st.floats(-1e15, 1e15, allow_nan=False).filter(lambda value: value == 0 or abs(value) > 1e-300),
)
def test_a_quantity_survives_its_own_text(unit: tuple[str, str], value: float) -> None:
    dimension, spelling = unit
    quantity = Quantity(float(round(value)) if dimension == "count" else value, spelling)
    assert parse_quantity(str(quantity), dimension) == quantity


@given(st.text(max_size=40), st.sampled_from(dimensions()))
def test_no_text_raises_anything_but_its_own_error(text: str, dimension: str) -> None:
    for parse in (parse_quantity, parse_tolerance, parse_limit):
        try:
            parse(text, dimension)
        except QuantityError as error:
            assert str(error)  # noqa: PT017 - most texts are refused, some are not


@pytest.mark.parametrize(
    ("text", "dimension", "lower", "upper", "unit"),
    [
        ("±5 %", "ratio", -5.0, 5.0, "%"),
        ("+-5 %", "ratio", -5.0, 5.0, "%"),
        ("+/- 5 %", "ratio", -5.0, 5.0, "%"),
        ("<= 3 h", "duration", None, 3.0, "h"),
        ("≤ 3 h", "duration", None, 3.0, "h"),
        ("< 3 h", "duration", None, 3.0, "h"),
        (">= 95 %", "ratio", 95.0, None, "%"),
        ("> 95 %", "ratio", 95.0, None, "%"),
        ("0.9 U to 1.1 U", "volume", 0.9, 1.1, "U"),
        ("-5 % to +10 %", "ratio", -5.0, 10.0, "%"),
        ("30 min to 2 h", "duration", 0.5, 2.0, "h"),
        ("<= 0", "count", None, 0.0, ""),
    ],
)
def test_a_limit_is_read(text: str, dimension: str, lower: float | None, upper: float | None, unit: str) -> None:
    assert parse_limit(text, dimension) == Limit(lower, upper, unit, text)


@pytest.mark.parametrize(
    ("text", "dimension", "message"),
    [
        ("5 %", "ratio", "'5 %' does not say on which side the limit is; write it as '±5 %'"),
        ("5", "ratio", "'5' has no unit"),
        ("0", "count", "'0' does not say on which side the limit is; write it as '<= 0'"),
        ("±5 %", "volume", "'5 %' is a ratio where a volume is meant"),
        ("±-5 %", "ratio", "negative half width"),
        ("10 % to 5 %", "ratio", "the wrong way round; write the smaller one first"),
        ("1 U to 20 µL", "volume", "mixes insulin units and volume"),
        ("about 5 %", "ratio", "is no limit; write it as '±5 %'"),
        ("<= 3,5 h", "duration", "decimal comma"),
        ("± 5 % to 3 %", "ratio", "unknown unit"),
        ("= 5 %", "ratio", "is no limit"),
    ],
)
def test_what_is_no_limit_is_refused_with_the_way_out(text: str, dimension: str, message: str) -> None:
    with pytest.raises(QuantityError, match=re.escape(message)):
        parse_limit(text, dimension)


def test_a_limit_converts_both_sides() -> None:
    assert parse_limit("0.9 U to 1.1 U", "volume").to("µL", U100) == (9.0, 11.0)
    assert parse_limit("<= 3 h", "duration").to("min") == (None, 180.0)


@pytest.mark.parametrize("text", ["23 °C ± 2 °C", "23 °C +- 2 °C", "23 °C ± 2 K"])
def test_a_tolerance_is_read(text: str) -> None:
    tolerance = parse_tolerance(text, "temperature")
    assert tolerance == Tolerance(23.0, 2.0, "°C")
    assert parse_tolerance(str(tolerance), "temperature") == tolerance


@pytest.mark.parametrize("text", ["23 °C", "± 2 °C", "23 °C ± ", "23 °C ± 2 °C ± 1 °C", "23 °C ± -2 °C", "23 ± 2 °C"])
def test_what_is_no_tolerance_is_refused(text: str) -> None:
    with pytest.raises(QuantityError):
        parse_tolerance(text, "temperature")


def test_concentrations_are_those_that_exist() -> None:
    assert (parse_concentration("U-200").u_per_ml, parse_concentration("U-200").ul_per_u) == (200.0, 5.0)
    with pytest.raises(QuantityError, match="'U-300' is no insulin concentration; allowed: U-100, U-200, U-500"):
        parse_concentration("U-300")


class _Fields(BaseModel):
    rate: Rate
    volume: Volume
    wait: Duration = Quantity(90, "s")
    within: LimitOf("count")  # type: ignore[valid-type]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("rate", 1, "'1' has no unit; allowed: a number and one of"),
        ("rate", 1.5, "'1.5' has no unit"),
        ("rate", True, "found True; write a rate in"),
        ("rate", None, "found nothing; write a rate in"),
        ("volume", ["1 U"], "found a list; write a volume in µL, nL, mL, L, U, such as '0.05 U' or '10 µL'"),
        ("within", 0, "does not say on which side the limit is; write it as '<= 0'"),
    ],
)
def test_a_field_refuses_what_has_no_unit(field: str, value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        _Fields.model_validate({"rate": "1 U/h", "volume": "1 U", "within": "<= 0", field: value})


def test_a_model_of_quantities_survives_json() -> None:
    fields = _Fields.model_validate({"rate": "1 U/h", "volume": "10 ul", "within": "<= 0"})
    assert fields.model_dump(mode="json") == {"rate": "1 U/h", "volume": "10 µL", "wait": "90 s", "within": "<= 0"}
    assert _Fields.model_validate_json(fields.model_dump_json()) == fields


def _matches(schema: dict[str, str], text: str) -> bool:
    return re.search(schema["pattern"], text) is not None


@pytest.mark.parametrize("dimension", dimensions())
def test_the_schema_s_examples_are_read_and_match_its_pattern(dimension: str) -> None:
    for field, parse in (
        (QuantityOf(dimension), parse_quantity),
        (LimitOf(dimension), parse_limit),
        (ToleranceOf(dimension), parse_tolerance),
    ):
        schema = TypeAdapter(field).json_schema()
        assert schema["description"]
        for example in schema["examples"]:
            parse(example, dimension)
            assert _matches(schema, example), (example, schema["pattern"])


def test_a_length_may_have_a_half_width_or_none() -> None:
    field: TypeAdapter[Quantity | Tolerance] = TypeAdapter(LengthWithin)
    assert field.validate_python("0.5 mm") == Quantity(0.5, "mm")
    assert field.validate_python("0.5 mm ± 20 um") == Tolerance(0.5, 0.02, "mm")
    schema = field.json_schema()
    for example in (*schema["examples"], "2 cm +/- 1 mm"):
        field.validate_python(example)
        assert _matches(schema, example)
    for wrong in ("0 mm", "-1 mm", "1 mm ± 1 mm", "1 mm ± -0.1 mm", "1 mL", "1 mm ±"):
        with pytest.raises(ValidationError):
            field.validate_python(wrong)


def test_a_tolerance_converts_with_its_half_width() -> None:
    assert Tolerance(2.0, 0.5, "cm").to("mm") == Tolerance(20.0, 5.0, "mm")


@pytest.mark.parametrize(("dimension", "unit"), EVERY_UNIT)
def test_the_schema_knows_every_unit_as_the_parser_does(dimension: str, unit: str) -> None:
    schema = TypeAdapter(QuantityOf(dimension)).json_schema()
    for spelling in {unit, unit.replace("µ", "μ"), unit.replace("µ", "u"), re.sub("L$", "l", unit)}:
        assert parse_quantity(f"3 {spelling}", dimension) == Quantity(3.0, unit)
        assert _matches(schema, f"3 {spelling}"), spelling
    assert not _matches(schema, "3 furlongs")


@given(
    st.sampled_from(dimensions()), st.from_regex(r"[-+0-9.eE ]{1,8} ?[µμumnkLlUghsi/%°CVPa²^2]{0,6}", fullmatch=True)
)
def test_what_the_schema_lets_through_the_parser_takes(dimension: str, text: str) -> None:
    if _matches(TypeAdapter(QuantityOf(dimension)).json_schema(), text):
        try:
            quantity = parse_quantity(text, dimension)
        except QuantityError as error:
            assert re.search("too large|whole number", str(error))  # noqa: PT017 - what no pattern can say
        else:
            assert math.isfinite(quantity.value)
