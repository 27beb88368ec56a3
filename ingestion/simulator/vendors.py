"""The vendors that can be simulated: a folder each, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ingestion.simulator.chargebee.api import ChargebeeApi
from ingestion.simulator.company import Company
from ingestion.simulator.freshdesk.api import FreshdeskApi
from ingestion.simulator.hubspot.api import HubSpotApi
from ingestion.simulator.jira.api import JiraApi
from ingestion.simulator.salesforce.api import SalesforceApi
from ingestion.simulator.stripe.api import StripeApi
from ingestion.simulator.vendor import Vendor
from ingestion.simulator.zendesk.api import ZendeskApi

VENDORS: Mapping[str, Callable[[Company, int | None], Vendor]] = {
    "salesforce": SalesforceApi,
    "zendesk": ZendeskApi,
    "stripe": StripeApi,
    "hubspot": HubSpotApi,
    "freshdesk": FreshdeskApi,
    "chargebee": ChargebeeApi,
    "jira": JiraApi,
}

# What the demo and most tests need: one system of each kind.
DEMO_VENDORS = ("salesforce", "zendesk", "stripe")
