"""How client and nsqd talk in a check: TLS, compression, secrets."""

from dataclasses import dataclass

SECRET = "open & sesame"  # has something to escape in a query
IDENTITY = "joe"


@dataclass(frozen=True)
class Setting:
    tls: bool = False
    certificate: bool = False  # the client shows one, and nsqd verifies it
    compression: str | None = None  # snappy or deflate
    auth: bool = False

    def nsqd_flags(self, certificates, auth_server):
        """What nsqd is started with; it takes no client that does without what is tested."""
        flags = ["--snappy", "--deflate"]
        if self.tls:
            flags += [f"--tls-cert={certificates / 'server.pem'}", f"--tls-key={certificates / 'server.key'}"]
            flags.append("--tls-required=tcp-https")  # plain HTTP is where the harness asks for /stats
        if self.certificate:
            flags.append("--tls-client-auth-policy=require-verify")
            flags.append(f"--tls-root-ca-file={certificates / 'ca.pem'}")
        if self.auth:
            flags.append(f"--auth-http-address={auth_server.address}")
        return flags

    def client_options(self, certificates, secret=SECRET):
        """What the adapter is told, as its second argument."""
        options = {"compression": self.compression, "secret": secret if self.auth else None, "tls": None}
        if self.tls:
            shown = {"cert": "client.pem", "key": "client.key"} if self.certificate else {}
            files = {"ca": "ca.pem", "cert": None, "key": None, **shown}
            options["tls"] = {name: file and str(certificates / file) for name, file in files.items()}
        return options

    def stats(self):
        """What /stats says of each client."""
        expected = {
            "tls": self.tls,
            "tls_negotiated_protocol_is_mutual": self.tls,
            "snappy": self.compression == "snappy",
            "deflate": self.compression == "deflate",
        }
        return expected | ({"authed": True, "auth_identity": IDENTITY} if self.auth else {})
