"""Scripts with spaces between words. In: text. Out: a bool. Knows no languages, only Unicode ranges."""

from __future__ import annotations

import re

_UNSPACED = re.compile(
    "[\u0e00-\u0fff"  # Thai, Lao, Tibetan
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"  # Chinese characters
)


def writes_spaces(text: str) -> bool:
    """Whether the script of the text's first character separates words with spaces."""
    return _UNSPACED.match(text) is None
