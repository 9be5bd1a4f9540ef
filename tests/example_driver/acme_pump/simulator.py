"""An Acme P1 on a loopback socket, for trying the driver without a pump: `python -m acme_pump.simulator`."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable

CONCENTRATION = 100
_BOLUS_U_PER_S = 0.25
_SECONDS_PER_HOUR = 3600.0


class RefusalError(Exception):
    """The pump answers with an error."""


class Pump:
    """What the pump does, counted to the present whenever it is asked."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._at_s = now_s()
        self._rate_u_per_h = 0.0
        self._bolus_u, self._bolus_done_u = 0.0, 0.0
        self._basal, self._bolus = False, False
        self._total_u = 0.0

    def answer(self, line: str) -> str:
        """Do what a line asks, and return the answer."""
        self._advance()
        name, _, value = line.partition(" ")
        try:
            if value:
                return "=" + self._set(name, float(value))
            return "=" + self._tell(name)
        except RefusalError as error:
            return f"!{error}"
        except ValueError:
            return "!2"

    def _advance(self) -> None:
        now_s = self._now_s()
        passed_s, self._at_s = now_s - self._at_s, now_s
        if self._basal:
            self._total_u += self._rate_u_per_h * passed_s / _SECONDS_PER_HOUR
        if self._bolus:
            came_u = min(_BOLUS_U_PER_S * passed_s, self._bolus_u - self._bolus_done_u)
            self._bolus_done_u += came_u
            self._total_u += came_u
            self._bolus = self._bolus_done_u < self._bolus_u

    def _set(self, name: str, value: float) -> str:
        if value < 0.0 or value > 30.0:
            raise RefusalError("2")
        if name == "BASAL":
            self._basal, self._rate_u_per_h = value > 0.0, value
        elif name == "BOLUS" and value == 0.0:
            self._bolus = False
        elif name == "BOLUS":
            if self._bolus:
                raise RefusalError("3")
            self._bolus, self._bolus_u, self._bolus_done_u = True, value, 0.0
        else:
            raise RefusalError("1")
        return ""

    def _tell(self, name: str) -> str:
        if name == "STOP":
            self._basal = self._bolus = False
            return ""
        told = {
            "ID": "Acme,P1 simulated,SIM-ACME-1,1.0",
            "CONC": f"{CONCENTRATION}",
            "STAT": "BOLUS" if self._bolus else "BASAL" if self._basal else "STOP",
            "BOLUS?": f"{int(self._bolus)},{self._bolus_u:.4f},{self._bolus_done_u:.4f}",
            "TOTAL": f"{self._total_u:.4f}",
            "RES": f"{300.0 - self._total_u:.2f}",
            "BATT": "87",
        }
        if name not in told:
            raise RefusalError("1")
        return told[name]


def main() -> None:
    """Serve one host after another on a free port of the loopback interface, and say which."""
    pump = Pump(time.monotonic)
    with socket.create_server(("127.0.0.1", 0)) as server:
        sys.stdout.write(f"SIMULATED pump at socket://127.0.0.1:{server.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            host, _ = server.accept()
            with host:
                heard = b""
                while data := host.recv(4096):
                    *lines, heard = (heard + data).split(b"\r")
                    for line in lines:
                        host.sendall(pump.answer(line.decode("ascii", "replace").strip()).encode("ascii") + b"\r")


if __name__ == "__main__":
    main()
