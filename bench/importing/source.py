"""The bytes of a file of readings, in blocks of whole lines: plain or gzip, UTF-8 or UTF-16, any line ends."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from bench.importing.errors import ImportedFileError

BLOCK_BYTES = 1 << 20
LONGEST_LINE_BYTES = 1 << 17
"""No line of readings is longer; a file without line ends would otherwise be read whole."""
_SMALL_BYTES = 1 << 16
_GZIP = b"\x1f\x8b"
_NO_TEXT = {
    b"PK\x03\x04": ("is an Excel workbook or a ZIP archive, no text", "Save it as CSV, or unpack it, first"),
    b"SQLite format 3\x00": (
        "is an SQLite file, no CSV",
        "A run of this bench is named by its folder or its recording.sqlite",
    ),
    b"\xfd7zXZ": ("is compressed by xz", "Unpack it first, or compress it by gzip"),
    b"\x28\xb5\x2f\xfd": ("is compressed by zstd", "Unpack it first, or compress it by gzip"),
    b"BZh": ("is compressed by bzip2", "Unpack it first, or compress it by gzip"),
    b"\xd0\xcf\x11\xe0": ("is an old Excel workbook, no text", "Save it as CSV first"),
}


class Block(NamedTuple):
    """Whole lines, each ended by a single line feed; `first_line` counts from 1.

    `ended` is false for the last line of a file that ends without a line end.
    """

    first_line: int
    data: bytes
    ended: bool = True


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as it lies there, compressed or not."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def blocks(path: Path) -> Iterator[Block]:
    """Yield a file's lines in blocks of about a mebibyte.

    Raises:
        ImportedFileError: there is no text in it, it is cut off, or a line is longer than any line of readings.
        OSError: it cannot be read.

    """
    line = 1
    carry = b""
    for text in _unix_lines(_decoded(path, _raw(path))):
        if b"\x00" in text:
            line += text[: text.index(b"\x00")].count(b"\n")
            raise ImportedFileError(path, "is binary: there is a NUL byte in it", "A CSV file is meant", line)
        carry += text
        end = carry.rfind(b"\n") + 1
        if len(carry) - end > LONGEST_LINE_BYTES:
            line += carry[:end].count(b"\n")
            raise _too_long(path, line)
        if end:
            yield Block(line, carry[:end])
            line += carry[:end].count(b"\n")
            carry = carry[end:]
    if carry:
        yield Block(line, carry + b"\n", ended=False)


def _too_long(path: Path, line: int) -> ImportedFileError:
    cause = f"is longer than {LONGEST_LINE_BYTES // 1024} KiB, which no line of readings is"
    return ImportedFileError(path, cause, "Is this a CSV file with a row a line? Export it anew", line)


def _raw(path: Path) -> Iterator[bytes]:
    if path.is_dir():
        raise ImportedFileError(path, "is a folder without a recording.sqlite", "Name a run's folder or a CSV file")
    with path.open("rb") as file:
        start = file.read(16)
        file.seek(0)
        _check_kind(path, start)
        if not start.startswith(_GZIP):
            yield from _pieces(file)
            return
        lines = 0
        try:
            with gzip.open(file) as unpacked:
                # By small pieces, so that nearly all that is left of a file comes before what is wrong with it.
                while piece := unpacked.read1(_SMALL_BYTES):
                    yield piece
                    lines += piece.count(b"\n")
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            cut = isinstance(error, EOFError)
            cause = "is cut off: its gzip stream has no end" if cut else f"is damaged: {error}"
            way_out = (
                f"Take it from a whole copy. `gzip -dc {path.name} > part.csv` saves what is left, "
                "which is then a recording that ends early"
            )
            raise ImportedFileError(path, f"{cause} (after line {lines})", way_out) from error


def _check_kind(path: Path, start: bytes) -> None:
    if not start:
        raise ImportedFileError(path, "is empty", "Name a CSV file with a header line and readings")
    for magic, (cause, way_out) in _NO_TEXT.items():
        if start.startswith(magic):
            raise ImportedFileError(path, cause, way_out)
    if path.suffix.lower() == ".gz" and not start.startswith(_GZIP):
        raise ImportedFileError(path, "is called .gz and is no gzip file", "Rename it if it is plain text")


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(BLOCK_BYTES):
        yield piece


def _decoded(path: Path, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield UTF-8 without a byte order mark; UTF-16, as some Windows programs write it, is turned into that."""
    first = next(pieces, b"")
    if not first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder("utf-16")()
    try:
        yield decoder.decode(first).encode()
        for piece in pieces:
            yield decoder.decode(piece).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeDecodeError as error:
        raise ImportedFileError(path, f"begins as UTF-16 and is none ({error.reason})", "Save it as UTF-8") from error


def _unix_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield text whose lines end with a line feed alone."""
    held = b""
    for piece in pieces:
        text = held + piece
        # A carriage return at the end may be the first half of a line end.
        held = b"\r" if text.endswith(b"\r") else b""
        text = text[: len(text) - len(held)]
        yield text.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in text else text
    if held:
        yield b"\n"
