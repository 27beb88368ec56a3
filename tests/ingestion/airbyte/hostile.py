"""An Airbyte connector that misbehaves as its settings say; run it as a program."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

STREAM = "odd. things"


def say(**message: Any) -> None:
    print(json.dumps(message), flush=True)


def log(level: str, text: str) -> None:
    say(type="LOG", log={"level": level, "message": text})


def record(number: int) -> None:
    data = {"id": number, "text": f"record {number}"}
    say(type="RECORD", record={"stream": STREAM, "data": data, "emitted_at": 0})


def records() -> None:
    for number in range(3):
        record(number)


def status(word: str) -> None:
    told = {"stream_descriptor": {"name": STREAM}, "status": word}
    say(type="TRACE", trace={"type": "STREAM_STATUS", "emitted_at": 0, "stream_status": told})


def state(reached: Any) -> None:
    inner = {"stream_descriptor": {"name": STREAM}, "stream_state": {"id": reached}}
    say(type="STATE", state={"type": "STREAM", "stream": inner, "sourceStats": {"recordCount": 0}})


def fail(message: str) -> None:
    error = {"message": message, "internal_message": "row: Ann, ann@example.com"}
    say(type="TRACE", trace={"type": "ERROR", "emitted_at": 0, "error": error})


def good(config: Any, files: Any) -> None:
    status("STARTED")
    records()
    state(2)
    status("COMPLETE")


def garbage(config: Any, files: Any) -> None:
    print("Thank you for using this connector!")
    print(f"signed in with {config['token']}")
    print('{"type": "SURPRISE"}\n\n[1, 2]\nnull\n\xff', flush=True)
    good(config, files)


def hangs(config: Any, files: Any) -> None:
    record(0)
    time.sleep(3600)


def huge(config: Any, files: Any) -> None:
    record(0)
    print("x" * (3 << 20), flush=True)
    record(1)


def exits_one(config: Any, files: Any) -> None:
    records()
    status("COMPLETE")
    sys.exit(f"cannot go on with {config['token']}")


def killed(config: Any, files: Any) -> None:
    records()
    os.kill(os.getpid(), signal.SIGKILL)


def says_nothing_of_its_end(config: Any, files: Any) -> None:
    records()


def never_complete(config: Any, files: Any) -> None:
    status("STARTED")
    records()


def incomplete(config: Any, files: Any) -> None:
    records()
    status("INCOMPLETE")


def fails(config: Any, files: Any) -> None:
    records()
    fail(f"The token {config['token']} is no longer valid.")
    state(2)
    status("COMPLETE")


def damaged(config: Any, files: Any) -> None:
    record(0)
    print('{"type": "RECORD", "record": {"stream": "' + STREAM + '", "data": {"id": 1, "te')
    record(2)


def misshapen(config: Any, files: Any) -> None:
    record(0)
    say(type="RECORD", record={"stream": STREAM, "data": [1]})


def forks(config: Any, files: Any) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(3600)"]
    )
    Path(config["pid_file"]).write_text(str(child.pid))
    records()


def stubborn(config: Any, files: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(config["pid_file"]).write_text(str(os.getpid()))
    record(0)
    time.sleep(3600)


def complains(config: Any, files: Any) -> None:
    for _ in range(200):
        print("x" * 20_000, file=sys.stderr)
    records()
    print(f"last words about {config['token']}", file=sys.stderr)
    sys.exit(3)


def refused(config: Any, files: Any) -> None:
    log("INFO", "Skipping the stream: the token lacks the permission crm.read (HTTP 403)")
    state(9)
    status("COMPLETE")


def odd_error(config: Any, files: Any) -> None:
    records()
    say(type="TRACE", trace={"type": "ERROR", "error": {"message": {"row": "ann@example.com"}}})


def odd_descriptors(config: Any, files: Any) -> None:
    told = {"stream_descriptor": STREAM, "status": "STARTED"}
    say(type="TRACE", trace={"type": "STREAM_STATUS", "emitted_at": 0, "stream_status": told})
    records()
    say(type="STATE", state={"type": "STREAM", "stream": STREAM})
    say(type="STATE", state={"type": "STREAM", "stream": {"stream_descriptor": [STREAM]}})


def deep(config: Any, files: Any) -> None:
    record(0)
    print('{"type": "RECORD", "record": ' + "[" * 100_000)


def chatters(config: Any, files: Any) -> None:
    record(0)
    while True:
        log("INFO", "still busy")
        time.sleep(0.05)


def drips(config: Any, files: Any) -> None:
    record(0)
    while True:
        print("x", end="", flush=True)
        time.sleep(0.05)


def quotes(config: Any, files: Any) -> None:
    for text in json.loads(Path(config["texts_file"]).read_text()):
        log("WARN", text)
    records()


def remembers_nul(config: Any, files: Any) -> None:
    records()
    state("a\0")


def remembers_half_a_pair(config: Any, files: Any) -> None:
    records()
    state("\ud800")


def remembers_a_large_number(config: Any, files: Any) -> None:
    state(10**26)
    say(type="RECORD", record={"stream": STREAM, "data": {"id": 3, "got": files.get("state")}})


def remembers_all(config: Any, files: Any) -> None:
    shared = {"shared_state": {"lsn": 7}, "stream_states": []}
    records()
    say(type="STATE", state={"type": "GLOBAL", "global": shared})
    say(type="RECORD", record={"stream": STREAM, "data": {"id": 3, "got": files.get("state")}})


def remembers_as_of_old(config: Any, files: Any) -> None:
    records()
    say(type="STATE", state={"data": {STREAM: {"id": 2}}})
    say(type="RECORD", record={"stream": STREAM, "data": {"id": 3, "got": files.get("state")}})


def numbers(config: Any, files: Any) -> None:
    values = '"id": 123456789012345678901234567, "least": -9223372036854775808, "large": 1e308'
    data = f'{{{values}, "none": NaN}}'
    print(f'{{"type": "RECORD", "record": {{"stream": "{STREAM}", "data": {data}}}}}')


def looks_around(config: Any, files: Any) -> None:
    folder = Path(sys.argv[sys.argv.index("--config") + 1]).parent
    data = {
        "id": 0,
        "folder": str(folder),
        "folder_mode": stat.filemode(folder.stat().st_mode),
        "modes": sorted({stat.filemode(file.stat().st_mode) for file in folder.iterdir()}),
        "command": Path("/proc/self/cmdline").read_bytes().decode(),
        "environment": dict(os.environ),
        "leads": os.getsid(0) == os.getpid(),
    }
    say(type="RECORD", record={"stream": STREAM, "data": data})


def main() -> None:
    verb, *arguments = sys.argv[1:]
    paths = dict(zip(arguments[::2], arguments[1::2], strict=True))
    files = {name[2:]: json.loads(Path(path).read_bytes()) for name, path in paths.items()}
    config = files.get("config", {})
    if config.get("slow_at") == verb:
        time.sleep(3600)
    match verb:
        case "spec":
            schema = {"type": "object", "properties": {"token": {"airbyte_secret": True}}}
            say(type="SPEC", spec={"connectionSpecification": schema})
        case "check":
            good_token = config["token"] != "wrong-token"
            told = {"status": "SUCCEEDED" if good_token else "FAILED"}
            if not good_token:
                told["message"] = f"{config['token']} is not accepted."
            say(type="CONNECTION_STATUS", connectionStatus=told)
        case "discover":
            stream = {
                "name": STREAM,
                "json_schema": {"type": "object"},
                "supported_sync_modes": ["full_refresh", "incremental"],
                "source_defined_cursor": True,
                "source_defined_primary_key": [["id"]],
                **config.get("stream", {}),
            }
            say(type="CATALOG", catalog={"streams": [stream]})
        case "read":
            globals()[config["behaviour"]](config, files)


main()
