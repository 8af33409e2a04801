# SPDX-License-Identifier: Apache-2.0
"""Our certificates and sessions against the TLS of others.

tls_peer is built beside the library; it closes itself off from all files
before the first handshake. Clients that are not installed are skips.
"""
import os
import pathlib
import shutil
import socket
import ssl
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
LONG = "a23456789.b23456789.c23456789.d23456789.e23456789.f23456789.g2345"
NAMES = ["short.test", "under_score.test", LONG]

GO = """package main
import ("crypto/tls"; "crypto/x509"; "fmt"; "io"; "os")
func main() {
	pem, _ := os.ReadFile(os.Args[1])
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	c, err := tls.Dial("tcp", os.Args[2],
		&tls.Config{RootCAs: pool, ServerName: os.Args[3]})
	if err != nil { fmt.Println(err); os.Exit(1) }
	fmt.Fprint(c, "GET / HTTP/1.1\\r\\n\\r\\n")
	all, err := io.ReadAll(c)
	if err != nil { fmt.Println(err); os.Exit(1) }
	fmt.Print(string(all))
}
"""
JAVA = """import java.io.*; import java.net.*; import java.security.*;
import java.security.cert.*; import javax.net.ssl.*;
public class Get {
  public static void main(String[] a) throws Exception {
    KeyStore ks = KeyStore.getInstance(KeyStore.getDefaultType());
    ks.load(null, null);
    ks.setCertificateEntry("ca", CertificateFactory.getInstance("X.509")
        .generateCertificate(new FileInputStream(a[0])));
    TrustManagerFactory t = TrustManagerFactory.getInstance("PKIX");
    t.init(ks);
    SSLContext c = SSLContext.getInstance("TLS");
    c.init(null, t.getTrustManagers(), null);
    SSLSocket s = (SSLSocket) c.getSocketFactory().createSocket(
        new Socket("127.0.0.1", Integer.parseInt(a[1])), a[2], 443, true);
    SSLParameters p = s.getSSLParameters();
    p.setEndpointIdentificationAlgorithm("HTTPS");
    s.setSSLParameters(p);
    s.getOutputStream().write("GET / HTTP/1.1\\r\\n\\r\\n".getBytes());
    System.out.print(new String(s.getInputStream().readAllBytes()));
  }
}
"""
NODE = """const [ca, port, name] = process.argv.slice(2);
const s = require('tls').connect({ host: '127.0.0.1', port,
  servername: name, ca: require('fs').readFileSync(ca) },
  () => s.write('GET / HTTP/1.1\\r\\n\\r\\n'));
s.on('data', d => process.stdout.write(d));
s.on('error', e => { console.log(e.message); process.exit(1); });
"""


def tool():
    for build in (os.environ.get("SALLYPORT_BUILD"), TREE / "b-dev"):
        path = pathlib.Path(build or "/nonexistent") / "src/tls/tls_peer"
        if path.exists():
            return str(path)
    pytest.skip("tls_peer is not built")


def need(name):
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def run(*cmd, timeout=50, **kw):
    return subprocess.run([str(c) for c in cmd], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=timeout, **kw)


class Server:
    def __init__(self, dir):
        self.ca = dir / "ca.pem"
        self.process = subprocess.Popen([tool(), "serve", str(self.ca)],
                                        stdout=subprocess.PIPE, text=True)
        self.port = self.process.stdout.readline().strip()

    def stop(self):
        alive = self.process.poll() is None
        self.process.kill()
        self.process.wait()
        assert alive, "it tried to open a file, or crashed"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    s = Server(tmp_path_factory.mktemp("tls"))
    yield s
    s.stop()


def chain(server, name, dir):
    """What the server sends, as files: the leaf and the rest."""
    out = run(need("openssl"), "s_client", "-connect",
              f"127.0.0.1:{server.port}", "-servername", name, "-showcerts")
    end = "-----END CERTIFICATE-----\n"
    certs = [c[c.index("-----BEGIN"):] + end
             for c in out.stdout.split(end)[:-1]]
    assert len(certs) == 2  # leaf and CA
    (dir / "leaf.pem").write_text(certs[0])
    assert certs[1].strip() == server.ca.read_text().strip()
    return dir / "leaf.pem"


@pytest.mark.parametrize("name", NAMES)
def test_openssl_strict(server, name, tmp_path):
    leaf = chain(server, name, tmp_path)
    out = run(need("openssl"), "verify", "-x509_strict", "-purpose",
              "sslserver", "-verify_hostname", name, "-CAfile", server.ca,
              "-no-CApath", leaf)
    assert out.stdout.endswith(": OK\n"), out.stdout
    out = run("openssl", "verify", "-x509_strict", "-verify_hostname",
              "x." + name, "-CAfile", server.ca, "-no-CApath", leaf)
    assert "hostname mismatch" in out.stdout.lower(), out.stdout


def test_two_certificate_authorities(server, tmp_path):
    other = Server(tmp_path)
    try:
        leaf = chain(other, "short.test", tmp_path)
        out = run("openssl", "verify", "-CAfile", server.ca, "-no-CApath",
                  leaf)
        assert "error" in out.stdout
    finally:
        other.stop()


def python_get(server, name, version=None, session=None):
    c = ssl.create_default_context(cafile=str(server.ca))
    c.verify_flags |= ssl.VERIFY_X509_STRICT
    if version:
        c.maximum_version = version
    sock = socket.create_connection(("127.0.0.1", int(server.port)))
    with c.wrap_socket(sock, server_hostname=name) as s:
        s.sendall(b"GET / HTTP/1.1\r\n\r\n")
        got = b""
        while part := s.recv(4096):  # an end without close_notify raises
            got += part
    return got.decode()


@pytest.mark.parametrize("name", NAMES + ["127.0.0.1"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, None])
def test_python_strict(server, name, version):
    assert name in python_get(server, name, version)


@pytest.mark.parametrize("name", NAMES + ["127.0.0.1"])
def test_curl(server, name):
    out = run(need("curl"), "-sS", "--cacert", server.ca, "--connect-to",
              f"{name}:443:127.0.0.1:{server.port}", f"https://{name}/")
    assert out.stdout.strip().endswith(name), out.stdout


@pytest.fixture(scope="module")
def go_client(tmp_path_factory):
    dir = tmp_path_factory.mktemp("go")
    (dir / "get.go").write_text(GO)
    env = dict(os.environ)
    env.setdefault("HOME", str(dir))
    # A cold cache means compiling the standard library's TLS.
    out = run(need("go"), "build", "-o", dir / "get", dir / "get.go", env=env,
              timeout=230)
    assert out.returncode == 0, out.stdout
    return dir / "get"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", NAMES + ["127.0.0.1"])
def test_go(server, name, go_client):
    out = run(go_client, server.ca, f"127.0.0.1:{server.port}", name)
    assert out.stdout.strip().endswith(name), out.stdout


@pytest.mark.parametrize("name", ["short.test", LONG])
def test_java(server, name, tmp_path):
    need("java")
    (tmp_path / "Get.java").write_text(JAVA)
    out = run("java", "-XX:TieredStopAtLevel=1", tmp_path / "Get.java",
              server.ca, server.port, name)
    assert out.stdout.strip().endswith(name), out.stdout


@pytest.mark.parametrize("name", NAMES)
def test_node(server, name, tmp_path):
    (tmp_path / "get.js").write_text(NODE)
    out = run(need("node"), tmp_path / "get.js", server.ca, server.port, name)
    assert out.stdout.strip().endswith(name), out.stdout


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_tickets_of_openssl(server, version, tmp_path):
    """s_client resumes for the same name, and not for another."""
    def visit(name, *args):
        p = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}",
             "-CAfile", str(server.ca), "-servername", name, version,
             "-ign_eof", "-quiet", *args], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return p.communicate(b"GET / HTTP/1.1\r\n\r\n", 50)[0].decode()

    need("openssl")
    saved = str(tmp_path / "session")
    assert " full " in visit("short.test", "-sess_out", saved)
    assert " full " in visit("other.test", "-sess_in", saved)
    assert " resumed " in visit("short.test", "-sess_in", saved)


# ---- upstream ---------------------------------------------------------------

class Origin:
    """openssl s_server with a certificate of its own authority."""

    def __init__(self, dir, name, *args):
        self.ca, key = dir / "root.pem", dir / "key.pem"
        run(need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
            self.ca, "-subj", "/CN=" + name, "-addext",
            "subjectAltName=DNS:" + name, "-days", "2")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.process = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{self.port}",
             "-cert", str(self.ca), "-key", str(key), "-www", *args],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        while b"ACCEPT" not in self.process.stdout.readline():
            assert self.process.poll() is None

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_fetch_and_resume(tmp_path, version):
    origin = Origin(tmp_path, "origin.test", version)
    try:
        out = run(tool(), "fetch", origin.ca, "origin.test", origin.port, 3)
        lines = [line.split() for line in out.stdout.splitlines()]
        assert [line[0] for line in lines] == ["ok"] * 3, out.stdout
        assert [line[2] for line in lines] == ["full", "resumed", "resumed"]
    finally:
        origin.stop()


def test_fetch_refuses_another_name(tmp_path):
    origin = Origin(tmp_path, "origin.test")
    try:
        out = run(tool(), "fetch", origin.ca, "else.test", origin.port)
        assert out.stdout.startswith("error 1 "), out.stdout
        assert "hostname mismatch" in out.stdout
    finally:
        origin.stop()


def test_fetch_refuses_old_versions(tmp_path):
    origin = Origin(tmp_path, "origin.test", "-tls1_1", "-cipher",
                    "ALL:@SECLEVEL=0")
    try:
        out = run(tool(), "fetch", origin.ca, "origin.test", origin.port)
        assert out.stdout.startswith("error 2 70 "), out.stdout
    finally:
        origin.stop()


@pytest.mark.skipif(
    not os.path.exists("/etc/ssl/certs/ca-certificates.crt"),
    reason="no system bundle")
def test_fetch_with_the_system_bundle_refuses_ours(tmp_path):
    """The environment does not widen what is trusted."""
    origin = Origin(tmp_path, "origin.test")
    env = dict(os.environ, SSL_CERT_FILE=str(origin.ca),
               OPENSSL_CONF="/nonexistent")
    try:
        out = run(tool(), "fetch", "/etc/ssl/certs/ca-certificates.crt",
                  "origin.test", origin.port, env=env)
        assert out.stdout.startswith("error 1 "), out.stdout
        assert "self-signed" in out.stdout
    finally:
        origin.stop()
