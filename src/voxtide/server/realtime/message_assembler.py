"""Messages from frames. In: a client's data frames, in order. Out: whole messages of bounded length."""

from __future__ import annotations

from voxtide.errors import MessageTooBigError


class MessageAssembler:
    """Assembles one connection's messages. Holds at most `max_bytes` and one packet.

    Attributes:
        max_bytes: The longest message.
        num_unfinished_bytes: Bytes received of an incomplete message. The owner adds what the socket delivers, because
            an incomplete frame does not reach `add`.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.num_unfinished_bytes = 0
        self._fragments = bytearray()
        self._is_text = True

    def add(self, data: bytes | bytearray | memoryview, *, is_text: bool | None, is_last: bool) -> str | bytes | None:
        """Add a frame; returns the message it completes, or None. `is_text` is None for a continuation frame.

        Raises:
            MessageTooBigError: The message is longer than `max_bytes`.
            UnicodeDecodeError: A text message is not UTF-8.
        """
        if is_text is not None:
            self._is_text = is_text
        if self._fragments or not is_last:
            self._fragments += data
            self.num_unfinished_bytes = len(self._fragments)
            if not is_last:
                return None
            data = bytes(self._fragments)
            self._fragments.clear()
        self.num_unfinished_bytes = 0
        message = bytes(data)
        if len(message) > self.max_bytes:
            raise self.error()
        return message.decode() if self._is_text else message

    @property
    def is_too_long(self) -> bool:
        """Whether more bytes have arrived than a message may have, complete or not."""
        return self.num_unfinished_bytes > self.max_bytes

    def clear(self) -> None:
        """Discard the incomplete message."""
        self._fragments.clear()
        self.num_unfinished_bytes = 0

    def error(self) -> MessageTooBigError:
        """The error for a message that is too long."""
        return MessageTooBigError(
            f"a message is longer than {self.max_bytes} bytes; send audio in smaller messages (the limit is "
            "the server's --max-message-bytes)"
        )
