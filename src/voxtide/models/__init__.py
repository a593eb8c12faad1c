"""Model files. In: a model's name. Out: verified files in a cache. Knows nothing of their contents."""

from voxtide.models.entry import ModelState
from voxtide.models.store import ModelStatus, ModelStore, Progress, PullProgress

__all__ = ["ModelState", "ModelStatus", "ModelStore", "Progress", "PullProgress"]
