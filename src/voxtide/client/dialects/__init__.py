"""The client side of the vendors' protocols. In: requests, frames. Out: frames, server messages. No I/O."""
