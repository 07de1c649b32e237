"""WebDialer as a zeep user calls it. Arguments: base URL, service name, action."""
import json, os, sys
import zeep
from zeep.helpers import serialize_object
from zeep.transports import Transport

SOAP_ENCODING = "http://schemas.xmlsoap.org/soap/encoding/"
HERE = os.path.dirname(os.path.abspath(__file__))


class Offline(Transport):
    """Gives zeep a local copy of the SOAP encoding schema."""

    def load(self, url):
        if url.rstrip("/") == SOAP_ENCODING.rstrip("/"):
            with open(os.path.join(HERE, "..", "soapenc.xsd"), "rb") as file:
                return file.read()
        return super().load(url)


def plain(value):
    """zeep's values without the wrappers that arrays come in."""
    value = serialize_object(value, dict)
    if isinstance(value, dict):
        if "_value_1" in value:
            return plain(value["_value_1"])
        if set(value) == {"item"}:
            return plain(value["item"])
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        inner = [plain(item) for item in value]
        return [list(item.values())[0] if isinstance(item, dict) and set(item) == {"item"} else item for item in inner]
    return value


def devices(items):
    return items or []


def main(base, service, action):
    client = zeep.Client(f"{base}/webdialer/services/{service}?wsdl", transport=Offline())
    call = client.service
    bill = {"userID": "bill", "password": "123"}
    profile = {
        "user": "bill", "deviceName": "SEPE8B7480316D6", "lineNumber": "1000 ; no partition",
        "supportEM": False, "locale": "", "dontAutoClose": False, "dontShowCallConf": False,
    }
    if action == "call":
        made = plain(call.makeCallSoap(bill, "5550100", profile))
        return {"make": int(made["responseCode"]), "text": made["responseDescription"]}
    if action == "end":
        return {"end": int(plain(call.endCallSoap(bill, profile))["responseCode"])}
    short = plain(call.getProfileSoap(bill, "bill"))
    long = plain(call.getProfileDetailSoap(bill))
    wrong = plain(call.getProfileDetailSoap({"userID": "bill", "password": "wrong"}))
    return {
        "profile": {d["deviceName"]: d["lines"] for d in devices(short["deviceInfoList"])},
        "detail": {
            d["deviceName"]: [d["lines"], d["phoneDesc"] or "", d["phoneType"]]
            for d in devices(long["deviceInfoListDetail"])
        },
        "primary": plain(call.getPrimaryLine(bill)),
        "bill": plain(call.isClusterUserSoap("bill")),
        "nobody": plain(call.isClusterUserSoap("nobody")),
        "wrong": int(wrong["responseCode"]),
    }


print(json.dumps(main(*sys.argv[1:])))
