"""Single requests to a source, with the base URL, headers and credentials of its manifest.

A live read must cost little more than the bare HTTP call, so the authenticator is built once and
the connection is kept; the CDK's own retries, which wait for seconds, are left out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar, cast
from urllib.parse import urljoin

import orjson
import requests
from urllib3.exceptions import HTTPError

from index.errors import ConfigurationError, Unavailable
from ingestion.airbyte.address import leads_elsewhere
from ingestion.airbyte.admission import Admission
from ingestion.airbyte.cdk import HttpRequester, ModelToComponentFactory, models
from ingestion.airbyte.diagnosis import reason, refusal

CONNECT_SECONDS = 2.0
READ_SECONDS = 5.0
ANSWER_SECONDS = 8.0  # until all of an answer is there
LONGEST_ANSWER = 32 << 20
CONNECTIONS = 16
REMEMBERED_SECONDS = 300.0  # what a source says of itself: names of fields, stages
_PIECE = 1 << 16

_GONE = (404, 410)

_T = TypeVar("_T")


class NoAnswer(Unavailable):
    """A request that the source did not answer, or refused; says why, without payload."""


class NotReadable(NoAnswer):
    """The connector has no way to read this; the source was not asked."""


@dataclass(frozen=True)
class Answer:
    """The body of an answer, None when the source has nothing there (any more), and its time.

    `at` is the source's own clock where it tells it, so that it compares with the source's times;
    `next` is the address of the next page, where the header Link has it.
    """

    body: Any | None
    at: datetime
    next: str | None = None


class Client:
    """Requests to one source; safe to use from several threads."""

    def __init__(
        self,
        manifest: Mapping[str, Any],
        settings: Mapping[str, Any],
        name: str,
        admit: Callable[[], None] | None = None,
    ) -> None:
        """`admit` is called before each request that is sent, for a token too, and may raise."""
        self._admission = Admission(None if admit is None else lambda _: admit(), lambda: False)
        definition = manifest.get("definitions", {}).get("requester")
        if definition is None:
            raise ConfigurationError(
                f"The manifest of {name} has no definitions.requester, which live reads need."
            )
        requester: HttpRequester = ModelToComponentFactory(
            api_budget=self._admission
        ).create_component(models.HttpRequester, {**definition, "path": "/"}, settings, name=name)
        self._base_url = requester.get_url_base()
        self._authenticator = requester.get_authenticator()
        self._session = requests.Session()
        self._session.auth = self._authenticator
        self._session.headers.update(requester.get_request_headers())
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=CONNECTIONS)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._remembered: dict[str, tuple[float, Any]] = {}
        self._lookup_lock = threading.Lock()

    def get(
        self,
        address: str,
        parameters: Mapping[str, str] | None = None,
        *,
        seconds: float = ANSWER_SECONDS,
    ) -> Answer:
        """One GET of a path, or of an address that the source gave for its next page.

        Raises NoAnswer when there is no whole answer within `seconds`, or a refusal.
        """
        url = urljoin(self._base_url, address)
        # The credentials go nowhere but to the source.
        if leads_elsewhere(self._base_url, address):
            raise NoAnswer("it sent an address on another host as its next page")
        deadline = time.monotonic() + seconds
        response, body = self._send(url, parameters, deadline)
        if response.status_code == 401 and self._signed_in_anew():
            response, body = self._send(url, parameters, deadline)
        if response.status_code in _GONE:
            return Answer(None, _answered_at(response))
        if response.is_redirect:
            raise NoAnswer("it sent the request on to another address")
        if not response.ok:
            raise NoAnswer(refusal(response.status_code))
        try:
            following = response.links.get("next", {}).get("url")
            return Answer(orjson.loads(body), _answered_at(response), following)
        except orjson.JSONDecodeError:
            raise NoAnswer("it sent an answer that is not JSON") from None

    def once(self, name: str, read: Callable[[], _T], *, anew: bool = False) -> _T:
        """What is read from the source the first time, and remembered for some minutes."""
        with self._lookup_lock:
            at, value = self._remembered.get(name, (0.0, None))
            now = time.monotonic()
            if anew or value is None or now - at > REMEMBERED_SECONDS:
                value = read()
                self._remembered[name] = now, value
            return cast(_T, value)

    def close(self) -> None:
        self._session.close()

    def _send(
        self, url: str, parameters: Mapping[str, str] | None, deadline: float
    ) -> tuple[requests.Response, bytes]:
        try:
            return self._whole(url, parameters, deadline)
        except requests.ConnectionError as error:
            if isinstance(error, requests.Timeout) or not _was_cut(error):
                raise NoAnswer(reason(error)) from None
        except (requests.RequestException, HTTPError) as error:
            raise NoAnswer(reason(error)) from None
        try:
            # A kept connection that the other side had closed; a new one is made.
            return self._whole(url, parameters, deadline)
        except (requests.RequestException, HTTPError) as error:
            raise NoAnswer(reason(error)) from None

    def _whole(
        self, url: str, parameters: Mapping[str, str] | None, deadline: float
    ) -> tuple[requests.Response, bytes]:
        """The answer with its body, piece by piece: a timeout of `requests` is one of each piece,
        and a source that drips would hold a thread for ever."""
        body = bytearray()
        self._admission.admit()
        with self._session.get(
            url,
            params=parameters,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,  # it would take the credentials along
            stream=True,
        ) as response:
            while piece := response.raw.read1(_PIECE, decode_content=True):
                body += piece
                if len(body) > LONGEST_ANSWER:
                    raise NoAnswer(f"its answer is longer than {LONGEST_ANSWER >> 20} MiB")
                if time.monotonic() > deadline:
                    raise NoAnswer("it did not answer in time")
        return response, bytes(body)

    def _signed_in_anew(self) -> bool:
        refresh = getattr(self._authenticator, "refresh_and_set_access_token", None)
        if refresh is None:
            return False
        try:
            refresh()
        except requests.RequestException as error:
            raise NoAnswer(reason(error)) from None
        except ValueError:
            return False  # the settings have a token and nothing to get another with
        return True


def _was_cut(error: requests.ConnectionError) -> bool:
    """Whether a connection that stood was closed, as against one that could not be made."""
    return "Connection aborted" in str(error)


def _answered_at(response: requests.Response) -> datetime:
    try:
        return parsedate_to_datetime(response.headers.get("Date", "")).astimezone(UTC)
    except ValueError:
        return datetime.now(UTC)
