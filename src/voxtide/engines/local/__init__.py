"""Streams of engines that run in this process. In: the five verbs. Out: events. Knows no model."""
