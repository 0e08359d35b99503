"""Unpacks what an answer's body was packed with, piece by piece and never much more than asked for.

urllib3 would do it, and does not say whether what was packed came to its end; and its versions
before 2.6 unpack a piece without a limit, to a thousand times its size.
"""

import zlib

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.shown import shown

# What requests ask for, and the names that go with it.
ACCEPTED = "gzip, deflate"
_KNOWN = frozenset({"gzip", "x-gzip", "deflate"})
# zlib's number for: gzip or zlib, as its first bytes say.
_EITHER = 47
# And for what some servers send as deflate, without zlib's header.
_BARE = -15


class Unpacker:
    """Unpacks one body.

    Args:
        encoding: the header Content-Encoding; empty where it was not packed.

    Raises:
        UnusableAnswerError: it was packed several times, or in a way that was not asked for.
    """

    def __init__(self, encoding: str) -> None:
        encoding = encoding.strip().lower()
        if encoding not in {*_KNOWN, "", "identity"}:
            raise UnusableAnswerError(
                f"sent an answer packed as {shown(encoding)}, and {ACCEPTED} is what was asked for"
            )
        self._is_packed = encoding in _KNOWN
        self._bare_is_possible = encoding == "deflate"
        self._unpacker = zlib.decompressobj(_EITHER)

    def unpack(self, piece: bytes, most: int) -> bytes:
        """Return what a piece of the body holds; of more than ``most`` bytes, so many and one.

        Raises:
            zlib.error: it is not packed so.
        """
        if not self._is_packed:
            return piece
        try:
            unpacked = self._unpacker.decompress(piece, most + 1)
        except zlib.error:
            if not self._bare_is_possible:
                raise
            self._unpacker = zlib.decompressobj(_BARE)
            unpacked = self._unpacker.decompress(piece, most + 1)
        self._bare_is_possible = False
        # Several packed one after the other are one.
        while self._unpacker.eof and self._unpacker.unused_data and len(unpacked) <= most:
            rest = self._unpacker.unused_data
            self._unpacker = zlib.decompressobj(_EITHER)
            unpacked += self._unpacker.decompress(rest, most + 1 - len(unpacked))
        return unpacked

    @property
    def is_whole(self) -> bool:
        """Whether what was packed has come to its end."""
        return not self._is_packed or self._unpacker.eof
