"""The command `compare`: chunked and streaming transcription side by side. In: options. Out: the terminal, a table."""
