"""What must be told neither in logs nor in errors: an unlock code, a password."""

from __future__ import annotations

HIDDEN = b"*"


class Secrets:
    """Byte strings that are shown as asterisks, as many as they have bytes, wherever they pass."""

    def __init__(self) -> None:
        self._secrets: list[bytes] = []

    def add(self, secret: bytes) -> None:
        """Hide `secret` from now on; an empty one hides nothing."""
        if secret and secret not in self._secrets:
            # The longest first: one may hold another.
            self._secrets = sorted([*self._secrets, secret], key=len, reverse=True)

    def hide(self, data: bytes) -> bytes:
        """Return `data` with every secret in it as asterisks."""
        for secret in self._secrets:
            if secret in data:
                data = data.replace(secret, HIDDEN * len(secret))
        return data

    def hide_in_text(self, text: str) -> str:
        """Return `text` with every secret in it as asterisks."""
        for secret in self._secrets:
            word = secret.decode("latin-1")
            if word in text:
                text = text.replace(word, HIDDEN.decode() * len(word))
        return text


class InstrumentName(str):
    """What an instrument is called in errors; an error that is made with it shows none of the instrument's secrets."""

    __slots__ = ("secrets",)

    secrets: Secrets

    def __new__(cls, text: str, secrets: Secrets) -> InstrumentName:
        """Make the name of an instrument that has these secrets."""
        name = super().__new__(cls, text)
        name.secrets = secrets
        return name
