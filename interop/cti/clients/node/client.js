// A desktop program of the CUCM Connector by stompit. Arguments: the broker's host and port. Reads and prints what Client.java does.
const readline = require("readline");
const stompit = require("stompit");

const [host, port] = process.argv.slice(2);
const out = (...words) => process.stdout.write(words.join("\t") + "\n");

function odd(headers) {
  const odd = [];
  if (headers.type !== "") odd.push(`type=${headers.type}`);
  if ("content-length" in headers) odd.push("a BytesMessage");
  if (headers.persistent === "true" || (headers.priority || "4") !== "4" || (headers.expires || "0") !== "0") odd.push("persistent, priority or expires");
  if ("reply-to" in headers) odd.push("reply-to");
  return odd.join(",");
}

function listen(client, topic) {
  client.subscribe({ destination: `/topic/${topic}`, ack: "auto" }, (error, message) => {
    if (error) throw error;
    message.readString("utf-8", (error, body) => {
      if (error) throw error;
      out("heard", topic, message.headers["correlation-id"] || "-", body, odd(message.headers));
    });
  });
}

stompit.connect({ host, port: Number(port), connectHeaders: { "accept-version": "1.1" } }, (error, client) => {
  if (error) throw error;
  client.on("error", (error) => { throw error; });
  const lines = readline.createInterface({ input: process.stdin, terminal: false });
  lines.on("line", (line) => {
    const [what, ...words] = line.split("\t");
    if (what === "listen") {
      listen(client, words[0]);
      // A frame with a receipt: what was sent before it has been read by then.
      client.send({ destination: "/topic/nobody.listens.here" }, { onReceipt: () => out("ready", words[0]) }).end();
      return;
    }
    const [type, body, id, reply, format] = words;
    const headers = { destination: "/queue/Connector1", type, "correlation-id": id };
    if (reply !== "-") headers["reply-to"] = `/topic/${reply}`;
    if (format !== "-") headers.CCFormat = format;
    const frame = client.send(headers, { onReceipt: () => out("said", id) });
    frame.write(body);
    frame.end();
  });
  lines.on("close", () => client.disconnect());
});
