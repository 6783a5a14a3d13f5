"""Servers as they speak, without a network: events, and vLLM's dialect in front of another runtime."""

import json

import httpx


def vllm_over(runtime):
    """vLLM's dialect, spoken by another runtime; it gives the stop token in `stop_reason`."""

    def handle(request):
        if request.url.path == "/tokenize":
            return httpx.Response(200, json={"tokens": [200006]})
        if request.url.path == "/v1/models":
            return httpx.Response(200, json={"data": [{"id": "m", "max_model_len": 4096}]})
        body = json.loads(request.content)
        assert body["return_token_ids"] and body["stop_token_ids"] == [200002, 200012]
        ids = [t for some in runtime.complete(body["prompt"], max_tokens=body["max_tokens"], timeout_s=300) for t in some]
        stop = ids.pop() if ids[-1] in body["stop_token_ids"] else None
        events = [{"choices": [{"token_ids": [token], "finish_reason": None}]} for token in ids]
        events.append({"choices": [{"token_ids": [], "finish_reason": "stop" if stop else "length", "stop_reason": stop}]})
        return sse(*events)

    return handle


def sse(*events):
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    return httpx.Response(200, text=text, headers={"content-type": "text/event-stream"})
