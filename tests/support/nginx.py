# SPDX-License-Identifier: Apache-2.0
"""nginx as an ordinary origin, one process, on a free port."""
import os
import pathlib
import shutil
import socket
import subprocess
import time

CONF = """
daemon off; master_process {master}; worker_processes {workers};
worker_rlimit_nofile 8192;
pid {dir}/pid; error_log {dir}/error.log warn;
{user}
events {{ worker_connections 2048; }}
http {{
  access_log {access}; default_type text/plain; sendfile on;
  keepalive_requests 10000000; keepalive_timeout 75;
  client_max_body_size 0; client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{
    listen {host}:{tls} ssl backlog=4096;
    listen {host}:{plain} backlog=4096;
    ssl_certificate {chain}; ssl_certificate_key {chain};
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:4m;
    root {root};
    location = /empty {{ return 200 "ok\\n"; }}
  }}
}}
"""


def free_port(host="127.0.0.1"):
    with socket.socket() as s:
        s.bind((host, 0))
        return s.getsockname()[1]


def wait_port(host, port, process=None, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{process.args[0]}: exit {process.returncode}")
        try:
            socket.create_connection((host, port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"nothing listens on {host}:{port}")


class Nginx:
    def __init__(self, dir, chain, host="127.0.0.1", workers=1, access=False):
        self.dir = pathlib.Path(dir)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.root = self.dir / "root"
        self.root.mkdir(exist_ok=True)
        self.host = host
        self.tls, self.plain = free_port(host), free_port(host)
        self.conf = self.dir / "nginx.conf"
        self.conf.write_text(CONF.format(
            dir=self.dir, root=self.root, chain=chain, host=host,
            tls=self.tls, plain=self.plain, workers=workers,
            master="off" if workers == 1 else "on",
            access=f"{self.dir}/access.log" if access else "off",
            user="user root;" if os.geteuid() == 0 else ""))

    def file(self, name, size):
        """A file of `size` bytes; large ones are holes."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as f:
            if size <= 1 << 20:
                f.write((bytes(range(32, 96)) * (size // 64 + 1))[:size])
            else:
                f.truncate(size)
        return path

    def __enter__(self):
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen(
            [binary, "-e", str(self.dir / "error.log"), "-c",
             str(self.conf)], stdin=subprocess.DEVNULL)
        wait_port(self.host, self.tls, self.process)
        return self

    def __exit__(self, *exc):
        self.process.terminate()
        self.process.wait(10)
