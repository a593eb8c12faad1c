"""Sockets. In: clients over HTTP and WebSocket. Out: their sessions on an engine that was handed in.

Knows engines by `engines.base` and wires by `protocols.dialect` only; loads no model, reads no environment.
"""
