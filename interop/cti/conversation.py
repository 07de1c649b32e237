"""The worked conversations of `crates/wire/testdata/cti/`, played by a foreign client against a connector, and what it heard."""

import json
import pathlib
import queue
import subprocess
import threading
import time
import urllib.error
import urllib.request

from harness import LIMIT, ROOT, Failed, must

FOLDER = ROOT / "crates/wire/testdata/cti"
# Each agent's topic, where the conversation does not log him in itself.
AGENTS = {"cc.a": "42031", "cc.b": "42032", "cc.c": "32033"}
# What has not come by then does not come.
PATIENCE = 15


def read(file):
    """The steps of a conversation: words of a line, and below a command or an event what belongs to it."""
    steps = []
    for line in file.read_text().splitlines():
        name, _, rest = line.strip().partition(" ")
        if line.startswith("  "):
            steps[-1][2][name] = rest
        else:
            steps.append((name, rest, {}))
    return steps


class Client:
    """A foreign client in a process of its own, told what to do by lines, as `clients/Client.java` says."""

    def __init__(self, words):
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        self.lines = queue.Queue()
        threading.Thread(target=self.pump, daemon=True).start()
        self.heard = {}

    def pump(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n").split("\t"))
        self.lines.put(None)

    def tell(self, *words):
        self.process.stdin.write("\t".join(words) + "\n")
        self.process.stdin.flush()

    def until(self, what, reached):
        """Takes in what the client prints until that is so."""
        end = time.monotonic() + PATIENCE
        while not reached():
            try:
                line = self.lines.get(timeout=max(0.001, end - time.monotonic()))
            except queue.Empty:
                raise Failed(f"{what} did not come; heard {json.dumps(self.heard)}") from None
            if line is None:
                raise Failed(f"the client ended; heard {json.dumps(self.heard)}")
            self.take(line)

    def take(self, line):
        if line[0] == "heard":
            topic, identity, body, odd = line[1:]
            if odd:
                raise Failed(f"{body} has {odd}")
            self.heard.setdefault(topic, []).append([identity, body])
        else:
            self.done = tuple(line)

    def do(self, answer, *words):
        """Tells it something, and waits until it says that it is done."""
        self.done = None
        self.tell(*words)
        self.until(answer, lambda: self.done == answer)

    def listen(self, topic):
        self.do(("ready", topic), "listen", topic)

    def say(self, kind, body, identity, reply="-", wanted="-"):
        self.do(("said", identity), "say", kind, body, identity, reply, wanted)

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def api(base, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + "/api/v1" + path, data=data, method=method, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=LIMIT) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def clock(base, text):
    api(base, "POST", "/lab/clock", {"now": text.replace(" ", "T") + "Z", "running": False})


def begin(base):
    """A lab at rest, its clock at ten o'clock."""
    api(base, "POST", "/lab/reset")
    clock(base, "2026-11-21 10:00:00")


def device(agent):
    return f"SEP{agent:>012}"


def by_hand(base, what, agent, to=None):
    """What somebody does at a phone: with the newest call there that it fits."""
    if what == "call":
        api(base, "POST", "/calls", {"device": device(agent), "to": to})
        return
    body = {"device": device(agent), **({"to": to} if to else {})}
    for call in api(base, "GET", f"/calls?device={device(agent)}")["calls"]:
        if call["state"] == "ended":
            continue
        try:
            api(base, "POST", f"/calls/{call['id']}/{what}", body)
            return
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise
    raise Failed(f"nothing to {what} at {agent}")


class Play:
    """One conversation, in one of the two patterns, by one client."""

    def __init__(self, client, base, pattern):
        self.client, self.base, self.pattern = client, base, pattern
        self.count = {}

    def run(self, name):
        steps = read(FOLDER / name)
        topics = {rest.split(" ")[0] for what, rest, _ in steps if what == "event"} | set(AGENTS)
        for topic in sorted(topics):
            self.client.listen(topic)
        api(self.base, "POST", "/lab/reset")
        if not any(what == "cold" for what, _, _ in steps):
            clock(self.base, "2026-11-21 09:58:00")
            self.log_in()
        for what, rest, more in steps:
            self.step(what, rest, more)
        self.fence(sorted(topics))
        return {topic: self.client.heard.get(topic, []) for topic in sorted(topics)}

    def log_in(self):
        for topic, agent in AGENTS.items():
            self.command(f"Hello#{topic}", "", f"hello-{agent}")
            self.wait(topic, 1)
            status = "System#IN_SERVICE" if self.pattern == "text" else '{"type":"System","status":"IN_SERVICE"}'
            must("Hello", self.client.heard[topic][0][1], status)
            self.command(f"Login#{agent}", topic, f"login-{agent}")
            self.wait(topic, 3)
        self.begin()

    def begin(self):
        self.client.heard, self.count = {}, {}

    def command(self, kind, body, identity, reply="-"):
        # How a program chooses its pattern that leaves the bodies as they are.
        greets = kind.partition("#")[0].strip().lower() in ("hello", "login")
        wanted = "json" if self.pattern == "json" and greets else "-"
        self.client.say(kind, body, identity, reply, wanted)

    def wait(self, topic, more):
        self.count[topic] = self.count.get(topic, 0) + more
        self.client.until(f"event {self.count[topic]} on {topic}", lambda: len(self.client.heard.get(topic, [])) >= self.count[topic])

    def step(self, what, rest, more):
        words = rest.split(" ")
        if what == "command":
            self.command(more["type"], more.get("body", ""), words[0], more.get("reply", "-").removeprefix("topic://"))
        elif what == "event":
            self.wait(words[0], 1)
        elif what == "at":
            clock(self.base, rest)
        elif what == "hand":
            by_hand(self.base, *words)
        elif what in ("network", "phone"):
            on = "network" if what == "network" else f"device:{device(words[1])}"
            fault = {"on": on, "kind": "down", **({"calls": "lost"} if what == "network" else {})}
            if words[0] == "down":
                api(self.base, "POST", "/lab/faults", fault)
            else:
                api(self.base, "DELETE", f"/lab/faults?on={on}")
        elif what == "begin":
            self.fence(sorted(AGENTS))
            self.begin()
        elif what not in ("note", "cold"):
            raise Failed(f"nobody knows what {what} is")

    def fence(self, topics):
        """A Hello for each topic that is known: what was published before its answer has come, and nothing more will."""
        for number, topic in enumerate(topics):
            identity = f"fence-{number}"
            self.command(f"Hello#{topic}", "", identity)
            self.client.until(f"the last Hello of {topic}", lambda: any(i == identity for i, _ in self.client.heard.get(topic, [])))
        for topic, heard in self.client.heard.items():
            self.client.heard[topic] = [event for event in heard if not event[0].startswith("fence-")]


def expected(name, pattern):
    """What the conversation says is heard, topic by topic."""
    steps = read(FOLDER / name)
    start = max((n + 1 for n, step in enumerate(steps) if step[0] == "begin"), default=0)
    topics = {rest.split(" ")[0] for what, rest, _ in steps if what == "event"} | set(AGENTS)
    heard = {topic: [] for topic in sorted(topics)}
    for what, rest, more in steps[start:]:
        if what == "event":
            topic, identity = rest.split(" ")
            heard[topic].append([identity, more["text" if pattern == "text" else "json"]])
    return heard


def names():
    return sorted(file.name for file in FOLDER.glob("[0-9]*.txt"))


def transcript(heard):
    """For people: each topic, and what was heard on it in its order."""
    lines = []
    for topic, events in heard.items():
        lines.append(topic)
        lines.extend(f"  {identity:6} {body}" for identity, body in events)
    return "\n".join(lines) + "\n"


def compare(name, pattern, heard):
    wanted = expected(name, pattern)
    for topic in wanted:
        for number, (seen, due) in enumerate(zip(heard[topic], wanted[topic])):
            must(f"{name}: {topic}, event {number + 1}", seen, due)
        must(f"{name}: {topic}, events", len(heard[topic]), len(wanted[topic]))


def save(folder, name, pattern, heard):
    file = pathlib.Path(folder) / f"{pathlib.Path(name).stem}.{pattern}.transcript"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(transcript(heard))
