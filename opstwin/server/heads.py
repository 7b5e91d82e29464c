"""HTTP/1.1 as the hub reads it: uvicorn's quick parser, with values as RFC 9110 has them and heads of bounded size."""

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 64 * 1024
"""Request line and headers together: the parser itself would keep whatever comes. Common servers take 8 to 32 KiB."""

_OPTIONAL_SPACE: Final = b" \t"


class BoundedHeads(HttpToolsProtocol):
    """Answers 400 and closes when a head does not end within `MAX_HEAD_BYTES`."""

    _in_head = False
    _head_bytes = 0

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A value without the space around it, which is no part of it (RFC 9110, 5.5)."""
        super().on_header(name, value.strip(_OPTIONAL_SPACE))

    def data_received(self, data: bytes) -> None:
        was_in_head = self._in_head
        super().data_received(data)
        # What a head began in may hold the body before it, and is not counted: it is one read at most.
        if not (was_in_head and self._in_head) or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self.send_400_response("The request line and headers are too large.")
