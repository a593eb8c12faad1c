"""Wire dialects without I/O. In: a client's messages and transcript events. Out: what to send and what to do.

Nothing in this room knows sockets, asyncio or engines.
"""
