"""The room of model files. In: a model's name. Out: verified files in a cache. It does not know what the files mean."""
