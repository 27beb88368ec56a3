"""Reading any Airbyte source: in this process through the CDK, or as a process of its own."""
