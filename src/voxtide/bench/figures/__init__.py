"""The figures, one module each. In: a session. Out: a `Figure`. Each docstring states exactly what is timed."""
