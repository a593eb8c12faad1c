"""Transcript events and file formats. In: final and interim text with times. Out: events, txt, srt, vtt, json.

Knows no audio, engines, sockets or terminal.
"""
