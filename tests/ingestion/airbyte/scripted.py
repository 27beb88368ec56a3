"""An Airbyte connector of several streams that says what its settings tell it; run it as a program.

`script` is a file with a list of steps, each a list: one of the functions below, and what it takes.
Steps about streams that were not asked for are left out, and so is, if it `resumes`, what the
STATE that it gets covers. It notes in the file `starts` what it was
asked for.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any


def say(**message: Any) -> None:
    print(json.dumps(message), flush=True)


def record(stream: str, key: Any, text: str = "") -> None:
    data = {"id": key, "text": text}
    say(type="RECORD", record={"stream": stream, "data": data, "emitted_at": 0})


def status(stream: str, word: str) -> None:
    told = {"stream_descriptor": {"name": stream}, "status": word}
    say(type="TRACE", trace={"type": "STREAM_STATUS", "emitted_at": 0, "stream_status": told})


def state(stream: str, reached: Any) -> None:
    inner = {"stream_descriptor": {"name": stream}, "stream_state": {"id": reached}}
    say(type="STATE", state={"type": "STREAM", "stream": inner})


def shared(kind: str, reached: Any) -> None:
    if kind == "GLOBAL":
        say(type="STATE", state={"type": "GLOBAL", "global": {"shared_state": {"lsn": reached}}})
    else:
        say(type="STATE", state={"type": "LEGACY", "data": {"at": reached}})


def log(text: str) -> None:
    say(type="LOG", log={"level": "INFO", "message": text})


def fail(stream: str | None, message: str) -> None:
    error: dict[str, Any] = {"message": message}
    if stream is not None:
        error["stream_descriptor"] = {"name": stream}
    say(type="TRACE", trace={"type": "ERROR", "emitted_at": 0, "error": error})


def goes_round(stream: str, key: Any) -> None:
    while True:
        record(stream, key)


def rest(_: str) -> None:
    while True:
        signal.pause()


def leave(status: int) -> None:
    sys.exit(status)


def die(_: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    verb, *arguments = sys.argv[1:]
    paths = dict(zip(arguments[::2], arguments[1::2], strict=True))
    files = {name[2:]: json.loads(Path(path).read_bytes()) for name, path in paths.items()}
    config = files["config"]
    if verb == "discover":
        streams = [
            {
                "name": name,
                "json_schema": {"type": "object"},
                "supported_sync_modes": ["full_refresh", "incremental"],
                "source_defined_cursor": True,
                "source_defined_primary_key": [["id"]],
            }
            for name in config["streams"]
        ]
        say(type="CATALOG", catalog={"streams": streams})
        return
    asked = [one["stream"]["name"] for one in files["catalog"]["streams"]]
    with Path(config["starts"]).open("a") as starts:
        print(json.dumps([asked, files.get("state")]), file=starts)
    covered = {}
    for told in files.get("state", ()) if config.get("resumes") else ():
        covered[told["stream"]["stream_descriptor"]["name"]] = told["stream"]["stream_state"]["id"]
    for word, *given in json.loads(Path(config["script"]).read_bytes()):
        # `fail` may also be about no stream.
        if given and given[0] in config["streams"] and given[0] not in asked:
            continue
        if word in ("record", "state") and given[0] in covered and given[1] <= covered[given[0]]:
            continue
        globals()[word](*given)


main()
