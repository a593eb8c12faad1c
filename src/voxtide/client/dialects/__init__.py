"""The vendors' protocols as a client speaks them. In: messages. Out: messages. No I/O."""
