"""The playground's own small web server: on loopback, for one page.

Any page in the same browser can send requests here, by any name that resolves to this machine. So
the Host must be this one (DNS rebinding), whatever changes something must come from this page
(CSRF), and no answer may be read by another page. Others who use this machine can send requests,
too, and servers at other ports of it share its cookies. So the page is below a random key, which
whoever started it is told, and its cookie goes nowhere else. The browser keeps a random name for
its session, and gets no token: not in HTML, not in an address. Nothing is logged.
"""

from __future__ import annotations

import secrets
import socket
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Mount, Route

from authorizer.cli.account.challenges import SignIn
from authorizer.cli.account.errors import AccountError
from authorizer.cli.account.verification import strip_scheme
from authorizer.cli.analysis.request import Caller
from authorizer.cli.pages import asset
from authorizer.cli.playground.exchange import NO_TOKEN, Exchange, Visitor, exchange
from authorizer.cli.playground.page import (
    LANGUAGES,
    ROOM,
    examples_of,
    first_value,
    page_of,
    preferred_language,
    request_for,
)
from authorizer.cli.playground.stage import Stage, WatchedPolicy
from authorizer.cli.playground.tokens import Attack, judge, own_keys, spoil
from authorizer.errors import AuthorizerError, ConfigurationError
from authorizer.tokens.jwks import JwksCache

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from starlette.requests import Request

    from authorizer.cli.analysis import request as asked
    from authorizer.cli.explain.token import JudgedToken

    Form = Mapping[str, str]


HOST = "127.0.0.1"
# Longer than the longest token that is looked at.
_MOST_BYTES = 65_536
# Sessions that are kept: of more, whoever came first signs in again.
_MOST_VISITORS, _NAME_BYTES, _KEY_BYTES = 64, 32, 16
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # With "no-referrer", browsers would send the Origin "null".
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_ASSETS = {
    "style.css": (("pages",), "text/css"),
    "page.css": ((ROOM,), "text/css"),
    "page.js": (("pages", ROOM), "text/javascript"),
}
_START_SECONDS = 10
_SEE_OTHER, _FORBIDDEN, _NOT_FOUND, _TOO_LARGE, _MISDIRECTED = 303, 403, 404, 413, 421


class Playground:
    """All that the page is about.

    Attributes:
        policy: the file, watched.
    """

    def __init__(self, stage: Stage) -> None:
        """Read the policy.

        Raises:
            ConfigurationError: it cannot be used.
        """
        self.stage, self.policy = stage, WatchedPolicy(stage)
        self._keys = JwksCache()

    def page(self, visitor: Visitor) -> str:
        """The page as it is now."""
        judged, times = self._judged(visitor)
        return page_of(self.stage, self.policy.look(), visitor, judged, times)

    def act(self, action: str, visitor: Visitor, form: Form) -> None:
        """Do what a button says, or say why it cannot be done."""
        visitor.trouble = ""
        try:
            _ACTIONS[action](self, visitor, form)
        except AuthorizerError as error:
            visitor.trouble = str(error)
        except KeyError:  # of no button on the page
            visitor.trouble = "the page is another one by now: load it again"

    def _judged(self, visitor: Visitor) -> tuple[JudgedToken | None, tuple[float, ...]]:
        if visitor.token is None:
            return None, ()
        pool = self.stage.pool
        keys = own_keys(pool) if visitor.is_judged_by_own_keys else self._keys
        return judge(visitor.token, pool, keys)

    def _caller(self, visitor: Visitor) -> Caller | None:
        judged, _ = self._judged(visitor)
        return judged.caller if judged is not None else None

    def _send(self, visitor: Visitor, request: asked.Request) -> Exchange:
        policy, caller = self.policy.look(), self._caller(visitor) or Caller()
        visitor.exchange = exchange(self.stage, policy, visitor, caller, request)
        return visitor.exchange

    def _be(self, visitor: Visitor, name: str) -> None:
        """Sign in a sample."""
        if name not in self.stage.samples or self.stage.sign_in is None:
            raise KeyError(name)
        visitor.hold(name, self.stage.sign_in(name))

    # --- buttons ----------------------------------------------------------------------------------

    def sign_in(self, visitor: Visitor, form: Form) -> None:
        """Be a sample, or whoever was typed."""
        if "sample" in form:
            self._be(visitor, form["sample"])
            return
        name, password = form.get("username", "").strip(), form.get("password", "")
        if not name or not password:
            raise AccountError("expected a user name and a password: type both")
        session = SignIn(self.stage.target, name, _Typed(form.get("code", ""))).run(password)
        visitor.hold(session.username, (session.access_token, session.id_token))

    def sign_out(self, visitor: Visitor, _form: Form) -> None:
        """Be nobody."""
        visitor.hold()

    def paste(self, visitor: Visitor, form: Form) -> None:
        """Look at a token from elsewhere."""
        text = strip_scheme(form.get("token", ""))
        if not text:
            raise AccountError("expected a token, found nothing: paste one")
        visitor.hold()
        visitor.token = text

    def spoil(self, visitor: Visitor, form: Form) -> None:
        """Put one thing wrong into the token of the sign-in; or take the good one again."""
        visitor.hold(visitor.name, visitor.tokens)
        if visitor.tokens is not None and form.get("attack") in set(Attack):
            groups = self.policy.look().simulator.policy.groups
            visitor.attack = Attack(form["attack"])
            visitor.token, visitor.is_judged_by_own_keys = spoil(
                visitor.attack, visitor.tokens, groups
            )

    def choose(self, visitor: Visitor, form: Form) -> None:
        """Choose a route to ask for."""
        visitor.route, visitor.values = form["route"], {}

    def send(self, visitor: Visitor, form: Form) -> None:
        """Send the request that was put together."""
        policy = self.policy.look()
        protection = policy.simulator.protections[form["route"]]
        visitor.route, visitor.values = form["route"], dict(form)
        otherwise = first_value(policy, form["route"], self._caller(visitor))
        self._send(visitor, request_for(protection, form, otherwise))

    def example(self, visitor: Visitor, form: Form) -> None:
        """Be who an example is about, and send its request."""
        story = form["example"]
        example = examples_of(self.stage, self.policy.look(), self._caller(visitor))[story]
        if example is None:
            raise AccountError("expected somebody who is signed in, found nobody: sign in first")
        if story == NO_TOKEN:
            visitor.hold()
        elif example.who is not None:
            self._be(visitor, example.who)
        visitor.tried[story] = self._send(visitor, example.request)


_ACTIONS: dict[str, Callable[[Playground, Visitor, Form], None]] = {
    "sign-in": Playground.sign_in,
    "sign-out": Playground.sign_out,
    "paste": Playground.paste,
    "spoil": Playground.spoil,
    "choose": Playground.choose,
    "send": Playground.send,
    "example": Playground.example,
}


class _Typed:
    """Who signs in with what they typed: one code, and nothing that is asked besides."""

    totp_secret = None

    def __init__(self, code: str) -> None:
        self._codes = [code.replace(" ", "")]

    def code(self) -> str:
        """The code that was typed, once."""
        if not self._codes:
            raise AccountError("the code was not accepted: type the next one that the app shows")
        return self._codes.pop()

    def say(self, _sentence: str) -> None:
        """Whoever is at the page sees how it ends."""

    def _refuse(self, *_asked: str) -> NoReturn:
        raise AccountError(
            "this is the user's first sign-in, which asks for more than a password and a code: "
            "run 'authorizer login' once"
        )

    new_password = attribute = register = _refuse


class _Site:
    """The page and its visitors, for requests to one port of loopback that know the key."""

    def __init__(self, playground: Playground, port: int, key: str) -> None:
        self._playground, self._path = playground, f"/{key}/"
        self._hosts = {f"{HOST}:{port}", f"localhost:{port}"}
        self._cookie = f"playground-{port}"  # cookies are not kept apart by ports
        self._visitors: dict[str, Visitor] = {}

    async def guard(
        self, request: Request, go_on: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Refuse what does not come from this page, in a browser on this machine."""
        host = request.headers.get("host", "")
        if host not in self._hosts:
            response: Response = PlainTextResponse(
                "expected this page's own Host, found another: open the address that was printed",
                _MISDIRECTED,
            )
        elif not request.url.path.startswith(self._path):
            response = PlainTextResponse(
                "expected this page's own address, found another: open the one that was printed",
                _NOT_FOUND,
            )
        elif request.method == "POST" and request.headers.get("origin") != f"http://{host}":
            response = PlainTextResponse(
                "expected a request of this page, found one of another: open the page itself",
                _FORBIDDEN,
            )
        else:
            name = self._known(request)
            request.state.visitor = self._visitors[name]
            response = await go_on(request)
            response.set_cookie(
                self._cookie, name, path=self._path, httponly=True, samesite="strict"
            )
        response.headers.update(_HEADERS)
        return response

    def _known(self, request: Request) -> str:
        """The name of a visitor, who is given one if they have none."""
        name = request.cookies.get(self._cookie, "")
        if name not in self._visitors:
            name = secrets.token_urlsafe(_NAME_BYTES)
            accepted = request.headers.get("accept-language", "")
            self._visitors[name] = Visitor(language=preferred_language(accepted))
            for first in list(self._visitors)[:-_MOST_VISITORS]:
                del self._visitors[first]
        return name

    def page(self, request: Request) -> Response:
        """The page, in the language that a link on it asks for."""
        visitor, wanted = request.state.visitor, request.query_params.get("language")
        visitor.language = wanted if wanted in LANGUAGES else visitor.language
        return HTMLResponse(self._playground.page(visitor))

    async def act(self, request: Request) -> Response:
        """Do what a button says, and show the page again."""
        data = b""
        async for chunk in request.stream():
            data += chunk
            if len(data) > _MOST_BYTES:
                return PlainTextResponse(f"expected at most {_MOST_BYTES} bytes", _TOO_LARGE)
        form = dict(parse_qsl(data.decode("utf-8", "replace")))
        action, visitor = request.path_params["action"], request.state.visitor
        await run_in_threadpool(self._playground.act, action, visitor, form)
        return RedirectResponse("./", _SEE_OTHER)

    def version(self, _request: Request) -> Response:
        """What the page asks every now and then: has the policy's file changed?"""
        return JSONResponse(self._playground.policy.look().version)

    def file(self, request: Request) -> Response:
        """The style and the script."""
        name = request.url.path.rpartition("/")[2]
        rooms, kind = _ASSETS[name]
        return Response("".join(asset(room, name) for room in rooms), media_type=kind)


def application(playground: Playground, port: int, key: str) -> Starlette:
    """The page, below the key, for requests to that port of loopback alone."""
    site = _Site(playground, port, key)
    routes = [
        Route("/", site.page),
        Route("/version", site.version),
        *(Route(f"/{name}", site.file) for name in _ASSETS),
        Route("/{action}", site.act, methods=["POST"]),
    ]
    return Starlette(
        routes=[Mount(f"/{key}", routes=routes)],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=site.guard)],
    )


@contextmanager
def served(playground: Playground, port: int = 0) -> Iterator[str]:
    """Serve the page on loopback until the end of the block.

    Args:
        playground: what is on it.
        port: 0 for a free one.

    Yields:
        The page's address, which has the key.

    Raises:
        ConfigurationError: the port cannot be had.
    """
    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        expected = f"expected a free port for the playground, found {port}"
        raise ConfigurationError([f"{expected} ({error.strerror}): give another"]) from error
    with listening:
        port, key = listening.getsockname()[1], secrets.token_urlsafe(_KEY_BYTES)
        config = uvicorn.Config(
            application(playground, port, key),
            access_log=False,
            lifespan="off",
            limit_concurrency=64,
            log_config=None,
            log_level="critical",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            ws="none",
        )
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{port}/{key}/"
        finally:
            server.should_exit = True
            thread.join(_START_SECONDS)
