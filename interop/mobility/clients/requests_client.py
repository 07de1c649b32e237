"""Extension Mobility as a program with python-requests asks it. Arguments: the servlet's address, form, document.

Prints the status on one line, then the body.
"""

import sys

import requests

address, form, document = sys.argv[1:]
session = requests.Session()
if form == "post":
    answer = session.post(address, data={"xml": document})
elif form == "multipart":
    answer = session.post(address, files={"xml": (None, document)})
elif form == "multipart-file":
    answer = session.post(address, files={"xml": ("request.xml", document, "text/xml")})
elif form == "get":
    answer = session.get(address, params={"xml": document})
elif form == "get-as-is":
    # The library escapes what it must and leaves the rest.
    answer = session.get(f"{address}?xml={document}")
elif form == "post-as-is":
    head = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = session.post(address, data=f"xml={document}".encode(), headers=head, auth=("MobilityManagerUser", "x"))
elif form == "junk-body":
    # The field is in the address, and the body is of another type.
    answer = session.post(address, params={"xml": document}, data="junk", headers={"Content-Type": "text/xml"})
elif form == "text-xml":
    answer = session.post(address, data=document, headers={"Content-Type": "text/xml"})
else:
    sys.exit(f"no form {form}")
print(answer.status_code)
sys.stdout.write(answer.text)
