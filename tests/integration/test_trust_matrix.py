# SPDX-License-Identifier: Apache-2.0
"""Every ordinary TLS client accepts the sandbox's certificate authority.

A row: name, what it needs, command, and whether the replaced files alone are
enough (then it also works with an empty environment). Three runs each: with
everything; with `env -i` for those; and with the host spliced, where the
client meets the real certificate of an unknown root and must refuse it: that
shows that the client checks at all.

The verdict is that the origin got the request (or did not). A client that is
not installed is a skip, and CI counts skips.
"""
import os
import pathlib
import shutil
import subprocess
import textwrap

import pytest

from support.gate import TREE

URL = "https://demo.test/hello"
DEPS = TREE / ".deps"
PY = "/usr/bin/python3"

FILES = {
    "Get.java": """
        import java.net.*; import java.net.http.*;
        public class Get { public static void main(String[] a) throws Exception {
          System.out.println(HttpClient.newHttpClient().send(
            HttpRequest.newBuilder(URI.create(a[0])).build(),
            HttpResponse.BodyHandlers.ofString()).body()); } }
        """,
    "go.mod": """
        module demo
        go 1.18
        require example.com/x v1.0.0
        """,
    "Cargo.toml": """
        [package]
        name = "demo"
        version = "0.1.0"
        edition = "2018"
        [dependencies]
        x = { version = "1", registry = "demo" }
        """,
    "src/main.rs": "fn main() {}\n",
    ".cargo/config.toml": """
        [registries.demo]
        index = "https://demo.test/index.git"
        """,
}

AIOHTTP = f"""
import aiohttp, asyncio
async def main():
    async with aiohttp.ClientSession() as s:
        async with s.get("{URL}") as r:
            print(await r.text())
asyncio.run(main())
"""
NODE_HTTPS = f"""require("https").get("{URL}", r => {{
    r.pipe(process.stdout); }}).on("error", e => {{
    console.error(e.message); process.exit(1); }})"""
RUBY = f'require "net/http"; puts Net::HTTP.get(URI("{URL}"))'
PHP = f'echo file_get_contents("{URL}");'
PHP_CURL = f"""$c = curl_init("{URL}"); if (!curl_exec($c)) {{
    echo curl_error($c); exit(1); }}"""
FETCH = f'console.log(await (await fetch("{URL}")).text())'

# name: (needed file or command, command, files are enough)
CLIENTS = {
    "curl": ("curl", ["curl", "-sS", URL], True),
    "wget": ("wget", ["wget", "-qO-", URL], True),
    "openssl": ("openssl", ["sh", "-c", "printf 'GET /hello HTTP/1.1\\r\\n"
                            "Host: demo.test\\r\\nConnection: close\\r\\n\\r\\n'"
                            " | openssl s_client -quiet -verify_return_error "
                            "-connect demo.test:443 -servername demo.test"],
                True),
    "git": ("git", ["git", "ls-remote", "https://demo.test/r.git"], True),
    "python urllib": (PY, [PY, "-c", "import urllib.request as u; print("
                           f"u.urlopen('{URL}').read())"], True),
    "python requests": ("/usr/lib/python3/dist-packages/requests", [
        PY, "-c", f"import requests; print(requests.get('{URL}').text)"],
        True),
    "python httpx": ("/usr/lib/python3/dist-packages/httpx", [
        PY, "-c", f"import httpx; print(httpx.get('{URL}').text)"], True),
    "python aiohttp": ("/usr/lib/python3/dist-packages/aiohttp",
                       [PY, "-c", AIOHTTP], True),
    "pip": ("/usr/lib/python3/dist-packages/pip", [
        PY, "-m", "pip", "download", "--no-deps", "--retries", "0", "-i",
        "https://demo.test/simple", "x"], True),
    "requests, own roots": ("DEPS/python/requests", [
        "env", "PYTHONPATH=CLIENTS/python", PY, "-c",
        f"import requests; print(requests.get('{URL}').text)"], False),
    "httpx, own roots": ("DEPS/python/httpx", [
        "env", "PYTHONPATH=CLIENTS/python", PY, "-c",
        f"import httpx; print(httpx.get('{URL}').text)"], False),
    "node https": ("node", ["node", "-e", NODE_HTTPS], False),
    "node fetch": ("node", ["node", "--input-type=module", "-e", FETCH],
                   False),
    "npm": ("npm", ["npm", "view", "x", "--registry", "https://demo.test/",
                    "--fetch-retries", "0"], False),
    "bun": ("DEPS/bun", ["CLIENTS/bun", "-e", FETCH], False),
    "deno": ("DEPS/deno", ["CLIENTS/deno", "eval", FETCH], False),
    # It is itself a static Go program that uses net/http.
    "go command": ("go", ["env", "GOPROXY=https://demo.test", "GOFLAGS=-mod=mod",
                          "GONOSUMDB=*", "GOTOOLCHAIN=local", "go", "mod",
                          "download", "example.com/x"], True),
    "java": ("java", ["java", "Get.java", URL], True),
    "ruby": ("ruby", ["ruby", "-e", RUBY], True),
    "php streams": ("php", ["php", "-r", PHP], True),
    "php curl": ("php", ["php", "-r", PHP_CURL], True),
    "perl lwp": ("/usr/share/perl5/LWP/Protocol/https.pm", [
        "perl", "-MLWP::Simple", "-e", f'print get("{URL}") or exit 1'], True),
    "cargo": ("/usr/bin/cargo", ["/usr/bin/cargo", "fetch"], True),
    "chromium": ("chromium", [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu",
        "--disable-dev-shm-usage", "--virtual-time-budget=5000",
        "--dump-dom", URL], True),
}


@pytest.fixture(scope="session")
def clients(base):
    """Clients that are not part of the system, where anybody may read."""
    dir = base / "clients"
    dir.mkdir(exist_ok=True)
    modules = DEPS / "npm" / "node_modules"
    for name, pattern in (("bun", "@oven/*/bin/bun"), ("deno", "@deno/*/deno")):
        for found in modules.glob(pattern):
            shutil.copy(found, dir / name)
            (dir / name).chmod(0o755)
    if (DEPS / "python").exists():
        shutil.copytree(DEPS / "python", dir / "python", dirs_exist_ok=True)
    return dir


def project_with_files(gate):
    project = gate.project()
    for name, text in FILES.items():
        path = project / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
    for path, _, names in os.walk(project):
        for x in [path, *(os.path.join(path, n) for n in names)]:
            gate.own(x)
    return project


def missing(need, dir):
    need = need.replace("DEPS/python", f"{dir}/python") \
        .replace("DEPS", str(dir)).replace("CLIENTS", str(dir))
    if need.startswith("/"):
        return not pathlib.Path(need).exists()
    path = "/usr/local/sbin:/usr/local/bin:/usr/local/go/bin:/usr/bin:/bin"
    return shutil.which(need, path=path) is None


@pytest.mark.timeout(150)
@pytest.mark.parametrize("name", CLIENTS)
def test_client(gate, policy, origin, clients, root, name):
    need, command, files_enough = CLIENTS[name]
    if missing(need, clients):
        pytest.skip(f"{need} is not installed")
    command = [c.replace("CLIENTS", str(clients)) for c in command]
    project = project_with_files(gate)
    opts = ["--ro", str(clients)]
    path = "/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin"

    def run(policy, *prefix):
        origin.seen.clear()
        return gate.run([*prefix, *command], policy=policy, project=project,
                        opts=opts, timeout=50,
                        env={"PATH": path, "GOFLAGS": ""})

    r = run(policy(hosts=["demo.test"]))
    assert origin.seen, f"{name} did not get through: {r}"
    if files_enough:
        r = run(policy(hosts=["demo.test"]), "env", "-i", f"PATH={path}",
                f"HOME={gate.home}")
        assert origin.seen, f"{name} needs more than files: {r}"
    r = run(policy(hosts=["demo.test"], tls={
        "roots": [str(root.pem)], "splice": ["demo.test"]}))
    assert not origin.seen, f"{name} accepts any certificate: {r}"
