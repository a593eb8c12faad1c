"""The Voxtral Realtime model. In: a checkpoint and samples. Out: token ids. Tensors only: no threads, no asyncio.

    samples -> framing: windows of 80 ms                                  (host, NumPy)
            -> mel -> stem -> encoder -> adapter: one audio embedding     (Model.encode)
            -> decoder, conditioned on the delay -> one token             (Model.decode)
            -> tokenizer: bytes -> text                                   (host)

A fixed number of rows is allocated once (slots.py); a stream lives in one row. What a row carries between steps are a
few small tensors, and keys and values in rings (ring.py). It knows nothing of streams, schedules, flushes or events;
who runs which row when is `engines/voxtral`. How the model works is told in MODEL.md beside this file.

    config.py      the model's shape, its constants, what a row costs; needs no torch
    framing.py     samples -> windows on the model's grid
    mel.py         windows -> log-mel energies
    layers.py      linear layers (dense, packed, int8), norms, rotary positions
    transformer.py a stack of layers, the same for encoder and decoder
    attention.py   queries against what a row's ring holds
    checking.py    whether this machine's paged kernel can be used
    encoder.py     the causal convolutions, the audio encoder and the adapter
    decoder.py     the language model and the tables of delay conditioning
    ring.py        keys and values of all rows
    slots.py        all that is carried from step to step: open, snapshot, restore
    model.py       wires them: encode, decode
    names.py       what each tensor is called in both checkpoint formats
    checkpoint.py  tensors out of safetensors files, sharded or not
    loading.py     a directory -> a model
    tokenizer.py   token ids -> text

This package itself imports no torch; its modules do.
"""
