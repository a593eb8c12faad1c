"""HTTP requests and answers. In: form fields, transcripts. Out: requests, bodies, server-sent events. No I/O."""
