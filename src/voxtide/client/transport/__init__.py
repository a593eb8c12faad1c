"""One session's transport: sends audio, replays it after a loss, emits each word once. Knows no dialect."""
