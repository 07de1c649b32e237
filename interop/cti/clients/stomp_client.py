"""A desktop program of the CUCM Connector by stomp.py. Arguments: the broker's host and port, and how a body is sent: `plain`
without a content-length, `length` with one, `text` with one and amq-msg-type. Reads and prints what Client.java does."""

import sys
import threading

import stomp

host, port, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]
lock = threading.Lock()
topics = {}


def out(*words):
    with lock:
        print("\t".join(words), flush=True)


class Listener(stomp.ConnectionListener):
    def on_message(self, frame):
        headers = frame.headers
        odd = []
        if headers.get("type") != "":
            odd.append(f"type={headers.get('type')}")
        if "content-length" in headers:
            odd.append("a BytesMessage")
        if headers.get("persistent") == "true" or headers.get("priority", "4") != "4" or headers.get("expires", "0") != "0":
            odd.append("persistent, priority or expires")
        if "reply-to" in headers:
            odd.append("reply-to")
        out("heard", topics[headers["subscription"]], headers.get("correlation-id", "-"), frame.body, ",".join(odd))

    def on_receipt(self, frame):
        name = frame.headers["receipt-id"]
        out("ready", topics[name]) if name in topics else out("said", name)


connection = stomp.Connection11([(host, port)], auto_content_length=how != "plain")
connection.set_listener("", Listener())
connection.connect(wait=True)
for line in sys.stdin:
    words = line.rstrip("\n").split("\t")
    if words[0] == "listen":
        number = f"topic-{len(topics)}"
        topics[number] = words[1]
        connection.subscribe(f"/topic/{words[1]}", number, headers={"receipt": number})
        continue
    kind, body, identity, reply, wanted = words[1:]
    headers = {"type": kind, "correlation-id": identity, "receipt": identity}
    if how == "text":
        headers["amq-msg-type"] = "text"
    if reply != "-":
        headers["reply-to"] = f"/topic/{reply}"
    if wanted != "-":
        headers["CCFormat"] = wanted
    connection.send("/queue/Connector1", body, headers=headers)
connection.disconnect()
