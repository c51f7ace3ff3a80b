"""The join code: what is said to those who may come in.

Owns where a code comes from and where it is kept. Knows nothing of what it opens.
Invariant: it stays the same over restarts until its file is removed, and only its owner reads it.
"""

from contextlib import suppress
from pathlib import Path

from molva.config import JOIN_CODE_CHARACTERS_MIN
from molva.server.identity import SecretIds
from molva.server.secret import write_secret
from molva.terms.admission import Access, Admission, plain_code

CODE_CHARACTERS = 8
"""40 bits: with a few tries a second from an address nobody guesses one."""


def kept_code(file: Path) -> str:
    """Return the code of a file, in its plain form; made and kept there when it holds none.

    Raises OSError.
    """
    with suppress(FileNotFoundError, UnicodeDecodeError):
        code = plain_code(file.read_text(encoding="utf-8").strip())
        if len(code) >= JOIN_CODE_CHARACTERS_MIN and code.isascii() and code.isalnum():
            file.chmod(0o600)
            return code
    code = SecretIds().code()
    write_secret(file, f"{code}\n".encode())
    return code


def admission(access: Access, code: str | None) -> Admission:
    """Return the setting as the hub is given it, for a code in its plain form."""
    return Admission(access, None if code is None else SecretIds().digest(code))
