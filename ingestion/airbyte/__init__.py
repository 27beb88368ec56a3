"""Reading any Airbyte source: in this process through the CDK, or as a process of its own."""

from ingestion.airbyte.interpolation import read_literals_safely

read_literals_safely()
