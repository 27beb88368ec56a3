"""All of the Airbyte CDK that is used here, imported in this one place.

That takes seconds, however little of it is wanted, so only those come here who read a source or a
manifest. It changes the process too, which is made up for here: its logging stays ours, and its
threads read literals safely. It is also spared some work that it does over and over.
"""

from __future__ import annotations

from ingestion.airbyte import root_logger  # noqa: F401  before all else of the CDK
from ingestion.airbyte.interpolation import read_literals_safely
from ingestion.airbyte.shortcuts import hash_slices_once, read_schema_once, read_times_quickly

# isort: split
from airbyte_cdk.models import airbyte_protocol
from airbyte_cdk.sources.declarative import concurrent_declarative_source, models
from airbyte_cdk.sources.declarative.auth import DeclarativeOauth2Authenticator
from airbyte_cdk.sources.declarative.concurrent_declarative_source import (
    ConcurrentDeclarativeSource,
)
from airbyte_cdk.sources.declarative.datetime.datetime_parser import DatetimeParser
from airbyte_cdk.sources.declarative.expanders.record_expander import OnNoRecords, RecordExpander
from airbyte_cdk.sources.declarative.extractors import DpathExtractor
from airbyte_cdk.sources.declarative.extractors.record_selector import extracted_record_count
from airbyte_cdk.sources.declarative.interpolation import InterpolatedString
from airbyte_cdk.sources.declarative.interpolation.jinja import JinjaInterpolation
from airbyte_cdk.sources.declarative.parsers.manifest_component_transformer import (
    ManifestComponentTransformer,
)
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import (
    ManifestReferenceResolver,
)
from airbyte_cdk.sources.declarative.parsers.model_to_component_factory import (
    ModelToComponentFactory,
)
from airbyte_cdk.sources.declarative.requesters import HttpRequester
from airbyte_cdk.sources.declarative.requesters.paginators.strategies import (
    CursorPaginationStrategy,
    OffsetIncrement,
    PageIncrement,
)
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import (
    PaginationStrategy,
)
from airbyte_cdk.sources.streams.call_rate import APIBudget
from airbyte_cdk.sources.types import Record, StreamSlice

__all__ = [
    "APIBudget",
    "ConcurrentDeclarativeSource",
    "CursorPaginationStrategy",
    "DatetimeParser",
    "DeclarativeOauth2Authenticator",
    "DpathExtractor",
    "HttpRequester",
    "InterpolatedString",
    "JinjaInterpolation",
    "ManifestComponentTransformer",
    "ManifestReferenceResolver",
    "ModelToComponentFactory",
    "OffsetIncrement",
    "OnNoRecords",
    "PageIncrement",
    "PaginationStrategy",
    "Record",
    "RecordExpander",
    "StreamSlice",
    "airbyte_protocol",
    "extracted_record_count",
    "models",
]

read_literals_safely(JinjaInterpolation)
hash_slices_once(StreamSlice)
read_times_quickly(DatetimeParser)
read_schema_once(concurrent_declarative_source)
