"""Run MCP's own conformance suite against a server and write down what it found.

    npm install --prefix FOLDER @modelcontextprotocol/conformance@0.1.16 node@22
    rag serve --port 8017
    python tests/tools/mcp_conformance.py --folder FOLDER --url http://localhost:8017/mcp --out data/results/conformance.json

Most scenarios ask for tools, resources and prompts of the suite's own example server, or for capabilities that a server need
not have: they are listed, and counted apart from those that any server can pass. It needs Node 22, hence the second package.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_PACKAGE = "node_modules/@modelcontextprotocol/conformance"
_OF_ANY_SERVER = (
    "server-initialize",
    "ping",
    "tools-list",
    "tools-call-error",
    "dns-rebinding-protection",
    "server-sse-polling",
    "server-sse-multiple-streams",
)


def scenarios(command: list[str]) -> list[str]:
    """Names of the suite's scenarios for servers."""
    told = subprocess.run([*command, "list"], capture_output=True, text=True, check=True).stdout
    of_servers = told.partition("Client scenarios")[0]
    return [line.split()[1] for line in of_servers.splitlines() if line.strip().startswith("- ")]


def run(command: list[str], url: str, name: str) -> dict[str, str]:
    """Run a scenario; gives the status of each of its checks, SUCCESS, FAILURE or WARNING."""
    with tempfile.TemporaryDirectory() as folder:
        asked = [*command, "server", "--url", url, "--scenario", name, "--output-dir", folder]
        subprocess.run(asked, capture_output=True, timeout=120, check=False)  # it ends 1 where a check failed
        files = list(Path(folder).rglob("checks.json"))
        if not files:
            sys.exit(f"cannot run scenario `{name}`: it wrote no result. Is a server at {url}?")
        return {check["id"]: check["status"] for check in json.loads(files[0].read_text()) if check["status"] != "INFO"}


def measured(folder: Path, url: str) -> dict[str, Any]:
    """The result of the whole suite."""
    command = [str(folder / "node_modules/node/bin/node"), str(folder / _PACKAGE / "dist/index.js")]
    found = {name: run(command, url, name) for name in scenarios(command)}
    any_server = {name: checks for name, checks in found.items() if name in _OF_ANY_SERVER}
    statuses = [status for checks in any_server.values() for status in checks.values()]
    example = {name: checks for name, checks in found.items() if name not in any_server}
    return {
        "suite": f"@modelcontextprotocol/conformance {json.loads((folder / _PACKAGE / 'package.json').read_text())['version']}",
        "of_any_server": {status.lower(): statuses.count(status) for status in ("SUCCESS", "WARNING", "FAILURE")},
        "checks": any_server,
        "asking_for_what_no_server_need_have": example,
    }


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where npm installed the suite")
    parser.add_argument("--url", default="http://localhost:8000/mcp")
    parser.add_argument("--out", type=Path, default=Path("data/results/conformance.json"))
    options = parser.parse_args()
    result = measured(options.folder, options.url)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["of_any_server"]))


if __name__ == "__main__":
    main()
