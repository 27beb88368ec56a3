"""When sources are synced, and the workers that do it."""

from __future__ import annotations

from ingestion.schedule.schedules import (
    Cron,
    Every,
    Schedule,
    remove_schedule,
    schedules,
    set_schedule,
)

__all__ = [
    "Cron",
    "Every",
    "Schedule",
    "remove_schedule",
    "schedules",
    "set_schedule",
]
