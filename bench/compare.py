"""Two builds of cordboard in one run: `--compare BINARY` and `--callgrind N` of the benchmarks beside this file.

Builds are measured in turn, round by round, so that whatever else the machine does meets both. A figure is the median of its rounds
with the range from the smallest to the largest. CPU seconds and instructions are judged, because they repeat; rates are printed.
"""

import atexit
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")
# A build may need this much more of the CPU than the one before it.
ALLOWED = 1.05
# Starting under callgrind takes this many seconds at most.
PATIENCE = 300


def add_options(parser):
    parser.add_argument("--compare", metavar="BINARY", help="another build, measured in turn with this one; nothing else is measured")
    parser.add_argument("--callgrind", metavar="N", type=int, help="with --compare: instructions per request, over N requests under valgrind")


class Lab:
    """A lab of one build in a folder of its own. It is started twice: hashing the passwords of its directory is no part of a figure."""

    def __init__(self, name, binary, *words, before=()):
        self.name, self.binary, self.words = name, str(binary), words
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="cordboard-bench-"))
        atexit.register(self.stop)
        self.process = None
        self._start(())
        self._end()
        self._start(before)

    def _start(self, before):
        ports = self.work / "ports.json"
        ports.unlink(missing_ok=True)
        command = [*before, self.binary, "lab", "--ports", "any", "--data", str(self.work / "lab"), "--port-file", str(ports), *self.words]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.work)
        begun = time.monotonic()
        while not ports.exists():
            if self.process.poll() is not None or time.monotonic() - begun > PATIENCE:
                sys.exit(f"bench: the lab of {self.binary} does not start")
            time.sleep(0.02)
        self.ports, self.pid = json.loads(ports.read_text()), self.process.pid
        self.base, self.url = self.ports["http"], self.ports.get("openwire")

    def _end(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def stop(self):
        self._end()
        shutil.rmtree(self.work, ignore_errors=True)

    def cpu(self):
        """CPU seconds so far."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self):
        """MB now, and at most so far."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        kib = {line.split(":")[0]: int(line.split()[1]) for line in status.splitlines() if line.startswith("Vm")}
        return kib["VmRSS"] / 1024, kib["VmHWM"] / 1024


def builds(ours, theirs):
    """The two builds by name: the one that is judged, and the one it is compared with."""
    for binary in (ours, theirs):
        if not os.access(binary, os.X_OK):
            sys.exit(f"bench: {binary} is no program")
    return {"this": str(pathlib.Path(ours).resolve()), "other": str(pathlib.Path(theirs).resolve())}


class Figures:
    """Measured values by what they are of and which build they are of."""

    def __init__(self):
        self.values = {}

    def add(self, what, unit, name, value, judged=False):
        self.values.setdefault((what, unit, judged), {}).setdefault(name, []).append(value)

    def show(self):
        """Prints every figure; answers whether no judged one got worse by more than is allowed."""
        print(f"{'':44}{'this build':>32}{'the other':>32}{'ratio':>8}")
        met = True
        for (what, unit, judged), of in self.values.items():
            ours, theirs = of["this"], of["other"]
            ratio = statistics.median(ours) / statistics.median(theirs) if statistics.median(theirs) else float("nan")
            verdict = ""
            if judged:
                fine = not ratio > ALLOWED
                met &= fine
                verdict = f"   target ≤ {ALLOWED}: {'met' if fine else 'MISSED'}"
            print(f"{f'{what}, {unit}':44}{spread(ours):>32}{spread(theirs):>32}{ratio:8.3f}{verdict}", flush=True)
        return met


def spread(values):
    number = lambda value: f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: E731
    return f"{number(statistics.median(values))} ({number(min(values))}–{number(max(values))})"


def has_callgrind():
    there = shutil.which("valgrind") and shutil.which("callgrind_control")
    if not there:
        print("bench: valgrind is not there; no instructions are counted", file=sys.stderr)
    return bool(there)


def instructions(binary, requests, connect, send, *words):
    """Instructions for each of some requests: `connect` makes a connection to a lab, `send` a request and its answer on it."""
    lab = Lab("callgrind", binary, *words, before=("valgrind", "--tool=callgrind", "--callgrind-out-file=counts"))
    try:
        connection = connect(lab)
        # What happens once, such as the first sign-on of a user, is no part of it.
        for number in range(requests):
            send(connection, number)
        control(lab, "--zero")
        for number in range(requests):
            send(connection, number)
        control(lab, "--dump")
        # The dump has a number behind its name.
        dumps = [path for path in lab.work.glob("counts*") if "totals:" in path.read_text() or "summary:" in path.read_text()]
        totals = []
        for path in dumps:
            for line in path.read_text().splitlines():
                if line.startswith(("totals:", "summary:")):
                    totals.append(int(line.split()[1]))
                    break
        if not totals:
            sys.exit("bench: callgrind has written no counts")
        return max(totals) / requests
    finally:
        lab.stop()


def control(lab, what):
    done = subprocess.run(["callgrind_control", what, str(lab.pid)], capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode != 0:
        sys.exit(f"bench: callgrind_control: {done.stdout}{done.stderr}")


def connect_http(lab):
    host, port = lab.base.removeprefix("http://").rsplit(":", 1)
    stream = socket.create_connection((host, int(port)))
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def exchange(stream, path, content_type, body, expect=b"HTTP/1.1 200"):
    """Posts a body and reads the whole answer."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nSOAPAction: \"\"\r\nContent-Length: {len(body)}\r\n\r\n"
    stream.sendall(head.encode() + body)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += came(stream)
    head, rest = answer.split(b"\r\n\r\n", 1)
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(rest) < length:
        rest += came(stream)
    if not head.startswith(expect):
        sys.exit(f"bench: {head}{rest}")
    return rest


def came(stream):
    bytes_ = stream.recv(65536)
    if not bytes_:
        sys.exit("bench: the connection was closed")
    return bytes_
