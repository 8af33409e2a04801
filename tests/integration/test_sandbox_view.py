# SPDX-License-Identifier: Apache-2.0
"""What the program sees of the file system, and what it may change."""
import os
import pathlib
import shutil
import socket
import stat

import pytest

from sandbox_box import box, needs_root, pem

assert box and pem  # fixtures
pytestmark = needs_root


# ---- files -----------------------------------------------------------------

def test_view(box):
    secret = box.base / "home" / "id_rsa"
    secret.write_text("secret")
    got = box.py("""
import json, os
def probe(f):
    try:
        return f()
    except OSError as e:
        return e.errno
print(json.dumps({
    "top": sorted(os.listdir("/")),
    "home": os.listdir(os.environ["HOME"]),
    "shadow": probe(lambda: open("/etc/shadow").read()),
    "resolv": open("/etc/resolv.conf").read(),
    "usr": probe(lambda: open("/usr/x", "w")),
    "etc": probe(lambda: open("/etc/x", "w")),
    "root": probe(lambda: open("/x", "w")),
    "sysctl": probe(lambda: open("/proc/sys/kernel/core_pattern", "w")),
    "ca": probe(lambda: open("/run/sallyport/ca.pem", "w")),
    "dev": sorted(os.listdir("/dev")),
    "net": os.listdir("/sys/class/net"),
    "tmp": probe(lambda: open("/tmp/x", "w").close()),
    "homefile": probe(lambda: open(os.environ["HOME"] + "/x", "w").close()),
    "project": probe(lambda: open("made", "w").close()),
    "null": probe(lambda: open("/dev/null", "w").write("x"))}))""")
    assert not {"home", "root", "boot", "mnt", "media"} & set(got["top"])
    assert got["home"] == ["project"] if box.base else []
    assert got["shadow"] in ("", 13)
    assert got["resolv"] == "nameserver 10.200.0.53\n"
    assert got["usr"] == got["etc"] == got["root"] == got["sysctl"] == 30
    assert got["ca"] == 30 and got["net"] == ["lo"]
    assert got["tmp"] is got["homefile"] is got["project"] is None
    assert got["dev"] == ["fd", "full", "null", "ptmx", "pts", "random", "shm",
                          "stderr", "stdin", "stdout", "tty", "urandom", "zero"]
    st = (box.project / "made").stat()
    assert st.st_uid == box.uid
    assert not (box.base / "home" / "x").exists()


GUARDED = [".git/hooks/pre-commit", ".git/config", ".vscode/settings.json",
           ".envrc", ".mcp.json", ".git/modules/lib/foo/config",
           ".git/modules/lib/foo/hooks/update", "sub/.git/hooks/x",
           "sallyport.yaml"]


def fill_project(box, secret=".env"):
    for name in [*GUARDED, "src/a.c", secret, "sub/.env.local", ".env.example",
                 ".git/HEAD"]:
        path = box.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("outside\n" if name != "sallyport.yaml" else "")
    for path in box.project.rglob("*"):
        os.chown(path, box.uid, box.uid)


def test_guards_and_masks(box):
    fill_project(box)
    got = box.py(f"""
import json, os
def probe(f):
    try:
        return f()
    except OSError as e:
        return e.errno
out = {{}}
for name in {GUARDED!r}:
    out[name] = probe(lambda: open(name, "a").write("evil"))
out["unlink"] = probe(lambda: os.unlink(".envrc"))
out["rename"] = probe(lambda: os.rename(".envrc", "x"))
out["replace"] = probe(lambda: os.replace("src/a.c", ".mcp.json"))
out["parent"] = probe(lambda: os.rename(".git", "git2"))
out["hook"] = probe(lambda: open(".git/hooks/new", "w"))
out["link"] = probe(lambda: os.link(".envrc", "src/l"))
out["head"] = probe(lambda: open(".git/HEAD", "w").write("ref"))
out["source"] = probe(lambda: open("src/a.c", "w").write("int x;"))
for name in (".env", "sub/.env.local", ".env.example"):
    out["read " + name] = probe(lambda: open(name).read())
out["chmod mask"] = probe(lambda: os.chmod(".env", 0o666))
out["write mask"] = probe(lambda: open(".env", "w").write("x"))
print(json.dumps(out))""", opts=["--no-policy"])
    for name in GUARDED:
        assert got[name] == 30, name
    assert got["unlink"] == got["rename"] == got["replace"] == 16
    assert got["parent"] == 16 and got["hook"] == 30 and got["link"] == 18
    assert got["head"] == 3 and got["source"] == 6
    assert got["read .env"] == got["read sub/.env.local"] == ""
    assert got["read .env.example"] == "outside\n"
    assert got["chmod mask"] == got["write mask"] == 30
    for name in [*GUARDED, ".env"]:
        assert (box.project / name).read_text() in ("outside\n", "")
    assert (box.project / "src/a.c").read_text() == "int x;"


def test_rw_lifts_a_guard(box):
    fill_project(box)
    config = str(box.project / ".git/config")
    r = box.sh("echo inside >> .git/config", opts=["--no-policy", "--rw", config])
    assert r.returncode == 0, r.stderr
    assert "inside" in (box.project / ".git/config").read_text()


def test_new_guarded_names_are_reported(box):
    r = box.sh("mkdir -p .git/hooks .vscode; echo x > .git/hooks/pre-commit")
    assert r.returncode == 0
    assert "/.git/hooks is new" in r.stderr and "/.vscode is new" in r.stderr
    assert box.sh("true").stderr == ""


@pytest.mark.parametrize("make", ["mkdir .vscode", "ln -s . .vscode"])
def test_links_instead_of_guarded_names_are_reported(box, make):
    os.symlink("src", box.project / ".vscode")
    os.chown(box.project / ".vscode", box.uid, box.uid, follow_symlinks=False)
    assert box.sh("true").stderr == ""
    r = box.sh(f"rm .vscode && {make}")
    # New kernels mount over a link itself, then it is guarded as well.
    assert "/.vscode is new" in r.stderr or "busy" in r.stderr


def test_policy_inside_the_project_cannot_be_written(box):
    policy = box.project / "deep" / "p.yaml"
    policy.parent.mkdir()
    policy.write_text("mode: enforce\n")
    for path in (policy, policy.parent):
        os.chown(path, box.uid, box.uid)
    r = box.sh("echo x >> deep/p.yaml; mv deep/p.yaml y; rm -f deep/p.yaml; "
               "mv deep shallow; mkdir deep; echo 'mode: observe' > deep/p.yaml;"
               "sleep 0.3", opts=["-p", str(policy)])
    assert "Read-only" in r.stderr and "new policy" not in r.stderr
    assert box.keeper.policies == []


def test_paths_inside_each_other(box):
    """Whatever the order: what contains another path does not cover it."""
    outer = box.base / "home" / "outer"
    (outer / "rw" / "ro").mkdir(parents=True)
    for path in (outer, outer / "rw", outer / "rw" / "ro"):
        os.chown(path, box.uid, box.uid)
    r = box.sh(f"cd {outer}; for d in . rw rw/ro; do touch $d/f && echo $d; done",
               opts=["--ro", f"{outer}/rw/ro", "--rw", f"{outer}/rw",
                     "--ro", str(outer)])
    assert r.stdout == "rw\n"


def test_sockets_below_ro_paths_are_dead(box):
    tools = box.base / "home" / "tools"
    tools.mkdir()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tools / "s"))
        s.listen()
        os.chmod(tools / "s", 0o777)
        got = box.py(f"""
import json, socket
s = socket.socket(socket.AF_UNIX)
try:
    s.connect("{tools}/s"); print('"connected"')
except OSError as e:
    print(e.errno)""", opts=["--ro", str(tools)])
    assert got in (13, 111)


def test_hint_for_tools_outside_the_view(box):
    tools = box.base / "home" / "tools" / "bin"
    tools.mkdir(parents=True)
    (tools / "mytool").write_text("#!/bin/sh\necho hello\n")
    (tools / "mytool").chmod(0o755)
    env = {"PATH": f"/usr/bin:{tools}"}
    r = box.run("mytool", env=env)
    assert r.returncode == 127
    assert f"show it with --ro {tools.parent}\n" in r.stderr
    r = box.run("mytool", env=env, opts=["--ro", str(tools.parent)])
    assert r.stdout == "hello\n"


def test_links_of_a_project_are_not_followed(box):
    target = box.base / "outside"
    target.mkdir()
    (target / "config").write_text("outside\n")
    (box.project / ".git").mkdir()
    os.symlink(target, box.project / ".git/hooks")
    os.symlink("/etc", box.project / ".vscode")
    for path in (box.project, *box.project.rglob("*")):
        os.chown(path, box.uid, box.uid, follow_symlinks=False)
    r = box.sh("cat .git/hooks/config .vscode/../etc/hostname; true")
    assert r.returncode == 0 and "outside" not in r.stdout


def test_ro_path(box):
    tools = box.base / "home" / "tools"
    tools.mkdir()
    (tools / "hello").write_text("#!/bin/sh\necho hello\n")
    (tools / "hello").chmod(0o755)
    tools.chmod(0o700)
    for path in (tools, tools / "hello"):
        os.chown(path, box.uid, box.uid)
    r = box.sh(f"{tools}/hello; touch {tools}/x", opts=["--ro", str(tools)])
    assert r.stdout == "hello\n" and "Read-only" in r.stderr


@pytest.mark.parametrize("project, text", [
    ("/", "whole system"), ("/etc", "directory of the system"),
    ("/proc/self", "kernel's"), ("HOME", "home directory"),
    ("PARENT", "home directory"), ("/nonexistent", "No such file")])
def test_projects_that_would_give_too_much(box, project, text):
    home = box.base / "home"
    path = {"HOME": str(home), "PARENT": str(home.parent)}.get(project, project)
    r = box.sh("true", opts=["--project", path])
    assert r.returncode == 2 and text in r.stderr
    assert box.keeper.runs == []


def test_trust_files(box):
    bundle = pathlib.Path("/etc/ssl/certs/ca-certificates.crt").read_text()
    r = box.sh("cat /etc/ssl/certs/ca-certificates.crt; cat /run/sallyport/"
               "ca.pem >&2; openssl verify -CAfile /run/sallyport/bundle.pem "
               "/run/sallyport/ca.pem; cat /etc/chromium/policies/managed/*; "
               "openssl x509 -in /run/sallyport/ca.pem -noout -hash")
    assert r.returncode == 0
    assert r.stdout.count("BEGIN CERTIFICATE") == \
        bundle.count("BEGIN CERTIFICATE") + 1
    assert r.stderr == box.keeper.pem
    assert "/run/sallyport/ca.pem: OK" in r.stdout
    assert '{"CACertificates": ["MII' in r.stdout
    name = r.stdout.strip().rpartition("\n")[2]
    assert box.sh(f"cat /etc/ssl/certs/{name}.0").stdout == box.keeper.pem


@pytest.mark.skipif(not shutil.which("keytool"), reason="no Java")
def test_java_accepts_the_store(box):
    r = box.sh("keytool -list -keystore /etc/ssl/certs/java/cacerts "
               "-storepass changeit")
    pem_count = pathlib.Path("/etc/ssl/certs/ca-certificates.crt") \
        .read_text().count("BEGIN CERTIFICATE")
    assert f"contains {pem_count + 1} entries" in r.stdout, r.stdout + r.stderr


def test_modes_of_project_files(box):
    r = box.sh("umask; touch f; mkdir d")
    assert r.stdout == "0022\n"
    assert stat.S_IMODE((box.project / "f").stat().st_mode) == 0o644


@pytest.mark.parametrize("disable", ["", "overlay"])
def test_host_with_mounts_below_its_directories(box, disable):
    """As in a container: files of /etc and a directory of /usr are mounts."""
    mounts = """
mount --make-rprivate /
printf 'nameserver 192.0.2.1\\n' > $1/resolv; echo other > $1/name
mount --bind $1/resolv /etc/resolv.conf
mount --bind $1/name /etc/hostname
mount -t tmpfs -o mode=755 t /usr/local; mkdir /usr/local/bin
printf '#!/bin/sh\\necho from a mount\\n' > /usr/local/bin/hello
chmod 755 /usr/local/bin/hello; shift
exec "$@"
""".replace("\\\\", "\\")
    become = ["setpriv", f"--reuid={box.uid}", f"--regid={box.uid}",
              "--clear-groups"] if box.uid else []
    r = box.sh("hello; cat /etc/resolv.conf; cat /etc/chromium/policies/"
               "managed/*; ls /etc/ssl/certs | grep -c '[.]0$'; "
               "openssl verify -CApath /etc/ssl/certs /run/sallyport/ca.pem;"
               "touch /etc/x /usr/x /usr/local/x 2>&1 | grep -c Read-only",
               opts=[f"--test-disable={disable}"] if disable else [],
               prefix=["unshare", "--mount", "/bin/sh", "-ec", mounts, "sh",
                       str(box.base / "home"), *become])
    assert r.returncode == 0, r.stderr
    lines = r.stdout.splitlines()
    assert lines[:2] == ["from a mount", "nameserver 10.200.0.53"]
    assert lines[2].startswith('{"CACertificates": ["MII')
    assert "/run/sallyport/ca.pem: OK" in lines and lines[-1] == "3"
