"""From a record of a source to a row of an entity, as the connector's `mapping.yaml` says."""
