"""Vendors' protocols without I/O. In: client messages and transcript events. Out: messages to send and actions to take.

Knows no sockets, no asyncio and no engines. docs/protocols.md describes the realtime protocols.

    messages.py               JSON, base64 and `RequestRefusedError`
    fields.py                 values inside messages
    error_codes.py            our errors as HTTP statuses and close codes
    session_info.py           session ids
    realtime/                 WebSocket sessions
        dialect.py            the seam between a dialect and a session: effects, `Dialect`
        base.py               what all dialects share: dispatch, and how a session ends
        routing.py            selects the dialect of a connection
        mistral.py            Mistral realtime: mistral_settings.py
        openai.py             OpenAI realtime: openai_settings.py, openai_items.py, openai_beta.py
        vllm.py               vLLM realtime
        turns.py              speech probabilities become turns
        pending_text.py       the text since the last answer
    http/                     file in, transcript out
        form.py, request.py   reading a request
        response.py, sse.py   the answer, whole or streamed
        errors.py             error bodies
        client_secrets.py     tokens for browsers
"""
