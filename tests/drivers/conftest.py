"""Instruments on the other end of real links."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from bench.clock import RealClock
from tests.drivers.peers import Answer, Peer, PtyPeer, TcpPeer

MakePeer = Callable[..., Peer]


@pytest.fixture
def clock() -> RealClock:
    return RealClock()


@pytest.fixture
def pty_peer() -> Iterator[Callable[[Answer, bytes], PtyPeer]]:
    peers: list[PtyPeer] = []

    def make(answer: Answer, terminator: bytes) -> PtyPeer:
        peers.append(PtyPeer(answer, terminator))
        return peers[-1]

    yield make
    for peer in peers:
        peer.close()


@pytest.fixture
def tcp_peer() -> Iterator[Callable[[Answer, bytes], TcpPeer]]:
    peers: list[TcpPeer] = []

    def make(answer: Answer, terminator: bytes) -> TcpPeer:
        peers.append(TcpPeer(answer, terminator))
        return peers[-1]

    yield make
    for peer in peers:
        peer.close()
