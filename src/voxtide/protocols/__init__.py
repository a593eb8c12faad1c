"""Wire dialects without I/O. In: a client's messages and transcript events. Out: what to send and what to do.

Nothing in this room knows sockets, asyncio or engines. docs/protocols.md says what the realtime wires speak.

    dialect.py            the seam between a wire and a session: effects, `Dialect`
    opening.py            a path, a query and facts become a dialect
    mistral.py            Mistral realtime           mistral_settings.py
    choose.py             OpenAI or vLLM? Both lie on one path
    openai_realtime.py    OpenAI realtime            openai_settings.py, openai_items.py, ..._turns.py, ..._beta.py
    vllm_realtime.py      vLLM realtime
    turns.py              speech probabilities become turns
    utterance.py          the text between two answers
    leaving.py            how a session ends, whatever its wire
    facts.py              what a dialect may know of the engine and the session
    messages.py           JSON and base64, and refusals
    fields.py             values inside messages
    failures.py           our errors as statuses and close codes
    batch_*.py            HTTP: a file in, a transcript out
    client_secrets.py     HTTP: tokens for browsers
"""
