"""The figures, a module each. In: a session. Out: a `Figure`. Each module says what it measures, from what to what."""
