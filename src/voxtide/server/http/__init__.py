"""HTTP endpoints. In: requests, some with files. Out: transcripts, models, client secrets."""
