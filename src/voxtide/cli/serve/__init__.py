"""The command `serve`. In: options. Out: a running server, its start-up text and log."""
