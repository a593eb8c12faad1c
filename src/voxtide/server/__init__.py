"""The server. In: clients over HTTP and WebSocket. Out: their sessions and files, transcribed by a given engine.

Knows engines by `engines.base` and dialects by `protocols.realtime.dialect` only; loads no model, reads no environment.
"""
