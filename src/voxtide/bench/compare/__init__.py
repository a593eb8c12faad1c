"""Compares chunked and streaming transcription by one engine. In: audio, an engine. Out: when each word appeared.

chunked (record, send, wait), streaming -> ways -> comparison -> lines, JSON, plot

`voxtide compare` is its command; docs/cli.md has the definitions.
"""
