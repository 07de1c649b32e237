// WebDialer as a user of the npm package `soap` calls it. Arguments: base URL, service name, action.
const soap = require('soap');

const NAMES = {
  WebdialerSoapService70: ['in0', 'in1', 'in2'],
  WebdialerSoapService: ['cred', 'dest', 'prof'],
  webdialer: ['args0', 'args1', 'args2'],
};

// A scalar with attributes is an object with $value; one without is the value itself.
const value = (v) => (v !== null && typeof v === 'object' && '$value' in v ? v.$value : v);
const text = (v) => (value(v) === undefined || value(v) === null || typeof value(v) === 'object' ? '' : String(value(v)));
const list = (v) => (v === undefined || v === null ? [] : Array.isArray(v) ? v : 'item' in Object(v) ? list(v.item) : [v]);

async function main(base, service, action) {
  const [first, second, third] = NAMES[service];
  const client = await soap.createClientAsync(`${base}/webdialer/services/${service}?wsdl`);
  const bill = { userID: 'bill', password: '123' };
  const profile = {
    user: 'bill', deviceName: 'SEPE8B7480316D6', lineNumber: '1000 ; no partition',
    supportEM: false, locale: '', dontAutoClose: false, dontShowCallConf: false,
  };
  const call = async (operation, args) => {
    const [result] = await client[`${operation}Async`](args);
    return value(result[`${operation}Return`] ?? result.return);
  };
  if (action === 'call') {
    const made = await call('makeCallSoap', { [first]: bill, [second]: '5550100', [third]: profile });
    return { make: Number(value(made.responseCode)), text: text(made.responseDescription) };
  }
  if (action === 'end') {
    // endCallSoap's profile is its second argument; the legacy dialect names arguments by their kind.
    const name = service === 'WebdialerSoapService' ? third : second;
    const ended = await call('endCallSoap', { [first]: bill, [name]: profile });
    return { end: Number(value(ended.responseCode)) };
  }
  const user = { WebdialerSoapService70: 'in0', WebdialerSoapService: 'userid', webdialer: 'args0' }[service];
  const whose = service === 'WebdialerSoapService' ? 'userid' : second;
  const short = await call('getProfileSoap', { [first]: bill, [whose]: 'bill' });
  const long = await call('getProfileDetailSoap', { [first]: bill });
  const wrong = await call('getProfileDetailSoap', { [first]: { userID: 'bill', password: 'wrong' } });
  const known = (v) => String(v) === 'true';
  return {
    profile: Object.fromEntries(list(short.deviceInfoList).map((d) => [text(d.deviceName), list(d.lines).map(text)])),
    detail: Object.fromEntries(list(long.deviceInfoListDetail).map((d) => [
      text(d.deviceName), [list(d.lines).map(text), text(d.phoneDesc), text(d.phoneType)],
    ])),
    primary: text(await call('getPrimaryLine', { [first]: bill })),
    bill: known(await call('isClusterUserSoap', { [user]: 'bill' })),
    nobody: known(await call('isClusterUserSoap', { [user]: 'nobody' })),
    wrong: Number(value(wrong.responseCode)),
  };
}

main(...process.argv.slice(2)).then((result) => console.log(JSON.stringify(result)), (error) => {
  console.error(error);
  process.exit(1);
});
