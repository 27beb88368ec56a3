"""Getting data in: connectors, syncs, and live reads of what must be fresh.

Its modules are imported by name, since few need them all: `source`, `sync.job` and what else does
something with data, `workspace` for what is configured, `schedule` for when it is due, and
`live.sources`.
"""
