"""Speech with known text. In: a corpus's name or a directory. Out: utterances. Knows no engine.

packages (Debian archives, verified, unpacked) -> layouts (files and texts) -> the figures

`scripts/corpora` fetches them; any directory in a known layout works without.
"""
