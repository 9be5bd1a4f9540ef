"""pyserial URL handler for `sim://<twin>/<device>`: a serial line to an emulated instrument, in simulated time."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from serial.serialutil import PortNotOpenError, SerialBase, SerialException

from bench.twin import port as ports

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Serial(SerialBase):
    """What `serial.serial_for_url("sim://…")` returns."""

    _twin_port: ports.Port | None = None

    def open(self) -> None:
        """Connect to the device.

        Raises:
            SerialException: it is not there, or open already.

        """
        if self.is_open:
            raise SerialException("Port is already open.")
        twin, device = _parts(self.port)
        try:
            port = ports.find_port(twin, device)
            port.open()
        except (ports.UnknownDeviceError, ports.UnpluggedError, ports.BusyError) as error:
            raise SerialException(f"could not open {self.port}: {error}") from error
        self._twin_port = port
        self.is_open = True
        self._reconfigure_port()

    def close(self) -> None:
        """Disconnect; safe to call twice."""
        if self._twin_port is not None:
            self._twin_port.close()
            self._twin_port = None
        self.is_open = False

    @property
    def in_waiting(self) -> int:
        """How many bytes wait to be read."""
        return self._open_port().waiting

    @property
    def out_waiting(self) -> int:
        """How many bytes wait to be sent: none, ever."""
        self._open_port()
        return 0

    def read(self, size: int = 1, /) -> bytes:
        """Read up to `size` bytes; fewer if they have not come within the time-out."""
        port = self._open_port()
        if port.waiting < size:
            port.wait_for_bytes(size, self.timeout)
        return port.take(size)

    def write(self, data: ReadableBuffer, /) -> int:
        """Send `data`; all of it, at once."""
        port = self._open_port()
        sent = bytes(memoryview(data))
        port.write(sent)
        return len(sent)

    def flush(self) -> None:
        """Wait until everything has been sent, which it has."""
        self._open_port()

    def reset_input_buffer(self) -> None:
        """Discard what has arrived; what is still on the line comes after."""
        port = self._open_port()
        port.take(port.waiting)

    def reset_output_buffer(self) -> None:
        """Discard what waits to be sent: nothing, ever."""
        self._open_port()

    @property
    def cts(self) -> bool:
        """Clear to send: always."""
        return True

    @property
    def dsr(self) -> bool:
        """Data set ready: always."""
        return True

    @property
    def ri(self) -> bool:
        """Ring indicator: never."""
        return False

    @property
    def cd(self) -> bool:
        """Carrier detect: always."""
        return True

    def _open_port(self) -> ports.Port:
        port = self._twin_port
        if port is None or not self.is_open:
            raise PortNotOpenError
        if not port.is_open:
            raise SerialException(f"{self.port}: the device is gone")
        return port

    def _reconfigure_port(self) -> None:
        if self._twin_port is not None:
            self._twin_port.set_line(ports.LineSettings(self.baudrate, self.bytesize, self.parity, self.stopbits))

    def _update_rts_state(self) -> None: ...

    def _update_dtr_state(self) -> None: ...

    def _update_break_state(self) -> None: ...


def _parts(url: str | None) -> tuple[str, str]:
    parts = urlsplit(url or "")
    device = parts.path.strip("/")
    if parts.scheme != "sim" or not parts.netloc or not device or "/" in device:
        raise SerialException(f"expected sim://<twin>/<device>, such as sim://twin/balance, not {url!r}")
    return parts.netloc, device
