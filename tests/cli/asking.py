"""A command that talks to a server, run in its two ways: against a running one, and with --data on a closed directory."""
import http.client
import http.server
import os
import threading

from commands import SECONDS_MAX


class Asking:
    """One data directory, asked in one of the ways; what a test says of the one must hold of the other."""

    def __init__(self, commands, serving, closed):
        self.commands, self.serving, self.closed = commands, serving, closed
        self.way = "--data" if closed else "--server"

    def environment(self, **more):
        """Nothing of whoever runs the test, so that only what the case gives is found."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SOJOURN_", "XDG_CONFIG_HOME"))}
        return {**kept, "HOME": self.commands.folder, **more}

    def where(self):
        return ["--data", self.serving.data] if self.closed else ["--server", f"http://127.0.0.1:{self.serving.port}"]

    def run(self, *words, **options):
        more = {} if self.closed else {"SOJOURN_TOKEN": self.serving.keys["admin token"]}
        return self.commands.run(*words, *self.where(), env=self.environment(**more), **options)


class Unreliable:
    """A relay in front of a server that swallows answers, or answers by itself (it is busy; a page for people): the first `faults` times
    that the method is asked for (None = any)."""

    def __init__(self, port, fault, faults, method=None):
        relay = self
        self.port_behind, self.fault, self.faults, self.method, self.keys = port, fault, faults, method, []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                relay.handle(self)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def handle(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        counts = self.method in (None, request.command)
        if counts:
            self.keys.append(request.headers.get("Idempotency-Key"))
        bad = counts and len(self.keys) <= self.faults
        if bad and self.fault == "busy":
            request.send_response(503)
            request.send_header("Retry-After", "0")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if bad and self.fault == "page":
            request.send_response(502)
            request.send_header("Content-Type", "text/html")
            request.send_header("Content-Length", "13")
            request.end_headers()
            request.wfile.write(b"<p>Oh no!</p>")
            return
        behind = http.client.HTTPConnection("127.0.0.1", self.port_behind, timeout=SECONDS_MAX)
        behind.request(request.command, request.path, body, {name: value for name, value in request.headers.items() if name != "Host"})
        answer = behind.getresponse()
        text = answer.read()
        behind.close()
        request.close_connection = True
        if not bad:
            request.send_response(answer.status)
            for name in ("Content-Type", "ETag"):
                if name in answer.headers:
                    request.send_header(name, answer.headers[name])
            request.send_header("Content-Length", str(len(text)))
            request.end_headers()
            request.wfile.write(text)
