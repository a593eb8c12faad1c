"""Realtime sessions over WebSockets. In: sockets. Out: sessions on an engine. Knows dialects by their protocol only."""
