"""The async client. In: audio for a server of the Mistral or vLLM realtime dialect. Out: transcript events.

Knows no engines; the engines `remote` and `vllm` are built on it.
"""
