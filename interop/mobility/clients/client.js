// Extension Mobility as a program with Node's fetch asks it. Arguments: the servlet's address, form, document.
// Prints the status on one line, then the body.
const [address, form, document] = process.argv.slice(2);
const multipart = () => {
  const body = new FormData();
  body.append('xml', document);
  return body;
};
const forms = {
  post: () => fetch(address, { method: 'POST', body: new URLSearchParams({ xml: document }) }),
  multipart: () => fetch(address, { method: 'POST', body: multipart() }),
  get: () => fetch(`${address}?${new URLSearchParams({ xml: document })}`),
  // fetch escapes what an address may not hold, and leaves the rest.
  'get-as-is': () => fetch(`${address}?xml=${document}`),
};

forms[form]()
  .then(async (answer) => process.stdout.write(`${answer.status}\n${await answer.text()}`))
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
