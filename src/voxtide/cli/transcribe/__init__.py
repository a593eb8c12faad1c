"""`voxtide transcribe` and `voxtide demo`. In: options and sources. Out: text on the terminal or in files."""
