"""HTTP requests as events of function URLs, API Gateway and load balancers, and the responses that these expect.

Imported for ``asgi``. What each source does with a path and a query is not always in its documentation; the events that
https://github.com/hotsock/voker/pull/8 captured show it.

- Function URLs: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
- HTTP APIs: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
- REST APIs: https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
- Load balancers: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

from binascii import a2b_base64, b2a_base64
from itertools import product
from urllib.parse import quote, unquote, urlencode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    Headers = list[tuple[str, str]]
    """Names in lower case, in the order in which they came."""

UNRESERVED = "/:@!$&'()*+,;=~"
"""What stands for itself in a path, beside letters, digits and ``_.-``."""
DEFAULT_STAGE = "$default"
URL_DOMAIN = ".lambda-url."
COOKIE = "set-cookie"


class NoHttpEvent(ValueError):
    """An event that no HTTP request led to."""


class _Request:
    """One request, as it is read from the events of a source.

    ``path`` is decoded and begins with ``root_path``, the stage in it; ``raw_path`` is the same, encoded. ``query`` is
    encoded. ``client`` is the caller's address if the source tells it. ``head`` is what the source expects for a
    response's headers.
    """

    method: str
    protocol = "HTTP/1.1"
    path: str
    raw_path: str
    root_path = ""
    query: str
    headers: "Headers"
    client: str | None = None

    def __init__(self, event: "dict[str, Any]") -> None:
        body = event.get("body") or ""
        self.body: bytes = a2b_base64(body) if event.get("isBase64Encoded") else body.encode()

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def _set_path(self, path: str, is_decoded: bool) -> None:
        self.path = path if is_decoded else unquote(path)
        self.raw_path = quote(path, safe=UNRESERVED if is_decoded else f"{UNRESERVED}%")


class UrlRequest(_Request):
    """Function URLs, and HTTP APIs with version 2.0 of the format: those decode the path, and put their stage first."""

    def __init__(self, event: "dict[str, Any]") -> None:
        super().__init__(event)
        context = event["requestContext"]
        http = context["http"]
        self.method = http["method"]
        self.protocol = http.get("protocol") or self.protocol
        self.client = http.get("sourceIp")
        self.query = event.get("rawQueryString") or ""
        cookies = event.get("cookies")
        self.headers = _lowered((event.get("headers") or {}).items())
        if cookies:
            self.headers = [item for item in self.headers if item[0] != "cookie"]
            self.headers.append(("cookie", "; ".join(cookies)))
        path, stage = event.get("rawPath") or "/", context.get("stage") or DEFAULT_STAGE
        if stage != DEFAULT_STAGE and f"{path}/".startswith(f"/{stage}/"):
            self.root_path = f"/{stage}"
            path = f"{self.root_path}{path.removeprefix(self.root_path) or '/'}"
        self._set_path(path, URL_DOMAIN not in (context.get("domainName") or ""))

    def head(self, headers: "Headers") -> "dict[str, Any]":
        return split_cookies(headers)


class ApiRequest(_Request):
    """REST APIs, and HTTP APIs with version 1.0 of the format. Only the latter's events tell their version."""

    def __init__(self, event: "dict[str, Any]") -> None:
        super().__init__(event)
        context = event["requestContext"]
        self.method = event["httpMethod"]
        self.protocol = context.get("protocol") or self.protocol
        self.client = (context.get("identity") or {}).get("sourceIp")
        self.query = urlencode(_pairs(event, "multiValueQueryStringParameters", "queryStringParameters"))
        self.headers = _lowered(_pairs(event, "multiValueHeaders", "headers"))
        path = event.get("path") or "/"
        complete = context.get("path") or path
        if path == "/":
            complete = f"{complete.rstrip('/')}/"
        if complete.endswith(path):
            self.root_path = complete.removesuffix(path)
            path = complete
        self._set_path(path, "version" in event)

    def head(self, headers: "Headers") -> "dict[str, Any]":
        return {"multiValueHeaders": _grouped(headers)}


class LoadBalancerRequest(_Request):
    """Application Load Balancers: path and query come as they were sent."""

    def __init__(self, event: "dict[str, Any]") -> None:
        super().__init__(event)
        self.method = event["httpMethod"]
        pairs = _pairs(event, "multiValueQueryStringParameters", "queryStringParameters")
        self.query = "&".join(f"{name}={value}" for name, value in pairs)
        self.headers = _lowered(_pairs(event, "multiValueHeaders", "headers"))
        # The balancer adds the caller's address to what the caller says of others.
        self.client = (self.header("x-forwarded-for") or "").rpartition(",")[2].strip() or None
        self._set_path(event.get("path") or "/", is_decoded=False)
        self._has_lists = "multiValueHeaders" in event

    def head(self, headers: "Headers") -> "dict[str, Any]":
        """With one value for each name, cookies need names of their own: the balancer takes them in any case."""
        if self._has_lists:
            return {"multiValueHeaders": _grouped(headers)}
        fields = split_cookies(headers)
        return {"headers": fields["headers"] | dict(zip(_spellings(COOKIE), fields.get("cookies", ()), strict=False))}


Request = UrlRequest | ApiRequest | LoadBalancerRequest


def request_of(event: "Any") -> Request:
    """The request behind an event. Raises NoHttpEvent."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    if isinstance(context, dict):
        if "http" in context:
            return UrlRequest(event)
        if "httpMethod" in event:
            return LoadBalancerRequest(event) if "elb" in context else ApiRequest(event)
    # No values: they may be secrets, and this is logged.
    what = f"an object with the keys {', '.join(map(repr, event))}" if isinstance(event, dict) else type(event).__name__
    raise NoHttpEvent(f"asgi() serves function URLs, API Gateway and load balancers; this event is {what}")


def result_of(request: Request, status: int, headers: "Headers", body: bytes) -> "dict[str, Any]":
    """A response as the handler's result. The body is text if it is UTF-8, and in base64 if it is not."""
    try:
        text, is_encoded = body.decode(), False
    except UnicodeDecodeError:
        text, is_encoded = b2a_base64(body, newline=False).decode(), True
    return {"statusCode": status, **request.head(headers), "body": text, "isBase64Encoded": is_encoded}


def split_cookies(headers: "Headers") -> "dict[str, Any]":
    """Headers with one value for each name, and beside them the cookies, whose values cannot be joined."""
    fields: dict[str, Any] = {
        "headers": {name: ", ".join(values) for name, values in _grouped(headers).items() if name != COOKIE}
    }
    if cookies := [value for name, value in headers if name == COOKIE]:
        fields["cookies"] = cookies
    return fields


def _grouped(headers: "Headers") -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, value in headers:
        groups.setdefault(name, []).append(value)
    return groups


def _lowered(pairs: "Iterable[tuple[str, str]]") -> "Headers":
    return [(name.lower(), value) for name, value in pairs]


def _pairs(event: "dict[str, Any]", lists: str, single: str) -> "Sequence[tuple[str, str]]":
    """Names and values of the field that has lists of values, or of the one with single values."""
    if (fields := event.get(lists)) is not None:
        return [(name, value) for name, values in fields.items() for value in values]
    return list((event.get(single) or {}).items())


def _spellings(name: str) -> "Iterator[str]":
    """The name in lower case, and then with more and more capitals."""
    return map("".join, product(*((letter, letter.upper()) if letter.isalpha() else letter for letter in name)))
