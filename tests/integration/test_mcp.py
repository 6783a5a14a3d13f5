"""The MCP server, called by the client of the official package: over HTTP as somebody, and over stdio."""

import asyncio
import json
import os
import re
import sys

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from ingest.universal import CombinedEmbedder, UniversalEmbedder
from tests.conftest import ROOT
from tests.integration.serving import QUESTION, TRAVEL, build_site, build_store, running
from tests.integration.test_openai_chat import HOTEL

RULES = "*: *\nhr/*: hr\n"
BONUS = "# Bonus\n\nThe bonus of the board is 900 euros.\n"


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "docs"
    (root / "hr").mkdir(parents=True)
    (root / "travel.md").write_text(TRAVEL, encoding="utf-8")
    (root / "hr" / "bonus.md").write_text(BONUS, encoding="utf-8")
    return root


@pytest.fixture
def site(tmp_path, folder, fake_embedder):
    store = build_store(tmp_path, folder, fake_embedder)
    return build_site(tmp_path, store, fake_embedder, rules=RULES, auth={"mode": "on"})


def using(address, key, *calls):
    """Results of tool calls, (name, arguments), after a list of the tools."""

    async def go():
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30) as http,
            Client(streamable_http_client(f"{address}/mcp", http_client=http)) as client,
        ):
            tools = await client.list_tools()
            return tools.tools, [await client.call_tool(name, arguments) for name, arguments in calls]

    return asyncio.run(go())


def test_tools_over_http_answer_with_citations_and_open_what_they_cite(site):
    key = site.services.accounts.create_key("agent", ["ask", "read"], ["hr"])
    with running(site) as address:
        tools, (asked, found, opened, checked) = using(
            address,
            key,
            ("ask", {"question": QUESTION}),
            ("search", {"query": "bonus", "documents": ["hr/*"]}),
            ("open", {"document": "hr/bonus.md", "start": 9, "end": 200}),
            ("check", {"answer": "The fee is 40 euros.", "sources": [{"id": "s", "text": "The fee is 30 euros."}]}),
        )
    assert [tool.name for tool in tools] == ["search", "open", "ask", "check"]
    assert all(tool.annotations.read_only_hint and tool.description for tool in tools)
    answer = asked.structured_content
    assert answer["text"] == HOTEL and answer["claims"][0]["citations"][0]["document"] == "travel.md"
    assert f"[supported] {HOTEL}\n  travel.md: “{HOTEL}”" in asked.content[0].text
    (passage,) = found.structured_content["passages"]
    assert passage["document"] == "hr/bonus.md" and BONUS[passage["start"] : passage["end"]] == passage["text"]
    assert opened.structured_content["text"] == BONUS[9:200]
    assert checked.structured_content["claims"][0]["verdict"] == "contradicted"
    assert not any(result.is_error for result in (asked, found, opened, checked))


def test_tools_show_nobody_what_is_not_theirs_and_say_what_is_wrong(site):
    narrow = site.services.accounts.create_key("narrow", ["ask"])
    with running(site) as address:
        _, (searched, asked, opened, unknown, wrong) = using(
            address,
            narrow,
            ("search", {"query": "bonus of the board", "documents": ["hr/*"]}),
            ("ask", {"question": "What is the bonus of the board?"}),
            ("open", {"document": "travel.md"}),
            ("delete", {}),
            ("search", {"query": "x", "depth": 3}),
        )
        refused = site.call("POST", "/mcp", json={})
    assert searched.structured_content == {"passages": []}
    told = asked.content[0].text + json.dumps(asked.structured_content)
    assert "900" not in told and "bonus.md" not in told
    assert [result.is_error for result in (opened, unknown, wrong)] == [True] * 3
    assert "lacks scope `read`" in opened.content[0].text
    assert "The tools are search, open, ask, check" in unknown.content[0].text
    assert "`depth`" in wrong.content[0].text
    assert refused.status_code == 401
    log = (site.services.config.server.state / "audit.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["action"] for line in log} == {"search", "query"}
    metrics = site.call("GET", "/metrics", key=site.services.accounts.create_key("ops", ["admin"])).text
    assert re.search(r"^rag_answers_total\{.*\} 1\.0$", metrics, re.MULTILINE), "an answer counts whoever asked"


def test_the_command_serves_the_same_tools_over_stdio(tmp_path, folder, embedder):
    store = build_store(tmp_path, folder, CombinedEmbedder(embedder, UniversalEmbedder()))
    command = ["-m", "rag.cli", "mcp", "--store", str(store)]
    server = StdioServerParameters(command=sys.executable, args=command, cwd=ROOT, env=dict(os.environ))

    async def go():
        async with Client(server) as client:
            return await client.list_tools(), await client.call_tool("ask", {"question": QUESTION})

    tools, asked = asyncio.run(go())
    assert len(tools.tools) == 4
    assert asked.structured_content["text"] == HOTEL
    assert f"travel.md: “{HOTEL}”" in asked.content[0].text
