# SPDX-License-Identifier: Apache-2.0
"""Ways out through the project: what the next program outside would obey, and
what the next run would be allowed to read.

Everything here worked once. The launcher runs as a user and as root.
"""
import os
import subprocess

import pytest

ALLOW = ["site.test"]


def fill(gate, project, files):
    """Text, or a link for values that begin with "->"."""
    for name, text in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("->"):
            path.symlink_to(text[2:])
        else:
            path.write_text(text)
    for path in [project, *project.rglob("*")]:
        if gate.drop:
            os.chown(path, gate.uid, gate.uid, follow_symlinks=False)


def sh(gate, project, script, **kw):
    return gate.run(["/bin/sh", "-c", script], allow=ALLOW, project=project,
                    **kw)


# ---- the policy in force ---------------------------------------------------

@pytest.mark.parametrize("opts", [[], ["--rw", "conf"],
                                  ["--rw", "conf/pol.yaml"]])
def test_a_program_cannot_write_its_own_policy(each_gate, opts):
    """Any name of the file: it is read again while the sandbox runs."""
    project = each_gate.project()
    fill(each_gate, project, {"conf/pol.yaml": "allowed_hosts: [a.test]\n",
                              "evil": "allowed_hosts: [evil.test]\n"})
    args = each_gate.command(
        "run", "-p", project / "conf/pol.yaml", *opts, "--", "/bin/sh", "-c",
        "cp evil conf/pol.yaml; mv conf c2; mkdir conf; cp evil conf/pol.yaml;"
        "mv evil conf/pol.yaml; rm -f conf/pol.yaml; sleep 0.5")
    p = subprocess.run(args, cwd=project, env=each_gate.env, timeout=20,
                       capture_output=True, text=True)
    assert "new policy" not in p.stderr
    assert p.stderr.count("cannot") + p.stderr.count("busy") > 1, p.stderr
    assert (project / "conf/pol.yaml").read_text() == \
        "allowed_hosts: [a.test]\n"


# ---- guards ----------------------------------------------------------------

REPOSITORY = {
    ".git/HEAD": "ref: refs/heads/main\n",
    ".git/config": "outside",
    ".git/info/attributes": "outside",
    ".git/modules/lib/m/HEAD": "x",
    ".git/modules/lib/m/config": "outside",
    ".git/modules/lib/m/hooks/update": "outside",
    ".git/worktrees/w/commondir": "../..",
    ".git/worktrees/w/gitdir": "outside",
    "libs/sub/.git/config": "outside",
    "libs/sub/.git/hooks/update": "outside",
    "libs/file/.git": "gitdir: ../../.git/modules/lib/m\n",
    "deploy/eu/prod.yaml": "outside",
}

# Every directory above a guarded name.
PARENTS = [".git", ".git/info", ".git/modules", ".git/modules/lib",
           ".git/modules/lib/m", ".git/worktrees", ".git/worktrees/w",
           "libs", "libs/sub", "libs/sub/.git", "libs/file", "deploy",
           "deploy/eu"]


def test_parents_of_guards_cannot_be_renamed(each_gate):
    project = each_gate.project()
    fill(each_gate, project, REPOSITORY)
    r = sh(each_gate, project, "for d in " + " ".join(PARENTS) + "; do "
           "mv $d $d.moved 2>/dev/null && echo moved $d; done; "
           "mv libs/sub/.git libs/sub/g; rm -rf .git/worktrees .git/info "
           "2>/dev/null; for f in .git/worktrees/w/commondir "
           ".git/worktrees/w/gitdir .git/info/attributes; do "
           "echo evil > $f && echo wrote $f; done; true",
           opts=["--ro", project / "deploy/eu/prod.yaml"])
    assert r.code == 0 and r.stdout == "", r
    for name, text in REPOSITORY.items():
        if "HEAD" not in name:
            assert (project / name).read_text() == text


def test_work_beside_guards_goes_on(each_gate):
    """What is pinned stays writable, and git works."""
    project = each_gate.project()
    fill(each_gate, project, {**REPOSITORY, "libs/a": "a", "deploy/b": "b"})
    r = sh(each_gate, project, "set -e; mv libs/a libs/c; echo x > deploy/n; "
           "echo y > deploy/eu/n; echo z > .git/info/exclude; "
           "rm deploy/b; mkdir libs/new; rmdir libs/new")
    assert r.code == 0, r
    assert (project / "libs/c").read_text() == "a"


def test_another_configuration_for_git_is_reported(each_gate):
    """.git/commondir sends git elsewhere; what is absent cannot be guarded
    without making it outside."""
    project = each_gate.project()
    fill(each_gate, project, {".git/HEAD": "ref: refs/heads/main\n",
                              ".git/config": "outside"})
    r = sh(each_gate, project, "echo ../evil > .git/commondir")
    assert f"{project}/.git/commondir" in r.stderr, r
    r = sh(each_gate, project, "echo ../worse > .git/commondir; true")
    assert "Read-only" in r.stderr and "commondir: look" not in r.stderr


def test_a_linked_repository_is_guarded(each_gate):
    project = each_gate.project()
    fill(each_gate, project, {
        "real/config": "outside", "real/hooks/update": "outside",
        ".git": "->real", ".vscode": "->editor", "editor/tasks.json":
        "outside", "sub/.git": "->../real"})
    r = sh(each_gate, project, "for f in real/config real/hooks/update "
           "editor/tasks.json; do echo evil > $f && echo wrote $f; done; "
           "mv real r2; mv editor e2; rm -r editor real; true")
    assert r.stdout == "", r
    for f in ("real/config", "real/hooks/update", "editor/tasks.json"):
        assert (project / f).read_text() == "outside"


# ---- masks -----------------------------------------------------------------

def test_a_masked_file_cannot_be_moved_out_of_sight(each_gate):
    """A second run must find it masked: names are skipped, and depth."""
    project = each_gate.project()
    fill(each_gate, project, {"pkg/api/.env": "SECRET"})
    r = sh(each_gate, project, "mkdir node_modules; mv pkg node_modules/; "
           "mv pkg target; mv pkg/api pkg/venv; mv pkg/api/.env x; "
           "ln pkg/api/.env y; true")
    assert r.code == 0
    r = sh(each_gate, project, "grep -r SECRET .")
    assert "SECRET" not in r.stdout and r.code == 1, r


def test_links_to_secrets_are_masked(each_gate):
    project = each_gate.project()
    fill(each_gate, project, {".env": "->conf/prod", "conf/prod": "SECRET",
                              ".env.local": "->/etc/shadow",
                              "sub/.env": "->../conf/prod2",
                              "conf/prod2": "SECRET"})
    r = sh(each_gate, project, "cat .env conf/prod conf/prod2 sub/.env; "
           "cat .env.local; true")
    assert r.code == 0 and r.stdout == "", r


def test_a_directory_that_is_too_large_to_look_through(each_gate):
    """Not silently: what lies beyond would be neither masked nor guarded."""
    project = each_gate.project()
    fill(each_gate, project, {".env": "SECRET", "z/.env": "SECRET"})
    for i in range(17000):
        (project / f"f{i}").touch()
    r = sh(each_gate, project, "cat .env z/.env; true")
    assert r.code == 0 and "SECRET" not in r.stdout, r
    fd = os.open(project, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=fd)
        fd, old = os.open("d" * 200, os.O_RDONLY, dir_fd=fd), fd
        os.close(old)
    os.close(fd)
    r = sh(each_gate, project, "echo ran")
    assert r.code == 2 and "too deep" in r.stderr and "ran" not in r.stdout


def test_a_directory_that_was_closed_to_us(each_gate):
    """Closed by one run, opened by the next."""
    project = each_gate.project()
    fill(each_gate, project, {"sub/.env": "SECRET", "other/.env": "SECRET"})
    os.chown(project / "sub", -1, 12345)
    if os.geteuid() == 0:  # not the program's: it cannot open it
        os.chown(project / "other", 12345, 12345)
    (project / "other").chmod(0o700)
    (project / "sub").chmod(0)
    r = sh(each_gate, project, "chmod 755 sub other; cat sub/.env other/.env; "
           "true")
    assert "SECRET" not in r.stdout, r
    if each_gate.drop:
        assert r.code == 2 and "sub: cannot be looked into" in r.stderr


def test_a_repository_that_was_closed_to_us(each_gate):
    project = each_gate.project()
    fill(each_gate, project, {".git/config": "outside", ".git/hooks/x": "x"})
    os.chown(project / ".git", -1, 12345)
    (project / ".git").chmod(0)
    r = sh(each_gate, project, "chmod 755 .git; echo evil > .git/config; true")
    assert (project / ".git/config").read_text() == "outside", r
    if each_gate.drop:
        assert r.code == 2 and "guard .git" in r.stderr
