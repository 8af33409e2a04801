# SPDX-License-Identifier: Apache-2.0
"""What we are compared with, each as a context manager with .pids and .proxy.

All of them decrypt: squid with ssl-bump, mitmproxy as it is. Logs are off, and
nothing is cached, so that only the relaying is compared.
"""
import os
import pathlib
import pwd
import shutil
import subprocess

from support.gate import descendants
from support.nginx import free_port, wait_port

CERTGEN = "/usr/lib/squid/security_file_certgen"
SQUID = """
http_port 127.0.0.1:{port} ssl-bump cert={ca} \
generate-host-certificates=on dynamic_cert_mem_cache_size=16MB
sslcrtd_program {certgen} -s {dir}/db -M 16MB
sslcrtd_children 2
acl step1 at_step SslBump1
ssl_bump peek step1
ssl_bump bump all
tls_outgoing_options cafile={root}
# hey sends host and port as server name, which no certificate can match
sslproxy_cert_error allow all
http_access allow all
cache deny all
access_log none
cache_log {dir}/cache.log
pid_filename {dir}/pid
coredump_dir {dir}
shutdown_lifetime 1 second
max_filedescriptors 8192
"""


class Rival:
    def __init__(self, dir, authority):
        self.dir = pathlib.Path(dir)
        self.dir.mkdir(parents=True)
        self.authority = authority
        self.port = free_port()
        self.proxy = f"http://127.0.0.1:{self.port}"

    @property
    def pids(self):
        return [self.process.pid, *descendants(self.process.pid)]

    def start(self, command, **kw):
        log = open(self.dir / "log", "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=log, **kw)
        log.close()
        try:
            wait_port("127.0.0.1", self.port, self.process, 20)
        except RuntimeError as e:
            raise RuntimeError(
                f"{e}\n{(self.dir / 'log').read_text()[-2000:]}") from None

    def __exit__(self, *exc):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Squid(Rival):
    name = "squid ssl-bump"

    @staticmethod
    def available():
        return shutil.which("squid", path="/usr/sbin:/usr/bin") \
            and os.path.exists(CERTGEN)

    def __enter__(self):
        ca = self.authority.with_key()
        (self.dir / "squid.conf").write_text(SQUID.format(
            port=self.port, ca=ca, certgen=CERTGEN, dir=self.dir,
            root=self.authority.pem))
        subprocess.run([CERTGEN, "-c", "-s", self.dir / "db", "-M", "16MB"],
                       check=True, stdout=subprocess.DEVNULL)
        if os.geteuid() == 0:  # squid gives up root
            who = pwd.getpwnam("proxy")
            for path, _, files in os.walk(self.dir):
                for p in (path, *(os.path.join(path, f) for f in files)):
                    os.chown(p, who.pw_uid, who.pw_gid)
            os.chown(ca, who.pw_uid, who.pw_gid)
        self.start(["/usr/sbin/squid", "--foreground", "-f",
                    str(self.dir / "squid.conf")])
        return self


class Mitmproxy(Rival):
    name = "mitmproxy"

    @staticmethod
    def available():
        return shutil.which("mitmdump")

    def __enter__(self):
        conf = self.dir / "conf"
        self.start([shutil.which("mitmdump"), "-q", "--listen-host",
                    "127.0.0.1", "-p", str(self.port), "--set",
                    f"confdir={conf}", "--set", "http2=false", "--set",
                    f"ssl_verify_upstream_trusted_ca={self.authority.pem}",
                    # the same: hey's server name is not a name
                    "--set", "ssl_insecure=true",
                    "--set", "stream_large_bodies=1m"],
                   env={**os.environ, "HOME": str(self.dir)})
        return self
