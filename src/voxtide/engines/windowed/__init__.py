"""Streaming decoding for models that transcribe windows. In: samples. Out: events. Knows no model and no threads."""
