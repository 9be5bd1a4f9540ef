"""Strict YAML: what is plain data, and every refusal with its place, what was found and the way out."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from bench.strict_yaml import YamlError, load, validate
from bench.strict_yaml.syntax import MAX_DEPTH, MAX_NODES
from bench.strict_yaml.text import MAX_BYTES


def refusal(text: str) -> str:
    with pytest.raises(YamlError) as caught:
        load(text, name="p.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: 1\nb: -2.5\nc: 1e3\nd: 0\ne: +7", {"a": 1, "b": -2.5, "c": 1000.0, "d": 0, "e": 7}),
        ("a: true\nb: false", {"a": True, "b": False}),
        ('a: ±5 %\nb: <= 3 h\nc: 10 µL\nd: ">= 95 %"', {"a": "±5 %", "b": "<= 3 h", "c": "10 µL", "d": ">= 95 %"}),
        ("a: 'on'\nb: \"1:30\"\nc: '010'\nd: \"2026-01-01\"", {"a": "on", "b": "1:30", "c": "010", "d": "2026-01-01"}),
        ("'on': 1\n\"1\": 2", {"on": 1, "1": 2}),
        ("a: [1, two, {b: c}]", {"a": [1, "two", {"b": "c"}]}),
        ("a: |\n  line\n  line\n", {"a": "line\nline\n"}),
        ("\N{BOM}a: 1  # a comment\n", {"a": 1}),
        ("a: ''", {"a": ""}),
        ("a: one\nb: online\nc: node", {"a": "one", "b": "online", "c": "node"}),
        (
            "a: CAL-2026-118\nb: v1.2.3\nc: 1.2.3\nd: 192.0.2.7",
            {"a": "CAL-2026-118", "b": "v1.2.3", "c": "1.2.3", "d": "192.0.2.7"},
        ),
        ("---\na: 1\n...\n", {"a": 1}),
    ],
)
def test_plain_data_is_read_as_it_looks(text: str, data: object) -> None:
    found = load(text).data
    assert found == data
    assert repr(found) == repr(data)


REFUSED = [
    ("", "p.yaml:1:1: the file is empty"),
    ("# nothing\n", "p.yaml:1:1: the file is empty"),
    ("---\n", "p.yaml:1:1: the file is empty"),
    ("a: 1\na: 2", "p.yaml:2:1: key 'a' stands twice (first in line 1); keep one"),
    ("t:\n  - {b: 1, b: 2}", "p.yaml:2:12: t[0]: key 'b' stands twice (first in line 2)"),
    ("'a': 1\na: 2", "p.yaml:2:1: key 'a' stands twice"),
    ("a: &x 5", "p.yaml:1:4: anchor '&x'; anchors and aliases are not used here, write values out"),
    ("a: &x 5\nb: *x", "p.yaml:2:4: alias '*x'; write the value out where it is meant"),
    ("a: {<<: {b: 1}}", "p.yaml:1:5: merge key '<<'; write the keys out where they are meant"),
    ("a: !!str 5", "p.yaml:1:4: tag '!!str'; tags are not used here, write plain values"),
    ("a: !!python/object:os.system {}", "p.yaml:1:4: tag '!!python/object:os.system'"),
    ("a: !mine 5", "p.yaml:1:4: tag '!mine'"),
    ("a: 1\n---\nb: 2", "p.yaml:2:1: a second document; a file holds one"),
    ("a:\tb", "p.yaml:1:3: a tab; write spaces"),
    ("a:\n\t- b", "p.yaml:2:1: a tab; write spaces"),
    *[(f"a: {word}", f"p.yaml:1:4: a: '{word}' is a boolean to some YAML readers; write true or false, or quote it")
      for word in ("on", "off", "yes", "no", "On", "NO", "True", "FALSE", "y", "N")],
    ("on: 1", "p.yaml:1:1: key 'on' is a boolean to some YAML readers; write true or false, or quote it"),
    ("a: 1:30", "p.yaml:1:4: a: '1:30' looks like a time or a number to base 60; write '90 s' or '1.5 h', or quote it"),
    ("a: 24:00", "'24:00' looks like a time"),
    ("a: 08:30:00", "'08:30:00' looks like a time"),
    ("a: 010",
     "p.yaml:1:4: a: '010' has a leading zero, which some YAML readers take as octal; drop the zero or quote it"),
    ("a: 08", "'08' has a leading zero"),
    ("a: 0x1F", "p.yaml:1:4: a: '0x1F' is a hexadecimal, octal or binary number; write it as a decimal"),
    ("a: 0o17", "'0o17' is a hexadecimal, octal or binary number"),
    ("a: 0b101", "'0b101' is a hexadecimal, octal or binary number"),
    ("a: 1_000", "p.yaml:1:4: a: '1_000' has an underscore in a number; write the digits alone"),
    ("a: 2026-11-23", "p.yaml:1:4: a: '2026-11-23' is a date to some YAML readers; quote it"),
    ("a: 2026-11-23 14:03:07", "p.yaml:1:4: a: '2026-11-23 14:03:07' is a date to some YAML readers; quote it"),
    *[(f"a: {word}", f"p.yaml:1:4: a: '{word}' is not finite; write a number")
      for word in (".inf", "-.inf", ".nan", "inf", "NaN", "-Infinity")],
    ("a: 1,5", "p.yaml:1:4: a: '1,5' has a decimal comma; write a point"),
    ("a: .5", "p.yaml:1:4: a: '.5' needs digits on both sides of the point"),
    ("a: 1.e+3", "'1.e+3' needs digits on both sides of the point"),
    ("a: " + "9" * 200_000, "p.yaml:1:4: a: '" + "9" * 37 + "…' has too many digits"),
    ("a:", "p.yaml:1:3: a: found nothing; write a value, or leave the key out"),
    ("a: ~", "p.yaml:1:4: a: found nothing; write a value, or leave the key out"),
    ("a: NULL", "p.yaml:1:4: a: found nothing"),
    ("a: {b:1}", "a.b:1: found nothing; write a value, or leave the key out; is a space missing after its ':'?"),
    ("1: a", "p.yaml:1:1: a key must be text, and '1' is not; quote it"),
    ("true: a", "p.yaml:1:1: a key must be text, and 'true' is not; quote it"),
    ("2026-01-01: a", "p.yaml:1:1: a key must be text, and '2026-01-01' is not; quote it"),
    ("? [a]\n: b", "p.yaml:1:3: a key must be text"),
    ("a: >= 5 %", "p.yaml:1:5: is no YAML: while scanning a block scalar"),
    ("a: >= 5 %", 'a value that begins with one of > | % @ ` & * ! needs quotes, such as ">= 95 %"'),
    ("a: %5", "p.yaml:1:4: is no YAML: while scanning for the next token"),
    ("a: @x", "needs quotes"),
    ("a: b: c", "p.yaml:1:5: is no YAML: mapping values are not allowed"),
    ("a: b: c", "a text with ': ' in it needs quotes"),
    ("a: 'b", "a quotation mark is not closed"),
    ("a: [1, 2", "a bracket is not closed, or a comma is missing"),
    ("a: b\x00", "p.yaml:1:5: a hidden character (U+0000); remove it"),
    ("a: b\n  # \x1b[31m", "p.yaml:2:5: a hidden character (U+001B); remove it"),
    ("a: b\n# \u202e", "p.yaml:2:3: a hidden character (U+202E RIGHT-TO-LEFT OVERRIDE); remove it"),
    ("a: b\u2028c: d", "p.yaml:1:5: a hidden character (U+2028 LINE SEPARATOR); remove it"),
    ("a: \ud800", "p.yaml:1:4: a hidden character (U+D800); remove it"),
    ("[" * 3000 + "]" * 3000, f"p.yaml:1:{MAX_DEPTH + 1}: nested deeper than {MAX_DEPTH} levels"),
    ("\n".join(" " * depth + "a:" for depth in range(40)), f"nested deeper than {MAX_DEPTH} levels"),
    ("a: [" + "1," * (MAX_NODES + 1) + "]", f"more than {MAX_NODES} values"),
    ("a: '" + "x" * MAX_BYTES + "'", "p.yaml:1:1: is larger than 1 MiB"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
def test_what_could_be_misread_is_refused_with_its_place_and_the_way_out(text: str, message: str) -> None:
    assert message in refusal(text)


def test_the_line_itself_is_shown_with_a_caret_under_the_fault() -> None:
    assert refusal("ok: 1\ntests: {rate: on, duration: 0x1}\n") == textwrap.dedent("""\
        p.yaml:2:15: tests.rate: 'on' is a boolean to some YAML readers; write true or false, or quote it
            tests: {rate: on, duration: 0x1}
                          ^
        p.yaml:2:29: tests.duration: '0x1' is a hexadecimal, octal or binary number; write it as a decimal
            tests: {rate: on, duration: 0x1}
                                        ^""")


def test_all_errors_come_at_once_and_in_order() -> None:
    message = refusal("a: on\nb: &x 1\nc: 1\nc: 2\nd: 010\ne: !!str x\n")
    assert re.findall(r"^p\.yaml:(\d):", message, re.MULTILINE) == ["1", "2", "4", "5", "6"]


def test_a_long_line_is_cut_around_the_fault() -> None:
    message = refusal("a: [" + "'xxxxxxxx', " * 50 + "on]")
    _, shown, caret = message.splitlines()
    assert len(shown) < 140
    assert shown[caret.index("^") :].startswith("on]")


def test_more_errors_than_anybody_reads_are_counted() -> None:
    message = refusal("\n".join(f"k{number}: on" for number in range(1000)))
    assert "… and 950 more" in message
    assert len(message) < 20_000


def test_what_a_file_holds_does_not_command_the_terminal() -> None:
    message = refusal('"\\e[2J": on\n')
    assert "\x1b" not in message
    assert "\N{REPLACEMENT CHARACTER}[2J: 'on' is a boolean" in message


def test_a_few_aliases_do_not_become_millions_of_values() -> None:
    bomb = "a0: &a0 [x, x]\n" + "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
    assert "alias '*a10'" in refusal(bomb) or "more" in refusal(bomb)


def test_a_large_file_with_errors_everywhere_is_refused_without_delay() -> None:
    text = "\n".join(f"key-{number}: on" for number in range(24_000))
    assert "… and 23950 more" in refusal(text)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"a: 1\nb: \xb5L\n", "2:4: is not UTF-8 text: byte 0xb5; save the file as UTF-8"),
        ("a: µ".encode("utf-16"), "1:1: is not UTF-8 text: byte 0xff"),
        (b"a: 1\n" * (1 << 18), "1:1: is larger than 1 MiB"),
        (b"a: \xc3\xa9\xff", "1:5: is not UTF-8 text: byte 0xff"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, raw: bytes, message: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(raw)
    with pytest.raises(YamlError, match=re.escape(f"{path}:{message}")):
        load(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(YamlError, match=r"none\.yaml:1:1: cannot be read: No such file or directory"):
        load(tmp_path / "none.yaml")


def test_a_file_may_begin_with_a_byte_order_mark_and_have_any_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: on\r\n")
    with pytest.raises(YamlError, match=r"plan\.yaml:2:4: b: 'on'"):
        load(path)


def test_a_date_is_text_where_the_reader_asks_for_one() -> None:
    assert load("due: 2027-03-01", date_keys={"due"}).data == {"due": "2027-03-01"}
    with pytest.raises(YamlError, match="'2027-03-01' is a date"):
        load("other: 2027-03-01", date_keys={"due"})


YAML_LIKE = st.text(
    st.sampled_from(list("abz019.,:-_ \n\t{}[]&*!|>'\"%@`#?~<=+\\/µ±é\x00\x1b\ufeff\u2028\ud800\U0001f4a7")),
    max_size=60,
)
# JSON escapes characters beyond 16 bits as two halves, which YAML does not know, and DEL not at all.
PLAIN = st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"], exclude_characters="\x7f")
LEAVES = st.one_of(st.booleans(), st.integers(-(10**15), 10**15), st.text(PLAIN, max_size=12))
TREES = st.dictionaries(
    st.text(PLAIN, min_size=1, max_size=8),
    st.recursive(LEAVES, lambda inner: st.lists(inner, min_size=1, max_size=3), max_leaves=6),
    min_size=1,
    max_size=4,
)


@given(st.one_of(YAML_LIKE, st.text(max_size=40)))
def test_no_text_raises_anything_but_its_own_error(text: str) -> None:
    try:
        load(text)
    except YamlError as error:
        assert re.match(r"<text>:\d+:\d+: ", str(error))  # noqa: PT017 - some texts are fine
        str(error).encode("utf-8")


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_but_its_own_error(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(raw)
    try:
        load(path)
    except YamlError as error:
        assert error.problems  # noqa: PT017 - some bytes are fine


@given(TREES)
def test_quoted_text_comes_back_as_it_was(tree: dict[str, object]) -> None:
    # JSON is YAML in which every text is quoted and every hidden character escaped.
    assert load(json.dumps(tree)).data == tree


class _Small(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["small"]
    count: int = 1


class _Large(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["large"]
    share: float = Field(default=1.0, gt=0)
    names: list[str] = []


class _Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str
    decision: Literal["simple", "guarded"] = "guarded"
    parts: list[Annotated[_Small | _Large, Field(discriminator="kind")]] = Field(default=[], min_length=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("titel: x", "p.yaml:1:1: key 'title' is missing"),
        ("titel: x", "p.yaml:1:1: unknown key 'titel'; did you mean 'title'? (allowed: decision, parts, title)"),
        ("title: x\nqqq: x", "p.yaml:2:1: unknown key 'qqq' (allowed: decision, parts, title)"),
        ("title: 5", "p.yaml:1:8: title: found 5; text is meant here: quote it"),
        ("title: true", "p.yaml:1:8: title: found true; text is meant here: quote it"),
        ("title: [x]", "p.yaml:1:8: title: found a list; text is meant here"),
        ("title: x\ndecision: gaurded",
         "p.yaml:2:11: decision: found 'gaurded'; did you mean 'guarded'? must be 'simple' or 'guarded'"),
        ("title: x\nparts: []", "p.yaml:2:8: parts: found nothing; at least one entry is meant here"),
        ("title: x\nparts: 5", "p.yaml:2:8: parts: found 5; must be a valid array"),
        ("title: x\nparts: [5]", "p.yaml:2:9: parts[0]: found 5; a mapping of keys is meant here"),
        ("title: x\nparts: [{}]", "p.yaml:2:9: parts[0]: key 'kind' is missing"),
        ("title: x\nparts: [{kind: smal}]",
         "p.yaml:2:16: parts[0].kind: found 'smal'; did you mean 'small'? (allowed: small, large)"),
        ("title: x\nparts: [{kind: small, cuont: 2}]",
         "p.yaml:2:23: unknown key 'cuont'; did you mean 'count'? (allowed: count, kind)"),
        ("title: x\nparts: [{kind: small, count: '2'}]",
         "p.yaml:2:30: parts[0].count: found '2'; must be a valid integer"),
        ("title: x\nparts: [{kind: small, count: true}]",
         "p.yaml:2:30: parts[0].count: found true; must be a valid integer"),
        ("title: x\nparts: [{kind: large, share: -1}]",
         "p.yaml:2:30: parts[0].share: found -1; must be greater than 0"),
        ("title: x\nparts: [{kind: large, names: [a, 5]}]",
         "p.yaml:2:34: parts[0].names[1]: found 5; text is meant here"),
        ("just text", "p.yaml:1:1: found 'just text'; a mapping of keys is meant here"),
        ("- a list", "p.yaml:1:1: found a list; a mapping of keys is meant here"),
    ],
)  # fmt: skip
def test_what_a_model_refuses_is_shown_at_its_place(text: str, message: str) -> None:
    with pytest.raises(YamlError) as caught:
        validate(load(text, name="p.yaml"), _Whole)
    assert message in str(caught.value)


def test_a_model_s_errors_come_all_at_once() -> None:
    with pytest.raises(YamlError) as caught:
        validate(load("titel: x\nparts:\n  - {kind: small, cuont: 2}\n  - {kind: large, share: x}\n"), _Whole)
    assert [problem.line for problem in caught.value.problems] == [1, 1, 3, 4]


def test_a_whole_number_is_a_number_and_what_a_model_takes_is_returned() -> None:
    whole = validate(load("title: x\nparts: [{kind: large, share: 2, names: [a]}]"), _Whole)
    assert whole == _Whole(title="x", parts=[_Large(kind="large", share=2.0, names=["a"])])
