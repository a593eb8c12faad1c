"""Realtime dialects. In: a client's messages and transcript events. Out: effects. No I/O."""
