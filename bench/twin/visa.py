"""The VISA backend `@twin`: emulated instruments as raw TCP sockets, in simulated time.

`pyvisa.ResourceManager("@twin").open_resource("TCPIP0::pump.twin::5025::SOCKET")` opens device `pump` of the twin named
`twin`. Errors and status codes are those of a VISA library; time-outs pass by the twin's clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyvisa import constants, rname
from pyvisa.constants import ResourceAttribute, StatusCode
from pyvisa.highlevel import VisaLibraryBase
from pyvisa.typing import VISAEventContext, VISARMSession, VISASession
from pyvisa.util import LibraryPath

from bench.twin import port as ports

_MANAGER = VISARMSession(1)
_SOCKET = 5025


class _Session:
    """One open resource: its port and its VISA attributes."""

    def __init__(self, port: ports.Port, manager: VISARMSession, name: rname.TCPIPSocket) -> None:
        self.port = port
        self.timeout_s: float | None = 2.0
        self.terminator: int | None = None
        self.attributes: dict[ResourceAttribute, Any] = {
            ResourceAttribute.timeout_value: 2000,
            ResourceAttribute.termchar: 0x0A,
            ResourceAttribute.termchar_enabled: constants.VI_FALSE,
            ResourceAttribute.suppress_end_enabled: constants.VI_TRUE,
            ResourceAttribute.send_end_enabled: constants.VI_TRUE,
            ResourceAttribute.io_prot: constants.VI_PROT_NORMAL,
            ResourceAttribute.tcpip_keepalive: constants.VI_FALSE,
            ResourceAttribute.tcpip_nodelay: constants.VI_TRUE,
            ResourceAttribute.tcpip_address: name.host_address,
            ResourceAttribute.tcpip_hostname: name.host_address,
            ResourceAttribute.tcpip_port: int(name.port),
            ResourceAttribute.interface_type: constants.InterfaceType.tcpip,
            ResourceAttribute.interface_number: int(name.board),
            ResourceAttribute.resource_class: "SOCKET",
            ResourceAttribute.resource_name: str(name),
            ResourceAttribute.resource_manager_session: manager,
            ResourceAttribute.resource_lock_state: constants.AccessModes.no_lock,
            ResourceAttribute.resource_manufacturer_name: "pump bench twin (simulated)",
            ResourceAttribute.resource_impl_version: 1,
            ResourceAttribute.resource_spec_version: 0x00700200,
        }

    def set(self, attribute: ResourceAttribute, state: Any) -> None:
        self.attributes[attribute] = state
        timeout_ms = self.attributes[ResourceAttribute.timeout_value]
        self.timeout_s = None if timeout_ms == constants.VI_TMO_INFINITE else timeout_ms / 1000
        enabled = self.attributes[ResourceAttribute.termchar_enabled]
        self.terminator = self.attributes[ResourceAttribute.termchar] if enabled else None


_WRITABLE = frozenset(
    {
        ResourceAttribute.timeout_value,
        ResourceAttribute.termchar,
        ResourceAttribute.termchar_enabled,
        ResourceAttribute.suppress_end_enabled,
        ResourceAttribute.send_end_enabled,
        ResourceAttribute.io_prot,
        ResourceAttribute.tcpip_keepalive,
        ResourceAttribute.tcpip_nodelay,
    }
)


class TwinVisaLibrary(VisaLibraryBase):
    """A VISA library whose only instruments are the twins of this process."""

    _sessions: dict[VISASession, _Session]
    _last: int

    @staticmethod
    def get_library_paths() -> Iterable[LibraryPath]:
        """Return the one path that there is, a name only."""
        return (LibraryPath("twin"),)

    @staticmethod
    def get_debug_info() -> dict[str, str]:
        """Describe the backend for `pyvisa-info`."""
        return {"Description": "instruments of the simulated rig, raw sockets only"}

    def _init(self) -> None:
        self._sessions = {}
        self._last = int(_MANAGER)

    def open_default_resource_manager(self) -> tuple[VISARMSession, StatusCode]:
        """Open the one resource manager."""
        return _MANAGER, self.handle_return_value(_MANAGER, StatusCode.success)

    def list_resources(self, session: VISARMSession, query: str = "?*::INSTR") -> tuple[str, ...]:  # noqa: ARG002
        """List the devices of every twin in this process that match `query`."""
        names = [f"TCPIP0::{device}.{twin}::{_SOCKET}::SOCKET" for twin, device in ports.known()]
        return tuple(rname.filter(names, query))

    def open(
        self,
        session: VISARMSession,
        resource_name: str,
        access_mode: constants.AccessModes = constants.AccessModes.no_lock,  # noqa: ARG002
        open_timeout: int = constants.VI_TMO_IMMEDIATE,  # noqa: ARG002
    ) -> tuple[VISASession, StatusCode]:
        """Open `TCPIP[board]::<device>.<twin>::<any port>::SOCKET`.

        Raises:
            VisaIOError: no such device, or it is open already.

        """
        nothing = VISASession(0)
        try:
            name = rname.ResourceName.from_string(resource_name)
        except rname.InvalidResourceName:
            return nothing, self.handle_return_value(None, StatusCode.error_invalid_resource_name)
        if not isinstance(name, rname.TCPIPSocket):
            return nothing, self.handle_return_value(None, StatusCode.error_resource_not_found)
        device, _, twin = name.host_address.partition(".")
        try:
            port = ports.find_port(twin, device)
            port.open()
        except (ports.UnknownDeviceError, ports.UnpluggedError):
            return nothing, self.handle_return_value(None, StatusCode.error_resource_not_found)
        except ports.BusyError:
            return nothing, self.handle_return_value(None, StatusCode.error_resource_busy)
        self._last += 1
        opened = VISASession(self._last)
        self._sessions[opened] = _Session(port, session, name)
        return opened, self.handle_return_value(opened, StatusCode.success)

    def close(self, session: VISASession | VISAEventContext | VISARMSession) -> StatusCode:
        """Close a resource, or every one with the resource manager."""
        if session == _MANAGER:
            for opened in self._sessions.values():
                opened.port.close()
            self._sessions.clear()
            return StatusCode.success
        closing = self._sessions.pop(VISASession(int(session)), None)
        if closing is None:
            return self.handle_return_value(None, StatusCode.error_invalid_object)
        closing.port.close()
        return StatusCode.success

    def read(self, session: VISASession, count: int) -> tuple[bytes, StatusCode]:
        """Read to the termination character where that is enabled, else to `count` bytes.

        Raises:
            VisaIOError: time-out, and what had arrived stays for the next read; or the device is gone.

        """
        opened = self._sessions.get(session)
        if opened is None:
            return b"", self.handle_return_value(None, StatusCode.error_invalid_object)
        port, terminator = opened.port, opened.terminator
        if terminator is None:
            if not port.wait_for_bytes(count, opened.timeout_s):
                return b"", self._nothing_came(session, port)
            return port.take(count), self._succeed(session, StatusCode.success_max_count_read)
        if not port.wait_for_byte(terminator, opened.timeout_s):
            return b"", self._nothing_came(session, port)
        length = port.arrived.index(terminator) + 1
        if length > count:
            return port.take(count), self._succeed(session, StatusCode.success_max_count_read)
        return port.take(length), self._succeed(session, StatusCode.success_termination_character_read)

    def write(self, session: VISASession, data: bytes) -> tuple[int, StatusCode]:
        """Send all of `data`.

        Raises:
            VisaIOError: the device is gone.

        """
        opened = self._sessions.get(session)
        if opened is None:
            return 0, self.handle_return_value(None, StatusCode.error_invalid_object)
        if not opened.port.is_open:
            return 0, self.handle_return_value(session, StatusCode.error_connection_lost)
        opened.port.write(data)
        return len(data), self._succeed(session, StatusCode.success)

    def clear(self, session: VISASession) -> StatusCode:
        """Discard what has arrived; a raw socket knows no device clear."""
        opened = self._sessions.get(session)
        if opened is None:
            return self.handle_return_value(None, StatusCode.error_invalid_object)
        opened.port.discard()
        return self._succeed(session, StatusCode.success)

    def flush(self, session: VISASession, mask: constants.BufferOperation) -> StatusCode:  # noqa: ARG002
        """Discard what has arrived, whichever buffer is meant: none holds anything to send."""
        return self.clear(session)

    def get_attribute(
        self, session: VISASession | VISAEventContext | VISARMSession, attribute: ResourceAttribute | Any
    ) -> tuple[Any, StatusCode]:
        """Return an attribute's state."""
        opened = self._sessions.get(VISASession(int(session)))
        if opened is None:
            return None, self.handle_return_value(None, StatusCode.error_invalid_object)
        if attribute not in opened.attributes:
            return None, self.handle_return_value(None, StatusCode.error_nonsupported_attribute)
        return opened.attributes[attribute], StatusCode.success

    def set_attribute(self, session: VISASession, attribute: ResourceAttribute, attribute_state: Any) -> StatusCode:
        """Set an attribute; those that describe the resource are read-only."""
        opened = self._sessions.get(session)
        if opened is None:
            return self.handle_return_value(None, StatusCode.error_invalid_object)
        if attribute not in opened.attributes:
            return self.handle_return_value(session, StatusCode.error_nonsupported_attribute)
        if attribute not in _WRITABLE:
            return self.handle_return_value(session, StatusCode.error_attribute_read_only)
        opened.set(attribute, attribute_state)
        return StatusCode.success

    def disable_event(
        self,
        session: VISASession,  # noqa: ARG002
        event_type: constants.EventType,  # noqa: ARG002
        mechanism: constants.EventMechanism,  # noqa: ARG002
    ) -> StatusCode:
        """Do nothing: a raw socket has no events."""
        return StatusCode.success

    discard_events = disable_event

    def _nothing_came(self, session: VISASession, port: ports.Port) -> StatusCode:
        lost = not port.is_open
        return self.handle_return_value(session, StatusCode.error_connection_lost if lost else StatusCode.error_timeout)

    def _succeed(self, session: VISASession, status: StatusCode) -> StatusCode:
        self._last_status = self._last_status_in_session[session] = status
        return status
