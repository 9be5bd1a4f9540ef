"""A figure's data for the browser: small, and free of quotes since pytest-html escapes each of them into five bytes.

A frame is a length (32 bits, little-endian), a JSON header of that length, then for each series the differences of
its x in 24 bits and of its y in 16, byte planes apart; all deflated and in base64. y is a share of the series'
own range (65535 is a gap), so a value shown under the pointer is right to 1/65534 of that range.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.reporting import layout
from bench.results.model import Figure, Series

_X_STEPS = 2**24 - 1
_Y_STEPS = 2**16 - 2
_GAP = 2**16 - 1


def encode(figure: Figure, *, simulated: bool) -> str:
    """Return a figure's data, ranges and colours as base64 text."""
    figure = layout.drawn(figure)
    palette, bars = layout.colours(figure), layout.bar_offsets(figure)
    heads: list[dict[str, Any]] = []
    planes = b""
    for index, series in enumerate(figure.series):
        head, plane = _pack(series)
        heads.append(
            head | {"label": series.label, "style": series.style, "role": series.role, "colour": palette[index]}
        )
        if index in bars:
            heads[-1]["bar"] = bars[index]
        planes += plane
    header = {
        "title": figure.title,
        "xLabel": figure.x_label,
        "yLabel": figure.y_label,
        "unit": layout.x_unit(figure),
        "x": layout.x_range(figure),
        "y": layout.y_range(figure),
        "places": layout.few_places(figure),
        "counts": layout.counts(figure),
        "logs": [int(figure.x_log), int(figure.y_log)],
        "series": heads,
        "bands": layout.band_pairs(figure),
        "marks": [[mark.x, *texts] for mark, *texts in layout.mark_texts(figure.marks)],
        "rules": [[rule.y, rule.label] for rule in figure.rules],
        "simulated": simulated,
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    return base64.b64encode(zlib.compress(struct.pack("<I", len(text)) + text + planes, 9)).decode("ascii")


def decode(text: str) -> tuple[dict[str, Any], list[tuple[list[float], list[float | None]]]]:
    """Return the header and each series' (x, y) of an encoded figure, as the browser reads them."""
    data = zlib.decompress(base64.b64decode(text))
    length = struct.unpack("<I", data[:4])[0]
    header = json.loads(data[4 : 4 + length])
    at = 4 + length
    found: list[tuple[list[float], list[float | None]]] = []
    for head in header["series"]:
        n = head["n"]
        x_codes = _joined(data[at : at + 3 * n], 3, _X_STEPS + 1)
        y_codes = _joined(data[at + 3 * n : at + 5 * n], 2, _GAP + 1)
        at += 5 * n
        xs = [head["x0"] + int(code) * head["dx"] for code in x_codes]
        ys = [None if code == _GAP else head["y0"] + int(code) * head["dy"] for code in y_codes]
        found.append((xs, ys))
    return header, found


def _pack(series: Series) -> tuple[dict[str, Any], bytes]:
    pairs = [(x, y) for x, y in zip(series.x, series.y, strict=True) if x is not None]
    if series.style == "points":
        pairs.sort(key=lambda pair: pair[0])
    xs = np.array([x for x, _ in pairs], dtype=float)
    ys = np.array([np.nan if y is None else y for _, y in pairs], dtype=float)
    known = ys[~np.isnan(ys)]
    x0, dx = _scale(xs, _X_STEPS)
    y0, dy = _scale(known, _Y_STEPS)
    x_codes = np.rint((xs - x0) / dx).astype(np.int64)
    y_codes = np.where(np.isnan(ys), _GAP, np.rint((np.nan_to_num(ys, nan=y0) - y0) / dy)).astype(np.int64)
    head = {"n": len(pairs), "x0": x0, "dx": dx, "y0": y0, "dy": dy}
    return head, _split(x_codes, 3, _X_STEPS + 1) + _split(y_codes, 2, _GAP + 1)


def _scale(values: npt.NDArray[np.float64], steps: int) -> tuple[float, float]:
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    return low, (high - low) / steps or 1.0


def _split(codes: npt.NDArray[np.int64], size: int, modulus: int) -> bytes:
    differences = np.diff(codes, prepend=0) % modulus
    return b"".join(((differences >> 8 * plane) & 255).astype(np.uint8).tobytes() for plane in range(size))


def _joined(data: bytes, size: int, modulus: int) -> npt.NDArray[np.int64]:
    planes = np.frombuffer(data, dtype=np.uint8).reshape(size, -1).astype(np.int64)
    differences: npt.NDArray[np.int64] = np.sum(planes << (8 * np.arange(size))[:, None], axis=0)
    return np.cumsum(differences) % modulus
