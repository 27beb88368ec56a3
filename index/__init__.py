"""The store, on the ground floor: Postgres, its tables, the predicate language, the only writer.

It knows nothing of the rooms above. They import its modules by name, since each is one concern:
`database`, `embedded`, `migrations`, `tables`, `specs`, `entity_tables`, `schema_plan`,
`writer`, `predicate`, `money` and `errors`.
"""
