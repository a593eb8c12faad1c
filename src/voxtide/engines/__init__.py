"""Engines: samples become events. In: samples, flush, finish. Out: transcript events. Knows no files, no protocols."""
