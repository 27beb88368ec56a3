"""The Salesforce objects that the simulator knows: their fields, types and empty records."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]

_AUDIT = {
    "CreatedDate": "datetime",
    "CreatedById": "reference",
    "LastModifiedDate": "datetime",
    "LastModifiedById": "reference",
    "SystemModstamp": "datetime",
}

# Field name → the type that `describe` reports. A name ending in __c is a custom field.
FIELDS: dict[str, dict[str, str]] = {
    "Account": {
        "Id": "id",
        "IsDeleted": "boolean",
        "MasterRecordId": "reference",
        "Name": "string",
        "Type": "picklist",
        "ParentId": "reference",
        "BillingStreet": "textarea",
        "BillingCity": "string",
        "BillingState": "string",
        "BillingPostalCode": "string",
        "BillingCountry": "string",
        "Phone": "phone",
        "AccountNumber": "string",
        "Website": "url",
        "Industry": "picklist",
        "AnnualRevenue": "currency",
        "NumberOfEmployees": "int",
        "Description": "textarea",
        "CurrencyIsoCode": "picklist",
        "OwnerId": "reference",
        "AccountSource": "picklist",
        "LastActivityDate": "date",
        **_AUDIT,
        "Region__c": "picklist",
        "Tier__c": "picklist",
        "Health_Score__c": "double",
        "Legacy_ERP_Id__c": "string",
        "Success_Notes__c": "textarea",
    },
    "Contact": {
        "Id": "id",
        "IsDeleted": "boolean",
        "MasterRecordId": "reference",
        "AccountId": "reference",
        "LastName": "string",
        "FirstName": "string",
        "Salutation": "picklist",
        "Name": "string",
        "MailingStreet": "textarea",
        "MailingCity": "string",
        "MailingPostalCode": "string",
        "MailingCountry": "string",
        "Phone": "phone",
        "MobilePhone": "phone",
        "Email": "email",
        "Title": "string",
        "Department": "string",
        "LeadSource": "picklist",
        "Description": "textarea",
        "CurrencyIsoCode": "picklist",
        "OwnerId": "reference",
        "HasOptedOutOfEmail": "boolean",
        **_AUDIT,
        "Preferred_Language__c": "picklist",
    },
    "User": {
        "Id": "id",
        "Username": "string",
        "LastName": "string",
        "FirstName": "string",
        "Name": "string",
        "CompanyName": "string",
        "Division": "string",
        "Department": "string",
        "Title": "string",
        "Email": "email",
        "Alias": "string",
        "IsActive": "boolean",
        "UserType": "picklist",
        "ProfileId": "reference",
        "UserRoleId": "reference",
        "ManagerId": "reference",
        "TimeZoneSidKey": "picklist",
        "LocaleSidKey": "picklist",
        "LanguageLocaleKey": "picklist",
        **_AUDIT,
    },
    "Opportunity": {
        "Id": "id",
        "IsDeleted": "boolean",
        "AccountId": "reference",
        "IsPrivate": "boolean",
        "Name": "string",
        "Description": "textarea",
        "StageName": "picklist",
        "Amount": "currency",
        "Probability": "percent",
        "CloseDate": "date",
        "Type": "picklist",
        "NextStep": "string",
        "LeadSource": "picklist",
        "IsClosed": "boolean",
        "IsWon": "boolean",
        "ForecastCategory": "picklist",
        "ForecastCategoryName": "picklist",
        "CurrencyIsoCode": "picklist",
        "OwnerId": "reference",
        **_AUDIT,
        "Contract_Term_Months__c": "double",
    },
    "OpportunityStage": {
        "Id": "id",
        "MasterLabel": "string",
        "ApiName": "string",
        "IsActive": "boolean",
        "SortOrder": "int",
        "IsClosed": "boolean",
        "IsWon": "boolean",
        "ForecastCategory": "picklist",
        "ForecastCategoryName": "picklist",
        "DefaultProbability": "percent",
        "Description": "string",
        **_AUDIT,
    },
    "Case": {
        "Id": "id",
        "IsDeleted": "boolean",
        "MasterRecordId": "reference",
        "CaseNumber": "string",
        "ContactId": "reference",
        "AccountId": "reference",
        "ParentId": "reference",
        "SuppliedName": "string",
        "SuppliedEmail": "email",
        "SuppliedCompany": "string",
        "Type": "picklist",
        "Status": "picklist",
        "Reason": "picklist",
        "Origin": "picklist",
        "Subject": "string",
        "Priority": "picklist",
        "Description": "textarea",
        "IsClosed": "boolean",
        "ClosedDate": "datetime",
        "IsEscalated": "boolean",
        "OwnerId": "reference",
        **_AUDIT,
        "Product_Area__c": "picklist",
    },
    "CaseComment": {
        "Id": "id",
        "IsDeleted": "boolean",
        "ParentId": "reference",
        "IsPublished": "boolean",
        "CommentBody": "textarea",
        **_AUDIT,
    },
    "EmailMessage": {
        "Id": "id",
        "IsDeleted": "boolean",
        "ParentId": "reference",
        "Subject": "string",
        "TextBody": "textarea",
        "HtmlBody": "textarea",
        "FromName": "string",
        "FromAddress": "email",
        "ToAddress": "string",
        "CcAddress": "string",
        "Incoming": "boolean",
        "IsExternallyVisible": "boolean",
        "HasAttachment": "boolean",
        "Status": "picklist",
        "MessageDate": "datetime",
        **_AUDIT,
    },
}

# An org's own words for how a case stands, and whether it is closed then; a new one has the first.
CASE_STATUSES = {
    "New": False,
    "Working": False,
    "On Hold": False,
    "Waiting for Customer": False,
    "Escalated": False,
    "Closed": True,
}

# What has been said about a case, and goes with it.
OF_CASES = ("CaseComment", "EmailMessage")

REFERENCES = {
    "MasterRecordId": ("Account",),
    "ParentId": ("Account",),
    "AccountId": ("Account",),
    "OwnerId": ("User",),
    "CreatedById": ("User",),
    "LastModifiedById": ("User",),
    "ManagerId": ("User",),
    "ProfileId": ("Profile",),
    "UserRoleId": ("UserRole",),
    "ContactId": ("Contact",),
}
# Where the same name means something else.
_REFERENCES_OF = {
    ("Case", "MasterRecordId"): ("Case",),
    ("Case", "ParentId"): ("Case",),
    ("Case", "OwnerId"): ("Group", "User"),
    ("CaseComment", "ParentId"): ("Case",),
    ("EmailMessage", "ParentId"): ("Case",),
}
LABELS = {
    "Account": ("Account", "Accounts"),
    "Contact": ("Contact", "Contacts"),
    "User": ("User", "Users"),
    "Opportunity": ("Opportunity", "Opportunities"),
    "OpportunityStage": ("Opportunity Stage", "Opportunity Stages"),
    "Case": ("Case", "Cases"),
    "CaseComment": ("Case Comment", "Case Comments"),
    "EmailMessage": ("Email Message", "Email Messages"),
}
_EMPTY = {
    kind: {name: False if type_ == "boolean" else None for name, type_ in fields.items()}
    for kind, fields in FIELDS.items()
}


def new_record(kind: str, values: Record) -> Record:
    """A whole record of an object: `values`, null elsewhere, false for booleans."""
    return {**_EMPTY[kind], **values}


def describe(kind: str) -> Record:
    """The object's metadata, in the shape of `sobjects/{type}/describe`."""
    label, plural = LABELS[kind]
    return {
        "name": kind,
        "label": label,
        "labelPlural": plural,
        "keyPrefix": None,
        "custom": False,
        "queryable": True,
        "retrieveable": True,
        "searchable": kind != "OpportunityStage",
        "replicateable": True,
        "fields": [_describe_field(kind, name, type_) for name, type_ in FIELDS[kind].items()],
    }


def _describe_field(kind: str, name: str, type_: str) -> Record:
    references = _REFERENCES_OF.get((kind, name), REFERENCES.get(name, ()))
    return {
        "name": name,
        "label": name.removesuffix("__c").replace("_", " "),
        "type": type_,
        "custom": name.endswith("__c"),
        "nillable": type_ not in ("id", "boolean"),
        "filterable": type_ != "textarea",
        "sortable": type_ != "textarea",
        "updateable": name not in ("Id", "IsDeleted", "SystemModstamp", "CreatedDate"),
        "referenceTo": list(references),
        "relationshipName": name.removesuffix("Id") if references else None,
        "picklistValues": [],
    }
