"""Messages out of frames. In: a client's data frames, in order. Out: whole messages, none longer than a bound."""

from __future__ import annotations

from voxtide.errors import MessageTooBigError


class MessageAssembler:
    """One connection's. What it holds is bounded by `max_bytes` and a packet.

    Attributes:
        max_bytes: The longest message.
        num_unfinished_bytes: What has come of a message that is not whole. Its owner adds what comes from the socket,
            for of a frame that is not whole nobody here knows yet.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.num_unfinished_bytes = 0
        self._fragments = bytearray()
        self._is_text = True

    def take(self, data: bytes | bytearray | memoryview, *, is_text: bool | None, is_last: bool) -> str | bytes | None:
        """The message that a frame completes, if any. `is_text` None for a frame that goes on with a message.

        Raises:
            MessageTooBigError: It is longer than `max_bytes`.
            UnicodeDecodeError: It is said to be text, and is not UTF-8.
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
            raise self.refusal()
        return message.decode() if self._is_text else message

    @property
    def is_too_long(self) -> bool:
        """Whether more has come than a message may have, whole or not."""
        return self.num_unfinished_bytes > self.max_bytes

    def clear(self) -> None:
        """Forget what has come of a message."""
        self._fragments.clear()
        self.num_unfinished_bytes = 0

    def refusal(self) -> MessageTooBigError:
        """What to say to a message that is too long."""
        return MessageTooBigError(
            f"a message is longer than {self.max_bytes} bytes; send audio in smaller pieces (the bound is "
            "the server's --max-message-bytes)"
        )
