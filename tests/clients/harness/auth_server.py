"""An auth server that knows one secret, and remembers what it was asked."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from .setting import IDENTITY, SECRET

GRANT = {
    "ttl": 3600,
    "identity": IDENTITY,
    "identity_url": "",
    "authorizations": [{"topic": "^orders$", "channels": [".*"], "permissions": ["subscribe", "publish"]}],
}


class AuthServer:
    def __init__(self):
        self.questions = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                question = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query, True).items()}
                outer.questions.append(question)
                granted = question.get("secret") == SECRET
                answer = json.dumps(GRANT if granted else {"message": "NOT_AUTHORIZED"}).encode()
                self.send_response(200 if granted else 403)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def kill(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
