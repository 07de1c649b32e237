// Cisco's sample pages, from another site, in a real browser against a running lab: with and without scripts.
//
// node run.js LAB_ADDRESS SCREENSHOTS; the lab listens at https://LAB_ADDRESS:8443 and http://LAB_ADDRESS:8080.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { chromium } = require("playwright-core");

const [host, pictures] = process.argv.slice(2);
const api = `http://${host}:8080/api/v1`;
const ask = async (place, options) => (await fetch(api + place, options)).json();
const reset = () => fetch(`${api}/lab/reset`, { method: "POST" });
const newest = async () => (await ask("/calls?limit=1")).calls[0];
const journal = async () => (await ask("/lab/requests?interface=webdialer")).requests;

// The page as printed, but for the host. In a form `{cucm}` is host and port; the script names the port itself.
const samples = http.createServer((request, response) => {
  const name = path.basename(request.url.split("?")[0]);
  if (!name.endsWith(".html")) return response.writeHead(204).end();
  const text = fs.readFileSync(path.join(__dirname, "pages", name), "utf8");
  const at = name === "script.html" ? host : `${host}:8443`;
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  response.end(text.replaceAll("{cucm}", at));
});

async function picture(page, name) {
  await page.screenshot({ path: path.join(pictures, `${name}.png`) });
}

async function signIn(page, name) {
  assert.equal(await page.title(), "Cisco WebDialer - Login");
  await page.getByText("Phone number: 1002").waitFor();
  await picture(page, `${name}-1-login`);
  await page.getByLabel("User ID").fill("bill");
  await page.getByLabel("Password").fill("123");
  await page.getByRole("button", { name: "Login" }).click();
  await page.waitForURL("**/webdialer/Webdialer*");
  assert.equal(await page.title(), "Cisco WebDialer - Preferences");
  await page.locator("#permDeviceSelect").selectOption("SEPE8B7480316D6");
  // Without a script the list has the lines of all phones; with one those of the chosen phone.
  await page.locator("#lineNumber").selectOption("1000 ; no partition");
  await picture(page, `${name}-2-preferences`);
  await page.getByRole("button", { name: "Submit" }).click();
  await page.waitForLoadState();
}

async function dialAndHangUp(page, name, number) {
  assert.equal(await page.title(), "Cisco WebDialer - Make Call");
  assert.equal(await page.getByLabel("Phone number").inputValue(), number);
  await picture(page, `${name}-3-dial`);
  await page.getByRole("button", { name: "Dial" }).click();
  await page.waitForLoadState();
  await hangUp(page, name, number, { interface: "webdialer", user: "bill", by: null }, "SEPE8B7480316D6");
}

async function hangUp(page, name, number, origin, device) {
  assert.equal(await page.title(), "Cisco WebDialer - End Call");
  await picture(page, `${name}-4-end`);
  const call = await newest();
  assert.deepEqual([call.origin, call.dialled, call.connections[0].device], [origin, number, device]);
  const placed = (await journal()).filter((entry) => entry.fields.call === call.id);
  assert.equal(placed.length, 1, "the journal has the request that placed the call");
  const closed = page.waitForEvent("close", { timeout: 5000 }).catch(() => null);
  await page.getByRole("button", { name: "Hang up" }).click();
  // A window that a script opened closes itself; another one stays.
  await Promise.race([closed, page.waitForLoadState()]).catch(() => null);
  assert.equal((await ask(`/calls/${call.id}`)).state, "ended");
}

async function scenario(browser, site, javaScriptEnabled, name) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled, viewport: { width: 420, height: 300 } });
  const page = await context.newPage();
  const complaints = [];
  if (process.env.DEBUG) page.on("requestfailed", (r) => console.error(r.method(), r.url(), r.failure().errorText));
  if (process.env.DEBUG) page.on("response", (r) => console.error(r.status(), r.url()));
  context.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await reset();
  // The makeCall form: a post from another site never dials by itself.
  await page.goto(`${site}/makeCall.html`);
  await page.getByRole("button", { name: "Make Call" }).click();
  await page.waitForURL(`https://${host}:8443/webdialer/Webdialer?destination=1002`);
  await signIn(page, `${name}-form`);
  await dialAndHangUp(page, `${name}-form`, "1002");
  // Signed in, the page that asks comes at once, filled in.
  await page.goto(`${site}/makeCall.html`);
  await page.getByRole("button", { name: "Make Call" }).click();
  await page.waitForURL("**/webdialer/Webdialer?destination=1002");
  assert.equal(await newest().then((call) => call.state), "ended", "nothing was dialled");
  await dialAndHangUp(page, `${name}-form-again`, "1002");
  if (javaScriptEnabled) {
    // A button pressed twice is one call.
    await page.goto(`https://${host}:8443/webdialer/Webdialer?destination=5550108`);
    await page.evaluate(() => [1, 2].forEach(() => document.querySelector("button[name=dial]").click()));
    await page.waitForURL("**/webdialer/Webdialer");
    const dialled = (await ask("/calls")).calls.filter((call) => call.dialled === "5550108");
    assert.equal(dialled.length, 1);
    await page.getByRole("button", { name: "Hang up" }).click();
    await page.waitForLoadState();
    // The script's pop-up.
    await page.goto(`${site}/script.html`);
    const [popup] = await Promise.all([page.waitForEvent("popup"), page.getByRole("link", { name: "1002" }).click()]);
    await popup.waitForURL("**/webdialer/Webdialer?destination=1002");
    await dialAndHangUp(popup, `${name}-popup`, "1002");
  }
  await context.clearCookies();
  await page.goto(`${site}/makeCallProxy.html`);
  await page.locator("input[name=uid]").fill("bill");
  await page.locator("input[name=appid]").fill("testAppUser");
  await page.locator("input[name=pwd]").fill("password");
  await page.getByRole("button", { name: "Make Call" }).click();
  await page.waitForURL(`https://${host}:8443/webdialer/Webdialer`);
  const origin = { interface: "webdialer", user: "bill", by: "testAppUser" };
  await hangUp(page, `${name}-proxy`, "1002", origin, "SEPE8B7480316D6");
  assert.deepEqual(complaints, [], "the browser has nothing to complain about");
  await context.close();
}

async function main() {
  fs.mkdirSync(pictures, { recursive: true });
  await new Promise((listening) => samples.listen(0, "127.0.0.1", listening));
  const site = `http://localhost:${samples.address().port}`;
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  try {
    await scenario(browser, site, true, "script");
    console.log("with scripts: makeCall form, script page with its pop-up, makeCallProxy form: ok");
    await scenario(browser, site, false, "plain");
    console.log("without scripts: makeCall form, makeCallProxy form: ok");
  } finally {
    await browser.close();
    samples.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
