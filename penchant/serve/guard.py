"""Keys at the door: who has none is told so before anything of the request is read (RFC 6750)."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from penchant.core.errors import ArtifactError
from penchant.serve import keys
from penchant.serve.keys import KeyRing
from penchant.serve.refusals import refuse

#: For who watches over the service: no key, no limit.
WATCH = ("/v1/health", "/v1/live", "/v1/ready")
# By the first part of an address below /v1/. What is not named here is an operation, so a new route is closed until somebody opens it.
_NEEDED: dict[str, keys.Scope] = {
    **dict.fromkeys(("recommend", "search", "items", "codes", "beam", "trending", "report"), "read"),
    "events": "events",
    **dict.fromkeys(("users", "receipts"), "users"),
}
_BEARER = "bearer "


def needed(path: str) -> keys.Scope | None:
    """The scope that an address asks for; None: it is open to all."""
    if path == "/metrics":
        return "admin"
    if not path.startswith("/v1/") or path in WATCH:
        return None
    return _NEEDED.get(path.split("/")[2], "admin")


class Guard:
    """Middleware that answers 401 to whoever has no valid key, and 403 where the key has too small a scope.

    Args:
        ring: The keys.
    """

    def __init__(self, app: ASGIApp, ring: KeyRing) -> None:
        self.app, self.ring = app, ring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wanted = needed(scope["path"]) if scope["type"] == "http" else None
        if wanted is None:
            await self.app(scope, receive, send)
            return
        told = Headers(scope=scope).get("authorization", "")
        try:
            key = self.ring.who(told[len(_BEARER) :].strip()) if told[: len(_BEARER)].lower() == _BEARER else None
        except ArtifactError:
            answer = refuse(503, "the key file", "it cannot be read, so nobody is let in", "look at the server's log", {"retry-after": "5"})
            await answer(scope, receive, send)
            return
        if key is None:
            value = "no valid key" if told else "no key"
            how = 'Bearer realm="penchant"' + (', error="invalid_token"' if told else "")
            answer = refuse(401, value, "this server asks for one", "send it as: Authorization: Bearer KEY", {"www-authenticate": how})
        elif wanted not in key.scopes:
            how = f'Bearer realm="penchant", error="insufficient_scope", scope="{wanted}"'
            value = f"a key of the scopes {', '.join(key.scopes)}"
            answer = refuse(403, value, f"this address needs the scope {wanted}", "use another key", {"www-authenticate": how})
        else:
            scope.setdefault("state", {})["key"] = key.name
            answer = self.app
        await answer(scope, receive, send)
