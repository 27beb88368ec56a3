"""What a HubSpot portal defines: the properties of its objects, and the pipelines of
deals and tickets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Record = dict[str, Any]

# By object: name of the property, its type, and whether the customer made it.
_PROPERTIES: dict[str, tuple[tuple[str, str, bool], ...]] = {
    "companies": (
        ("hs_object_id", "number", False),
        ("createdate", "datetime", False),
        ("hs_lastmodifieddate", "datetime", False),
        ("name", "string", False),
        ("domain", "string", False),
        ("website", "string", False),
        ("phone", "string", False),
        ("industry", "enumeration", False),
        ("city", "string", False),
        ("country", "string", False),
        ("numberofemployees", "number", False),
        ("hubspot_owner_id", "enumeration", False),
        ("salesforceaccountid", "string", False),
        ("region", "enumeration", True),
        ("tier", "enumeration", True),
        ("health_score", "number", True),
        ("success_notes", "string", True),
    ),
    "contacts": (
        ("hs_object_id", "number", False),
        ("createdate", "datetime", False),
        ("lastmodifieddate", "datetime", False),
        ("firstname", "string", False),
        ("lastname", "string", False),
        ("email", "string", False),
        ("phone", "string", False),
        ("mobilephone", "string", False),
        ("jobtitle", "string", False),
        ("associatedcompanyid", "number", False),
        ("hubspot_owner_id", "enumeration", False),
        ("preferred_language", "string", True),
    ),
    "deals": (
        ("hs_object_id", "number", False),
        ("createdate", "datetime", False),
        ("hs_lastmodifieddate", "datetime", False),
        ("dealname", "string", False),
        ("pipeline", "enumeration", False),
        ("dealstage", "enumeration", False),
        ("amount", "number", False),
        ("deal_currency_code", "enumeration", False),
        ("closedate", "datetime", False),
        ("hs_is_closed", "bool", False),
        ("hs_is_closed_won", "bool", False),
        ("hs_deal_stage_probability", "number", False),
        ("hs_primary_associated_company", "number", False),
        ("hubspot_owner_id", "enumeration", False),
        ("contract_term_months", "number", True),
    ),
    "tickets": (
        ("hs_object_id", "number", False),
        ("createdate", "datetime", False),
        ("hs_lastmodifieddate", "datetime", False),
        ("subject", "string", False),
        ("content", "string", False),
        ("hs_pipeline", "enumeration", False),
        ("hs_pipeline_stage", "enumeration", False),
        ("hs_ticket_priority", "enumeration", False),
        ("hs_ticket_category", "enumeration", False),
        ("source_type", "enumeration", False),
        ("closed_date", "datetime", False),
        ("hs_primary_company_id", "number", False),
        ("hubspot_owner_id", "enumeration", False),
        ("product_area", "enumeration", True),
    ),
    "notes": (
        ("hs_object_id", "number", False),
        ("hs_createdate", "datetime", False),
        ("hs_lastmodifieddate", "datetime", False),
        ("hs_timestamp", "datetime", False),
        ("hs_note_body", "string", False),
        ("hubspot_owner_id", "enumeration", False),
    ),
    "emails": (
        ("hs_object_id", "number", False),
        ("hs_createdate", "datetime", False),
        ("hs_lastmodifieddate", "datetime", False),
        ("hs_timestamp", "datetime", False),
        ("hs_email_direction", "enumeration", False),
        ("hs_email_status", "enumeration", False),
        ("hs_email_subject", "string", False),
        ("hs_email_text", "string", False),
        ("hs_email_html", "string", False),
        ("hs_email_from_email", "string", False),
        ("hubspot_owner_id", "enumeration", False),
    ),
}

TYPES = {
    kind: {name: type_ for name, type_, _ in properties} for kind, properties in _PROPERTIES.items()
}

# What an answer has when no properties are asked for.
DEFAULTS = {
    "companies": ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
    "contacts": ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate",
                 "lastname"),
    "deals": ("amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate",
              "hs_object_id", "pipeline"),
    "tickets": ("content", "createdate", "hs_lastmodifieddate", "hs_object_id", "hs_pipeline",
                "hs_pipeline_stage", "hs_ticket_category", "hs_ticket_priority", "subject"),
    "notes": ("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
    "emails": ("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
}  # fmt: skip

# The properties that hold the times of creation and of change; contacts have an older name for the
# latter, activities a newer one for the former.
CREATED = {kind: "createdate" if "createdate" in types else "hs_createdate"
           for kind, types in TYPES.items()}  # fmt: skip
CHANGED = {kind: "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"
           for kind in TYPES}  # fmt: skip

# The property that names the company which an object belongs to first of all.
COMPANY = {
    "contacts": "associatedcompanyid",
    "deals": "hs_primary_associated_company",
    "tickets": "hs_primary_company_id",
}

# The properties that name the pipeline and stage which an object is in.
STAGE = {"deals": ("pipeline", "dealstage"), "tickets": ("hs_pipeline", "hs_pipeline_stage")}

# Pipeline; of each stage its id, label, probability, and whether it ends the deal. HubSpot's own
# first pipeline has words for ids, all others have numbers.
_DEAL_PIPELINES: tuple[tuple[str, str, tuple[tuple[str, str, str, bool], ...]], ...] = (
    (
        "default",
        "Sales Pipeline",
        (
            ("appointmentscheduled", "Appointment Scheduled", "0.2", False),
            ("presentationscheduled", "Presentation Scheduled", "0.6", False),
            ("contractsent", "Contract Sent", "0.9", False),
            ("closedwon", "Closed Won", "1.0", True),
            ("closedlost", "Closed Lost", "0.0", True),
        ),
    ),
    (
        "48120077",
        "Renewals",
        (
            ("98340011", "Renewal Due", "0.5", False),
            ("98340012", "Renewed", "1.0", True),
            ("98340013", "Churned", "0.0", True),
        ),
    ),
)
# The same of tickets; of a stage its id, label and whether it is open. HubSpot's own pipeline is 0.
_TICKET_PIPELINES = (
    (
        "0",
        "Support Pipeline",
        (
            ("1", "New", "OPEN"),
            ("2", "Waiting on contact", "OPEN"),
            ("3", "Waiting on us", "OPEN"),
            ("4", "Closed", "CLOSED"),
        ),
    ),
    (
        "50310021",
        "Onboarding",
        (
            ("99120041", "Kick-off", "OPEN"),
            ("99120042", "Data import", "OPEN"),
            ("99120043", "Live", "CLOSED"),
        ),
    ),
)
_MADE_AT = "2021-03-01T08:00:00.000Z"


def pipelines(kind: str) -> list[Record]:
    """The pipelines of deals or tickets as the API shows them; values in metadata are texts."""
    if kind == "deals":
        return [
            _pipeline(order, pipeline_id, label, [
                (stage_id, name, {"isClosed": str(closed).lower(), "probability": probability})
                for stage_id, name, probability, closed in stages
            ])
            for order, (pipeline_id, label, stages) in enumerate(_DEAL_PIPELINES)
        ]  # fmt: skip
    return [
        _pipeline(order, pipeline_id, label, [
            (stage_id, name, {"ticketState": state, "isClosed": str(state == "CLOSED").lower()})
            for stage_id, name, state in stages
        ])
        for order, (pipeline_id, label, stages) in enumerate(_TICKET_PIPELINES)
    ]  # fmt: skip


def _pipeline(
    order: int, pipeline_id: str, label: str, stages: Sequence[tuple[str, str, Record]]
) -> Record:
    times = {"archived": False, "createdAt": _MADE_AT, "updatedAt": _MADE_AT}
    return {
        "id": pipeline_id,
        "label": label,
        "displayOrder": order,
        **times,
        "stages": [
            {
                "id": stage_id,
                "label": name,
                "displayOrder": place,
                **times,
                "metadata": metadata,
                "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            }
            for place, (stage_id, name, metadata) in enumerate(stages)
        ],
    }


def property_definitions(kind: str) -> list[Record]:
    """The properties of an object, as the properties API describes them."""
    return [
        {
            "name": name,
            "label": name.replace("_", " ").title(),
            "type": type_,
            "fieldType": {"enumeration": "select", "datetime": "date"}.get(type_, "text"),
            "description": "",
            "groupName": f"{kind}_information",
            "options": [],
            "calculated": name.startswith("hs_is_"),
            "externalOptions": name == "hubspot_owner_id",
            "hasUniqueValue": False,
            "hidden": False,
            "hubspotDefined": not own,
            "formField": own,
            "archived": False,
        }
        for name, type_, own in _PROPERTIES[kind]
    ]
