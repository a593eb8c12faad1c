"""Streams of an engine that runs in this process. In: the five verbs. Out: events. Knows no model."""
