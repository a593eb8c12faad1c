"""The room of model files. In: a model's name. Out: verified files in a cache. It does not know what the files mean."""

from voxtide.models.entry import ModelState
from voxtide.models.store import ModelStatus, ModelStore, Progress, PullProgress

__all__ = ["ModelState", "ModelStatus", "ModelStore", "Progress", "PullProgress"]
