"""WebDialer as a suds user calls it. Arguments: base URL, service name, action."""
import json, sys
from suds.client import Client


def texts(value):
    """A repeated element or an encoded array, as a list of texts."""
    if value is None or value == "":
        return []
    if hasattr(value, "item"):
        value = value.item
    return [str(item) for item in (value if isinstance(value, list) else [value])]


def items(value):
    if value is None or value == "":
        return []
    if hasattr(value, "item"):
        value = value.item
    return value if isinstance(value, list) else [value]


def main(base, service, action):
    client = Client(f"{base}/webdialer/services/{service}?wsdl", cache=None)
    call = client.service
    bill = {"userID": "bill", "password": "123"}
    profile = {
        "user": "bill", "deviceName": "SEPE8B7480316D6", "lineNumber": "1000 ; no partition",
        "supportEM": False, "locale": "", "dontAutoClose": False, "dontShowCallConf": False,
    }
    if action == "call":
        made = call.makeCallSoap(bill, "5550100", profile)
        return {"make": int(made.responseCode), "text": str(made.responseDescription)}
    if action == "end":
        return {"end": int(call.endCallSoap(bill, profile).responseCode)}
    short = call.getProfileSoap(bill, "bill")
    long = call.getProfileDetailSoap(bill)
    wrong = call.getProfileDetailSoap({"userID": "bill", "password": "wrong"})
    return {
        "profile": {str(d.deviceName): texts(d.lines) for d in items(short.deviceInfoList)},
        "detail": {
            str(d.deviceName): [texts(d.lines), str(d.phoneDesc or ""), str(d.phoneType)]
            for d in items(long.deviceInfoListDetail)
        },
        "primary": str(call.getPrimaryLine(bill)),
        "bill": bool(call.isClusterUserSoap("bill")),
        "nobody": bool(call.isClusterUserSoap("nobody")),
        "wrong": int(wrong.responseCode),
    }


print(json.dumps(main(*sys.argv[1:])))
