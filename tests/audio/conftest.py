"""How hypothesis runs here: without a deadline, since a busy machine is no defect."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
