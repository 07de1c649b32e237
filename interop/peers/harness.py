"""What the runs with foreign clients share: a lab of their own, a man in the middle, the table of results."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = str(ROOT / ".test/venv/bin/python")
LIMIT = 60


class Failed(Exception):
    pass


def must(what, seen, expected):
    if seen != expected:
        raise Failed(f"{what}: expected {json.dumps(expected)}, got {json.dumps(seen)}")


def command(*words, **how):
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT, **how)
    except subprocess.TimeoutExpired:
        raise Failed(f"{words[0]} did not end within {LIMIT} s") from None
    if done.returncode != 0:
        raise Failed((done.stderr or done.stdout).strip()[-400:])
    return done.stdout


def get(base, path):
    with urllib.request.urlopen(base + path, timeout=LIMIT) as answer:
        return json.load(answer)


def reset(base):
    urllib.request.urlopen(urllib.request.Request(base + "/api/v1/lab/reset", method="POST"), timeout=LIMIT)


def skipped():
    """The peers that could not be installed."""
    file = ROOT / ".test/skipped"
    return set(file.read_text().split()) if file.exists() else set()


class Planter(threading.Thread):
    """Stands between client and server and changes one byte of every answer that holds some bytes."""

    def __init__(self, base, planted):
        super().__init__(daemon=True)
        scheme, host, port = re.match(r"(\w+)://([^:]+):(\d+)", base).groups()
        self.server = (host, int(port))
        self.planted = planted
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "%s://127.0.0.1:%d" % (scheme, self.listener.getsockname()[1])

    def run(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(self.server)
            threading.Thread(target=self.pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, True), daemon=True).start()

    def pump(self, source, target, plant):
        try:
            while data := source.recv(65536):
                if plant:
                    data = data.replace(*self.planted)
                target.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, target):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


class Lab:
    """A fresh lab on ports of the system's choice, and a folder to work in; both are gone in the end. `more` are arguments of its
    command, `settings` variables."""

    def __init__(self, *more, **settings):
        self.more, self.settings = more, settings

    def __enter__(self):
        binary = os.environ.get("CORDBOARD_BIN") or next(
            (str(p) for p in (ROOT / "target/release/cordboard", ROOT / "target/debug/cordboard") if p.exists()), None
        )
        if binary is None:
            sys.exit("interop: build cordboard first, or name it by CORDBOARD_BIN")
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="cordboard-interop-"))
        ports = self.work / "ports.json"
        self.process = subprocess.Popen(
            [binary, "lab", "--ports", "any", "--fresh", "--data", str(self.work / "lab"), "--port-file", str(ports), *self.more],
            stdout=subprocess.DEVNULL,
            env={**os.environ, **self.settings},
        )
        begun = time.monotonic()
        while not ports.exists():
            if self.process.poll() is not None or time.monotonic() - begun > LIMIT:
                self.__exit__()
                sys.exit("interop: the lab does not start")
            time.sleep(0.02)
        self.ports = json.loads(ports.read_text())
        self.base = self.ports["http"]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.work, ignore_errors=True)


class Tally:
    """Counts cells. Under a planted byte a cell is fine only if that very byte is what it fails for."""

    def __init__(self, planted):
        self.planted = planted
        self.passed = self.failed = self.left = 0

    def cell(self, name, does):
        """Runs a cell and answers its word for the table."""
        try:
            does()
            failure = None
        except (Failed, json.JSONDecodeError, KeyError) as error:
            failure = str(error)
        if self.planted is None:
            fine = failure is None
        else:
            fine = failure is not None and self.planted[1].decode().strip("</>") in failure
        self.passed, self.failed = self.passed + fine, self.failed + (not fine)
        if not fine:
            print(f"{name}: {failure or 'the planted byte was not noticed'}")
        return "ok" if fine else "FAILED"

    def skip(self):
        self.left += 1
        return "SKIPPED"

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed" + (f", {self.left} skipped" if self.left else ""))
        sys.exit(1 if self.failed or not self.passed else 0)
