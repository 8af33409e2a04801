#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The servers of the demo, all on loopback.

usage: servers.py serve DIR          until it is killed; writes into DIR:
                                     ready, policy.yaml, servers.json
       servers.py stop-keeper SOCKET
"""
import functools
import http.server
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))

from support import pki  # noqa: E402
from support.gate import alive, peer_pid, wait_for  # noqa: E402

SITES = ("docs", "git", "paste")
POLICY = """\
# Two names may be reached; everything else is denied.
allowed_hosts:
  - docs.demo.test
  - git.demo.test
# Only for the demo: these names live on this machine.
resolve:
{resolve}
tls:
  roots:
    - {root}
"""


class Files(http.server.SimpleHTTPRequestHandler):
    """Files of a folder; POST stores, which is what must not happen."""
    protocol_version = "HTTP/1.1"
    seen = None
    save = None

    def log_message(self, *args):
        pass

    def parse_request(self):
        ok = super().parse_request()
        if ok:
            self.seen.append(f"{self.command} {self.headers.get('Host')}"
                             f"{self.path}")
            self.save()
        return ok

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b"stored\n")


def serve(folder, save, context=None):
    """(port, requests seen) of a server in a thread."""
    seen = []
    handler = type("Handler", (Files,), {"seen": seen,
                                         "save": staticmethod(save)})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=folder))
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1], seen


def git(*args):
    env = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL":
           "/dev/null", "GIT_AUTHOR_NAME": "demo", "GIT_AUTHOR_EMAIL": "d@d",
           "GIT_COMMITTER_NAME": "demo", "GIT_COMMITTER_EMAIL": "d@d"}
    subprocess.run(["git", *args], check=True, env=env,
                   stdout=subprocess.DEVNULL)


def make_repository(dir):
    """A bare repository that any file server can serve."""
    tree, bare = dir / "tools", dir / "git" / "tools.git"
    tree.mkdir()
    (tree / "README").write_text("Tools of the demo.\n")
    git("init", "-q", "-b", "main", str(tree))
    git("-C", str(tree), "add", ".")
    git("-C", str(tree), "commit", "-q", "-m", "tools: begin")
    git("clone", "-q", "--bare", str(tree), str(bare))
    git("-C", str(bare), "update-server-info")


def main_serve(dir):
    dir = pathlib.Path(dir)
    for site in SITES:
        (dir / site).mkdir()
    (dir / "docs/guide").write_text("The guide: read the fine manual.\n")
    make_repository(dir)
    root = pki.Authority(dir / "pki", "Demo Root")
    chain = root.leaf(*(f"{s}.demo.test" for s in SITES))
    resolve, told, lock = [], {}, threading.Lock()

    def save():
        with lock:
            (dir / "servers.json").write_text(json.dumps(told))
    for site in SITES:
        port, seen = serve(dir / site, save, pki.server_context(chain))
        told[f"{site}.demo.test:443"] = seen
        resolve.append(f'  "{site}.demo.test:443": "127.0.0.1:{port}"')
        port, seen = serve(dir / site, save)
        told[f"{site}.demo.test:80"] = seen
        resolve.append(f'  "{site}.demo.test:80": "127.0.0.1:{port}"')
    (dir / "policy.yaml").write_text(POLICY.format(
        resolve="\n".join(resolve), root=root.pem))

    save()
    (dir / "port").write_text(str(port))
    (dir / "ready").touch()
    while True:
        signal.pause()


def stop_keeper(path):
    pid = peer_pid(path)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not alive(pid), 5, "end of the keeper")


if __name__ == "__main__":
    {"serve": main_serve, "stop-keeper": stop_keeper}[sys.argv[1]](sys.argv[2])
