"""The server of the feed: `python -m benchmarks.feed.server COUNT` prints its address and serves.

`GET /tickets?since=TIME&from=N` gives a hundred tickets of 0.4 KB, oldest change first, and where
to go on; each of COUNT changed a second after the one before. `POST /change` changes one more.
"""

from __future__ import annotations

import socket
import sys
from datetime import UTC, datetime, timedelta

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_PAGE = 100
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)
_STATUSES = ("open", "pending", "solved")
_DESCRIPTION = "The export of last month stops half-way with an error that nobody can read. " * 3


def feed(count: int) -> Starlette:
    """The application; at first every ticket is as it was created."""
    changed: list[int] = []  # which ticket each change after the first COUNT is of

    async def tickets(request: Request) -> Response:
        since, start = request.query_params.get("since"), request.query_params.get("from")
        position = int(start) if start else _position(since)
        end = min(position + _PAGE, count + len(changed))
        page = [
            _ticket(at if at < count else changed[at - count], at) for at in range(position, end)
        ]
        following = str(end) if end < count + len(changed) else None
        return Response(
            orjson.dumps({"tickets": page, "next": following}), media_type="application/json"
        )

    async def change(_: Request) -> Response:
        changed.append(len(changed) % count)
        return Response(status_code=204)

    return Starlette(
        routes=[Route("/tickets", tickets), Route("/change", change, methods=["POST"])]
    )


def _position(since: str | None) -> int:
    if since is None:
        return 0
    return max(0, int((datetime.fromisoformat(since) - _FIRST).total_seconds()))


def _ticket(number: int, at: int) -> dict[str, object]:
    return {
        "id": number,
        "subject": f"Export {number} stops, seen for the {at}th time",
        "description": _DESCRIPTION,
        "status": _STATUSES[at % 3],
        "updated_at": f"{_FIRST + timedelta(seconds=at):%Y-%m-%dT%H:%M:%SZ}",
    }


def main() -> None:
    """Serve on a free port of this machine until the process is ended."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        config = uvicorn.Config(feed(int(sys.argv[1])), log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
