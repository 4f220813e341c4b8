"""Passwords taken out of texts that others have made: a user's exception, captured output, local variables."""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus

_SHOWN = "***"
_TELLING = 8
"""From this length on, a password is not some other word of the text as well."""
_WORDS = ("postgresql", "password")


class Secrets:
    """The passwords of a session."""

    def __init__(self) -> None:
        self._everywhere: set[str] = set()
        self._beside: set[str] = set()

    def add(self, password: str, *public: str | None) -> None:
        """Take a password out from now on.

        Where it is short, or part of a word that is no secret (`public`), only where it stands as a password.
        """
        if not password:
            return
        spellings = {password, quote(password, safe=""), quote(password), quote_plus(password), repr(password)[1:-1]}
        # SQLAlchemy leaves some signs as they are, and ConfigParser doubles percent signs.
        spellings |= {quote(password, safe=" +"), *(each.replace("%", "%%") for each in spellings)}
        is_word = any(password in word for word in (*public, *_WORDS) if word)
        is_telling = len(password) >= _TELLING and not is_word
        (self._everywhere if is_telling else self._beside).update(spellings)

    def clean(self, text: str) -> str:
        """Return the text without them."""
        for secret in sorted(self._everywhere, key=len, reverse=True):
            text = text.replace(secret, _SHOWN)
        for secret in sorted(self._beside, key=len, reverse=True):
            found = re.escape(secret)
            text = re.sub(rf"(?<=:){found}(?=@)", _SHOWN, text)
            text = re.sub(rf"(password['\"]?\s*[=:]\s*['\"]?){found}(?![\w-])", rf"\g<1>{_SHOWN}", text)
        return text
