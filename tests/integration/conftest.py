# SPDX-License-Identifier: Apache-2.0
"""Fixtures: PKI, origins, and gates of their own for each test process."""
import os
import pathlib
import shutil
import ssl
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import gate as gates  # noqa: E402
from support import pki  # noqa: E402
from support.nginx import Nginx  # noqa: E402
from support.origin import Origin  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
CAPTURES = ("tproxy", "redirect", "ports")


def launchers():
    """Without root there is only one way to start a sandbox."""
    return ("root", "user") if os.geteuid() == 0 else ("user",)


@pytest.fixture(scope="session")
def base():
    """Readable for the unprivileged user, unlike pytest's own folders."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="sallyport-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def root(base):
    return pki.Authority(base / "pki")


def _gate(base, launcher, **kw):
    return gates.Gate(base / f"gate-{launcher}-{os.urandom(3).hex()}",
                      launcher, **kw)


def _gate_fixture(params):
    @pytest.fixture(scope="session", params=params)
    def fixture(request, base):
        g = _gate(base, request.param)
        yield g
        g.stop()
    return fixture


gate = _gate_fixture([os.environ.get("SALLYPORT_TEST_LAUNCHER", "user")])
each_gate = _gate_fixture(launchers())


@pytest.fixture
def new_gate(base):
    """Make gates that one test may wreck."""
    made = []

    def make(launcher="user", **kw):
        made.append(_gate(base, launcher, **kw))
        return made[-1]
    yield make
    for g in made:
        g.stop()


@pytest.fixture(scope="session")
def chain(root):
    return root.leaf("site.test", "*.site.test", "odd.test", "demo.test",
                     "other.test", "denied.test", "allowed.test")


@pytest.fixture(scope="session")
def origin(chain):
    """Odd server over TLS; says it is "tls-origin"."""
    names = []
    with Origin(pki.server_context(chain, sni=names),
                name="tls-origin") as o:
        o.sni = names
        yield o


@pytest.fixture(scope="session")
def plain(chain):
    with Origin(name="plain-origin") as o:
        yield o


@pytest.fixture(scope="session")
def nginx(base, chain):
    with Nginx(base / "nginx", chain) as n:
        n.file("1k", 1000)
        n.file("100k", 100_000)
        yield n


@pytest.fixture(autouse=True)
def forget(request):
    """What the origins saw belongs to one test."""
    for name in ("origin", "plain"):
        if name in request.fixturenames:
            o = request.getfixturevalue(name)
            o.seen.clear()
            o.connections = 0
    yield


@pytest.fixture(scope="session")
def policy(root, origin, plain):
    """policy(**changes): the usual policy; site.test and odd.test lead to
    the TLS origin on 443 and to the plain one on 80."""
    def make(hosts=("site.test", "odd.test"), resolve=None, tls=None, **more):
        names = {}
        for host in {*hosts, "denied.test", "other.test"}:
            if "*" not in host and ":" not in host:
                names[f"{host}:443"] = f"127.0.0.1:{origin.port}"
                names[f"{host}:80"] = f"127.0.0.1:{plain.port}"
        names.update(resolve or {})
        return {"allowed_hosts": list(hosts), "resolve": names,
                "tls": {"roots": [str(root.pem)], **(tls or {})}, **more}
    return make


@pytest.fixture(scope="session")
def bad_servers(base, root):
    """Name -> origin whose TLS is wrong (or merely special) in one way."""
    v = ssl.TLSVersion
    stranger = pki.Authority(base / "stranger", "Stranger Root")
    contexts = {
        "expired.test": pki.server_context(
            root.leaf("expired.test", days=(-20, -2))),
        "future.test": pki.server_context(
            root.leaf("future.test", days=(2, 20))),
        "wronghost.test": pki.server_context(root.leaf("else.test")),
        "selfsigned.test": pki.server_context(
            root.self_signed("selfsigned.test")),
        "unknown.test": pki.server_context(stranger.leaf("unknown.test")),
        "tls12.test": pki.server_context(root.leaf("tls12.test"),
                                         high=v.TLSv1_2),
        "tls13.test": pki.server_context(root.leaf("tls13.test"),
                                         low=v.TLSv1_3),
    }
    made = {n: Origin(c, name=n) for n, c in contexts.items()}
    for o in made.values():
        o.start()
    yield made
    for o in made.values():
        o.stop()


def pytest_terminal_summary(terminalreporter):
    """Say what was skipped: a skip is agreed upon or it is a failure."""
    for report in terminalreporter.stats.get("skipped", []):
        terminalreporter.write_line(f"SKIPPED {report.nodeid}")
