"""The silence after which nothing of an earlier exchange is expected."""

from __future__ import annotations

from drivers.errors import GarbledReplyError
from drivers.link import Link


def let_quiet(link: Link, end: bytes, quiet_s: float, deadline_s: float, advice: str) -> None:
    """Forget what still comes, in replies that end with `end`, until for `quiet_s` nothing does.

    Raises:
        GarbledReplyError: something comes all the time.

    """
    while link.clock.now_s() < deadline_s:
        link.discard_input()
        try:
            if link.read_until(end, link.clock.now_s() + quiet_s) is None and not link.unread:
                return
        except GarbledReplyError:
            continue  # more bytes than any reply has
    link.discard_input()
    raise GarbledReplyError(link.name, "talks without being asked", advice=advice)
