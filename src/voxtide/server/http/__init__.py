"""HTTP endpoints. In: requests with files. Out: transcripts, models, client secrets."""
