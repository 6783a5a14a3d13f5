"""The page of routes tells the truth: requests made from it by a machine get no error of ours, and only what it announces."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from tests.conftest import FakeEmbedder
from tests.integration.serving import TRAVEL, build_site, build_store

SETTINGS = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CHECKS = [schemathesis.checks.not_a_server_error, status_code_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = tmp_path_factory.mktemp("schema")
    (root / "docs").mkdir()
    (root / "docs" / "travel.md").write_text(TRAVEL, encoding="utf-8")
    embedder = FakeEmbedder()
    site = build_site(
        root, build_store(root, root / "docs", embedder), embedder, hosts=("testserver", "localhost"), max_requests_per_minute=0
    )
    site.services.accounts.create_key("admin", ["admin"])
    yield site
    site.services.uploads.close()


def test_requests_made_from_the_page_of_routes_get_what_it_announces(site):
    schema = schemathesis.openapi.from_asgi("/openapi.json", site.app)
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) == sum(map(len, site.app.openapi()["paths"].values()))
    for operation in operations:

        @SETTINGS
        @given(case=operation.as_strategy())
        def announced(case):
            case.call_and_validate(checks=CHECKS)

        announced()


def test_every_route_has_a_summary_an_example_and_its_errors(site):
    for path, operations in site.app.openapi()["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            said = {status: reply.get("content", {}) for status, reply in operation["responses"].items()}
            shown = [media for status, content in said.items() if status[0] == "2" for media in content.items()]
            assert operation["responses"].keys() & {"200", "201", "202", "204"}
            assert all("example" in media or kind == "image/png" for kind, media in shown), (method, path)
            is_openai = path.startswith("/v1/")
            for status in ("400", "413", "500") if is_openai else ("400", "413", "422", "500"):
                assert said[status]["application/json"]["examples"], (method, path, status)
            example = next(iter(said["500"]["application/json"]["examples"].values()))["value"]
            openai = {"code"} if is_openai else set()  # `param` is null here, which the page leaves out
            assert set(example["error"]) == {"type", "message", "request_id"} | openai
