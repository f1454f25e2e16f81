"""The emulated service for test programs in Python: its API with both factors, and its admin port. tests/lib/service.sh sets the environment."""

import json
import os
import re
import ssl
import urllib.request


class Service:
    """The service whose state directory is `state`, with the settings of its client.env in the environment."""

    def __init__(self, state):
        context = ssl.create_default_context(cafile=os.environ["SM_CA_FILE"])
        context.load_cert_chain(f"{state}/client.pem")
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        self.base = os.environ["SM_HOST"].rstrip("/") + "/signingmanager/api/v1/"
        self.admin_url = re.search(r"admin (\S+)", open(os.path.join(os.environ["SM_LOG_DIR"], "emulator.out")).read()).group(1)

    def post(self, path, body):
        headers = {"Content-Type": "application/json", "x-api-key": os.environ["SM_API_KEY"]}
        request = urllib.request.Request(self.base + path, json.dumps(body).encode(), headers)
        return json.load(self.opener.open(request))

    def create(self, alias):
        """A P-256 keypair with a certificate; its id."""
        body = {"alias": alias, "key_alg": "ECDSA", "properties": {"curve": "P-256"}, "key_storage": "HSM", "key_type": "TEST", "status": "ONLINE", "generate_cert": True}
        return self.post("keypairs", body)["id"]

    def admin(self, path):
        """The JSON of a GET on the admin port."""
        return json.load(self.opener.open(self.admin_url + path))

    def signed(self):
        """The ids of the keypairs that signed so far."""
        return [record["keypair_id"] for record in self.admin("/signatures")]
