"""The engine that is a server elsewhere: voxtide, Mistral's service, or any server of its realtime dialect.

In: the server's address and a key. Out: an `Engine` whose streams are connections. `client/` does the work.
"""

from voxtide.engines.remote.engine import RemoteEngine, load

__all__ = ["RemoteEngine", "load"]
