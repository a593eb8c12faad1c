"""Streaming speech-to-text you run yourself: words while the speaker talks, the last word the moment they stop."""
