"""Containers and codecs. In: bytes, addresses. Out: samples. The only place that knows FFmpeg (PyAV)."""
