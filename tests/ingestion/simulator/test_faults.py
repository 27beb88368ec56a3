from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest
import stripe
from simple_salesforce.exceptions import SalesforceError

from ingestion.simulator import Company, Simulator, SimulatorError
from tests.ingestion.simulator.clients import Zendesk, error_list, salesforce, stripe_client


@pytest.fixture(scope="module")
def running(company: Company) -> Iterator[Simulator]:
    with Simulator(company) as sim:
        yield sim


@pytest.fixture
def sim(running: Simulator) -> Iterator[Simulator]:
    yield running
    for vendor in ("salesforce", "zendesk", "stripe"):
        running.clear_faults(vendor)
        running.forget_requests(vendor)


def zendesk_status(sim: Simulator, path: str = "/tickets") -> httpx.Response:
    try:
        Zendesk(sim).get(path)
    except httpx.HTTPStatusError as error:
        return error.response
    return httpx.Response(200)


def test_a_fault_happens_as_often_as_asked(sim: Simulator) -> None:
    sim.fault("zendesk", "server_error", times=2)
    assert [zendesk_status(sim).status_code for _ in range(3)] == [500, 500, 200]


def test_a_fault_without_times_lasts_until_cleared(sim: Simulator) -> None:
    sim.fault("zendesk", "unauthorized")
    assert {zendesk_status(sim).status_code for _ in range(4)} == {401}
    sim.clear_faults("zendesk")
    assert zendesk_status(sim).status_code == 200


def test_a_fault_can_be_limited_to_a_path(sim: Simulator) -> None:
    sim.fault("zendesk", "server_error", path_prefix="/api/v2/users")
    assert zendesk_status(sim).status_code == 200
    assert zendesk_status(sim, "/users").status_code == 500


def test_faults_of_one_vendor_leave_the_others_alone(sim: Simulator) -> None:
    sim.fault("zendesk", "down")
    assert stripe_client(sim).v1.customers.list({"limit": 1}).data


def test_rate_limits_in_each_vendor_s_shape(sim: Simulator) -> None:
    for vendor in ("salesforce", "zendesk", "stripe"):
        sim.fault(vendor, "rate_limited", retry_after=7, path_prefix="/", times=1)
    limited = zendesk_status(sim)
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "7")
    assert limited.json()["error"] == "APIRateLimitExceeded"
    with pytest.raises(stripe.RateLimitError) as refused:
        stripe_client(sim).v1.customers.list()
    assert (refused.value.headers or {})["Retry-After"] == "7"
    sim.clear_faults("salesforce")
    client = salesforce(sim)
    sim.fault("salesforce", "rate_limited", retry_after=7)
    with pytest.raises(SalesforceError) as exceeded:
        client.query("SELECT Id FROM User")
    assert exceeded.value.status == 429
    (error,) = error_list(exceeded.value)
    assert error["errorCode"] == "REQUEST_LIMIT_EXCEEDED"


def test_stripe_s_other_errors(sim: Simulator) -> None:
    sim.fault("stripe", "unauthorized", times=1)
    with pytest.raises(stripe.AuthenticationError):
        stripe_client(sim).v1.customers.list()
    sim.fault("stripe", "server_error", times=1)
    with pytest.raises(stripe.APIError):
        stripe_client(sim).v1.customers.list()


@pytest.mark.parametrize("vendor", ["salesforce", "zendesk", "stripe"])
def test_down_closes_the_connection_without_an_answer(sim: Simulator, vendor: str) -> None:
    sim.fault(vendor, "down", times=1)
    url = getattr(sim, f"{vendor}_url")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        httpx.get(f"{url}/anything", timeout=20, trust_env=False)


def test_a_truncated_answer_breaks_off_in_the_middle(sim: Simulator) -> None:
    sim.fault("zendesk", "truncated", times=1)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        Zendesk(sim).get("/tickets")
    assert Zendesk(sim).get("/tickets")["tickets"]


def test_a_slow_answer_takes_its_time_and_then_comes(sim: Simulator) -> None:
    sim.fault("zendesk", "slow", seconds=0.3, times=1)
    began = time.monotonic()
    assert Zendesk(sim).get("/tickets")["tickets"]
    assert time.monotonic() - began >= 0.3


def test_a_slow_answer_does_not_hold_up_the_others(sim: Simulator) -> None:
    sim.fault("zendesk", "slow", seconds=3, path_prefix="/api/v2/users")
    keys = sim.credentials["zendesk"]
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(
            f"{sim.zendesk_url}/api/v2/users", timeout=0.2, trust_env=False,
            auth=(f"{keys['email']}/token", keys["api_token"]),
        )  # fmt: skip
    assert zendesk_status(sim).status_code == 200


def test_faults_can_be_listed(sim: Simulator, http: httpx.Client) -> None:
    sim.fault("stripe", "slow", seconds=3, times=4)
    listed = http.get(f"{sim.stripe_url}/_simulator/faults").json()["faults"]
    assert listed == [
        {
            "kind": "slow", "times": 4, "path_prefix": "/", "after": 0,
            "retry_after": 1, "seconds": 3, "pages": 1,
        },
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [
        ("earthquake", {}, "no fault 'earthquake'"),
        ("slow", {"minutes": 3}, "minutes"),  # no such option
    ],
)
def test_impossible_faults_say_why(
    sim: Simulator, kind: str, options: dict[str, int], reason: str
) -> None:
    with pytest.raises(SimulatorError, match=reason):
        sim.fault("stripe", kind, **options)


def test_requests_are_counted_and_forgotten(sim: Simulator) -> None:
    assert sim.requests("zendesk") == []
    zendesk = Zendesk(sim)
    zendesk.get("/tickets", per_page=1)
    zendesk.get("/tickets", per_page=2)
    sim.fault("zendesk", "server_error", times=1)
    assert zendesk_status(sim, "/users").status_code == 500
    assert sim.requests("zendesk") == [
        {"method": "GET", "path": "/api/v2/tickets", "count": 2},
        {"method": "GET", "path": "/api/v2/users", "count": 1},
    ]
    sim.forget_requests("zendesk")
    assert sim.requests("zendesk") == []
