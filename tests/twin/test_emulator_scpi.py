"""How the emulators read SCPI lines."""

import pytest

from bench.twin.emulators import scpi
from bench.twin.emulators.scpi import Command, ErrorQueue, LineBuffer, ScpiError, ScpiParser


def parser(*, relative_only: bool) -> tuple[ScpiParser, ErrorQueue]:
    errors = ErrorQueue()

    def name(text: str) -> Command:
        return Command(lambda parameters: f"{text}({'|'.join(parameters)})", 0, 2)

    commands = {
        "*IDN?": name("idn"),
        "BASal:RATE?": name("rate"),
        "BASal:TEMPorary?": name("temporary"),
        "BASal:TEMPorary:CANCel?": name("cancel"),
        "SYSTem:ERRor[:NEXT]?": name("error"),
        "[SENSe:]VOLTage[:DC]:NPLC?": name("nplc"),
    }
    return ScpiParser(commands, errors, relative_only=relative_only), errors


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"*IDN?", "idn()"),
        (b"*idn?", "idn()"),
        (b"BAS:RATE?", "rate()"),
        (b":basal:rate? max", "rate(max)"),
        (b"  BASAL:RATE?\t1 , 2 ", "rate(1|2)"),
        (b"BAS:RATE? \"a;b,c\",'d'", "rate(\"a;b,c\"|'d')"),
        (b"SYST:ERR?", "error()"),
        (b"SYSTEM:ERROR:NEXT?", "error()"),
        (b"VOLT:NPLC?;:SENS:VOLT:DC:NPLC?", "nplc();nplc()"),
        (b"BAS:RATE?;TEMP?;*IDN?;TEMP:CANC?", "rate();temporary();idn();cancel()"),
        (b"BAS:TEMP:CANC?;CANC?", "cancel();cancel()"),
        (b"BAS:RATE?;", "rate()"),
        (b"", None),
        (b" ; ", None),
    ],
)
def test_lines_that_are_understood(line: bytes, answer: str | None) -> None:
    understands, errors = parser(relative_only=True)
    assert understands.execute(line) == answer
    assert errors.pop() == (0, "No error")


@pytest.mark.parametrize(
    ("line", "number"),
    [
        (b"BASA:RATE?", scpi.UNDEFINED_HEADER),
        (b"BAS:RATE", scpi.UNDEFINED_HEADER),
        (b"BAS:RATE? 1,2,3", scpi.PARAMETER_NOT_ALLOWED),
        (b"BAS:RATE? 1,,2", scpi.MISSING_PARAMETER),
        (b"BAS RATE?", scpi.UNDEFINED_HEADER),
        (b"17", scpi.SYNTAX),
        (b"BAS::RATE?", scpi.SYNTAX),
        (b"\xff\xfe", scpi.SYNTAX),
        (b"BAS:RATE\xb5?", scpi.SYNTAX),
    ],
)
def test_lines_that_are_refused_answer_nothing(line: bytes, number: int) -> None:
    understands, errors = parser(relative_only=True)
    assert understands.execute(line) is None
    assert errors.pop() == (number, scpi.TEXTS[number])


def test_after_a_semicolon_a_header_goes_on_where_the_one_before_stood() -> None:
    strict, errors = parser(relative_only=True)
    assert strict.execute(b"BAS:RATE?;BAS:TEMP?") == "rate()"
    assert errors.pop()[0] == scpi.UNDEFINED_HEADER
    lenient, errors = parser(relative_only=False)
    assert lenient.execute(b"BAS:RATE?;BAS:TEMP?;TEMP?") == "rate();temporary();temporary()"
    assert errors.pop()[0] == 0


def test_numbers_words_and_booleans() -> None:
    assert [scpi.number(text) for text in ("1", "-.5", "+2.", "1e-3")] == [1.0, -0.5, 2.0, 0.001]
    for text in ("", "1 U", "nan", "inf", "0x10", "1,5", "1e", "--1"):
        with pytest.raises(ScpiError, match="-104"):
            scpi.number(text)
    assert [scpi.boolean(text) for text in ("ON", "off", "1", "0")] == [True, False, True, False]
    for text, number in {"2": "-224", "maybe": "-104"}.items():
        with pytest.raises(ScpiError, match=number):
            scpi.boolean(text)
    assert [scpi.choice(text, ("LOW", "MEDium")) for text in ("low", "MEDIUM", "Med")] == ["LOW", "MED", "MED"]
    with pytest.raises(ScpiError, match="-224"):
        scpi.choice("MEDI", ("LOW", "MEDium"))


def test_lines_are_cut_wherever_the_bytes_break() -> None:
    lines = LineBuffer()
    assert list(lines.feed(b"BAS:RA")) == []
    assert list(lines.feed(b"TE?\r\n*IDN?\nREST")) == [b"BAS:RATE?", b"*IDN?"]
    assert list(lines.feed(b"\n")) == [b"REST"]
