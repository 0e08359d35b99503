"""Decompresses a response body piece by piece, with a size limit.

urllib3 does not report whether the compressed data is complete, and versions before 2.6 decompress
a piece without a limit, up to a thousand times its size.
"""

import zlib

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.shown import shown

# The encodings that requests accept, and their names in responses.
ACCEPTED = "gzip, deflate"
_KNOWN = frozenset({"gzip", "x-gzip", "deflate"})
# zlib's window size for detecting gzip or zlib automatically.
_EITHER = 47
# And for raw deflate data without zlib's header, which some servers send.
_BARE = -15


class Unpacker:
    """Decompresses one body.

    Args:
        encoding: the Content-Encoding header; empty if the body is not compressed.

    Raises:
        UnusableAnswerError: the encoding was not requested, or there are several.
    """

    def __init__(self, encoding: str) -> None:
        encoding = encoding.strip().lower()
        if encoding not in {*_KNOWN, "", "identity"}:
            raise UnusableAnswerError(
                f"sent a response with the encoding {shown(encoding)}, but only {ACCEPTED} are "
                "accepted"
            )
        self._is_packed = encoding in _KNOWN
        self._bare_is_possible = encoding == "deflate"
        self._unpacker = zlib.decompressobj(_EITHER)

    def unpack(self, piece: bytes, most: int) -> bytes:
        """Return a decompressed piece of the body, cut after ``most`` bytes plus one.

        Raises:
            zlib.error: the data is invalid.
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
        # Concatenated members form one body.
        while self._unpacker.eof and self._unpacker.unused_data and len(unpacked) <= most:
            rest = self._unpacker.unused_data
            self._unpacker = zlib.decompressobj(_EITHER)
            unpacked += self._unpacker.decompress(rest, most + 1 - len(unpacked))
        return unpacked

    @property
    def is_whole(self) -> bool:
        """Whether the compressed data is complete."""
        return not self._is_packed or self._unpacker.eof
