"""Changes to the vendors' records: applied one at a time, and kept in a journal when asked."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import orjson

from ingestion.simulator.company import Company
from ingestion.simulator.vendor import Vendor

Record = dict[str, Any]


class JournalError(ValueError):
    """The journal belongs to another company or cannot be read."""


class Changes:
    """Applies changes and stamps them with real time, which never stands still between two.

    With a journal each change is appended as one JSON line, and the changes already in it are
    applied at the start. The first line names the company, whose records the changes build on.
    """

    def __init__(self, vendors: dict[str, Vendor], company: Company, journal: Path | None) -> None:
        self._vendors = vendors
        self._last = int(company.as_of.timestamp() * 1000)
        self._journal = journal
        if journal is not None:
            self._replay(
                journal,
                {
                    "seed": company.seed,
                    "scale": company.scale,
                    "as_of": company.as_of.isoformat(),
                },
            )

    def apply(self, vendor: str, action: str, kind: str, record_id: str, fields: Record) -> Record:
        """Do a `create`, `change` or `delete` now and return the record as it is afterwards.

        Raises UnknownRecordError or InvalidChangeError, and then has changed nothing.
        """
        at = max(time.time_ns() // 1_000_000, self._last + 1)
        record = self._do(vendor, action, kind, record_id, fields, at)
        self._last = at
        if self._journal is not None:
            line = {
                "at": at,
                "vendor": vendor,
                "action": action,
                "kind": kind,
                "id": record_id,
                "fields": fields,
            }
            with self._journal.open("ab") as file:
                file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        return record

    def _do(
        self, vendor: str, action: str, kind: str, record_id: str, fields: Record, at: int
    ) -> Record:
        records = self._vendors[vendor]
        if action == "create":
            return records.create(kind, fields, at)
        if action == "change":
            return records.change(kind, record_id, fields, at)
        return records.delete(kind, record_id, at)

    def _replay(self, journal: Path, company: Record) -> None:
        if not journal.exists() or journal.stat().st_size == 0:
            journal.write_bytes(orjson.dumps(company, option=orjson.OPT_APPEND_NEWLINE))
            return
        content = journal.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            # The process was killed while it wrote the last line: that change never took place.
            with journal.open("r+b") as file:
                file.truncate(whole)
        lines = content[:whole].splitlines()
        if not lines or orjson.loads(lines[0]) != company:
            raise JournalError(
                f"journal {journal} was written for another company than {company}; "
                "use the same seed, scale and date, or another journal file"
            )
        for number, line in enumerate(lines[1:], 2):
            try:
                change = orjson.loads(line)
                self._do(
                    change["vendor"], change["action"], change["kind"], change["id"],
                    change["fields"], change["at"],
                )  # fmt: skip
                self._last = change["at"]
            except (KeyError, ValueError, LookupError) as error:
                raise JournalError(
                    f"line {number} of journal {journal} cannot be applied ({error}); "
                    "remove the line, or begin a new journal file"
                ) from error
