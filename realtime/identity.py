"""Who opened a socket, and by what; settled once at the handshake, looked at again while open."""

import msgspec


class Identity(msgspec.Struct, frozen=True):
    """A user who proved it by a session or by a user token.

    `auth_hash` ends with the password; `expires_us` is when the token is over.
    """

    user_id: int
    auth_hash: str
    may_see: bool
    session_key: str = ""
    token: str = ""
    expires_us: int | None = None

    def is_over(self, moment_us: int) -> bool:
        return self.expires_us is not None and self.expires_us <= moment_us
