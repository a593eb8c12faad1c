"""Text pieces become events and files. In: final and interim text with times. Out: events, txt, srt, vtt, json.

Knows nothing of audio bytes, engines, sockets or the terminal.
"""
