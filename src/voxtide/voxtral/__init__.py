"""The Voxtral Realtime model. In: a checkpoint and samples. Out: token ids. Tensors only: no threads, no asyncio.

    samples -> framing: windows of 80 ms                                  (host, NumPy)
            -> mel -> stem -> encoder -> adapter: one audio embedding     (Model.encode)
            -> decoder, conditioned on the delay -> one token             (Model.decode)
            -> tokenizer: bytes -> text                                   (host)

A fixed number of slots is allocated once (slots.py); each stream occupies one slot. A slot's state between steps is a
few small tensors, and keys and values in rings (ring.py). The package knows nothing of streams, schedules, flushes or
events: `engines/voxtral` decides which slots run in a step. MODEL.md beside this file explains the model.

    config.py      the model's shape, its constants, the memory of a slot; needs no torch
    framing.py     samples -> windows on the model's grid
    mel.py         windows -> log-mel energies
    layers.py      linear layers (dense, packed, int8), norms, rotary positions
    transformer.py a stack of layers, the same for encoder and decoder
    attention.py   queries against the keys in a slot's ring
    checking.py    whether this machine's paged kernel can be used
    encoder.py     the causal convolutions, the audio encoder and the adapter
    decoder.py     the language model and the tables of delay conditioning
    ring.py        keys and values of all slots
    slots.py       the state kept between steps: reset, snapshot, restore
    model.py       the whole model: encode, decode
    names.py       the names of the tensors in both checkpoint formats
    checkpoint.py  tensors out of safetensors files, sharded or not
    loading.py     a directory -> a model
    tokenizer.py   token ids -> text

This package itself imports no torch; its modules do.
"""
