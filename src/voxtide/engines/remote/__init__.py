"""The engine for a voxtide server, Mistral's service, or any server with its realtime dialect.

In: the server's address and a key. Out: an `Engine` whose streams are client connections.
"""

from voxtide.engines.remote.engine import RemoteEngine, load

__all__ = ["RemoteEngine", "load"]
