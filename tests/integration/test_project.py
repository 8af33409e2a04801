# SPDX-License-Identifier: Apache-2.0
"""The project: writable, but no way to later rights outside."""
import pytest

TRY = """
set +e
echo 'allowed_hosts: ["b.test"]' >sallyport.yaml
rm -f sallyport.yaml
mv sallyport.yaml x
echo 'allowed_hosts: ["b.test"]' >new; mv -f new sallyport.yaml
ln -sf new sallyport.yaml
mv "$PWD" "$PWD.x"
sleep 1.5
curl -sS -o /dev/null -w '%{http_code}' http://b.test/
"""


def in_project(gate, text):
    project = gate.project()
    path = project / "sallyport.yaml"
    path.write_text(text)
    gate.own(path)
    return project, path


def test_policy_in_the_project_has_to_be_named(gate):
    """The program of an earlier run may have put it there."""
    project, _ = in_project(gate, "internet: true\n")
    r = gate.run(["true"], project=project)
    assert r.code == 2 and "-p sallyport.yaml" in r.stderr, r


def test_named_policy_cannot_be_changed_from_inside(gate):
    text = "allowed_hosts: [a.test]\n"
    project, path = in_project(gate, text)
    r = gate.run(["sh", "-c", TRY], project=project,
                 opts=["-p", "sallyport.yaml"])
    assert r.stdout == "403", r
    assert path.read_text() == text and not path.is_symlink()


def test_new_guarded_names_are_reported(gate):
    project = gate.project()
    r = gate.run(["sh", "-c", "mkdir .git && mkdir .git/hooks && "
                  "echo x >.git/hooks/pre-commit"], project=project,
                 allow=["a.test"])
    assert r.code == 0 and ".git" in r.stderr, r


@pytest.mark.parametrize("path", ["/", "/etc", "/usr", "/home", "/proc"])
def test_system_folders_are_no_project(gate, path):
    r = gate.run(["true"], project=path, allow=["a.test"])
    assert r.code == 2, r


def test_env_files_are_masked(gate):
    project = gate.project()
    (project / ".env").write_text("SECRET=1\n")
    gate.own(project / ".env")
    r = gate.run(["sh", "-c", "cat .env; echo over >.env; echo end"],
                 project=project, allow=["a.test"])
    assert r.stdout == "end\n", r
    assert (project / ".env").read_text() == "SECRET=1\n"


def test_links_of_the_project_lead_nowhere(gate, base):
    """A link that an earlier run left is not followed while assembling."""
    secret = base / "host-secret"
    secret.write_text("outside\n")
    project = gate.project()
    (project / ".git").symlink_to(base)
    (project / "l").symlink_to(secret)
    r = gate.run(["sh", "-c", "cat l .git/host-secret; echo end"],
                 project=project, allow=["a.test"])
    assert "outside" not in r.stdout, r
