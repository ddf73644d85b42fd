"""A model that does as it is told: an OpenAI-compatible server on loopback, for turns of an agent without credentials.

A message that has `RUN: {json}` in it is answered with the tool call that the JSON names; whatever the tool gives back
becomes the agent's last word.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MARK = "RUN: "
BODY_MAX = 16 * 1024 * 1024


def next_word(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the model says to a conversation: a tool call, or the result of the last one."""
    ordered = next((at for at in reversed(range(len(messages))) if MARK in text_of(messages[at])), None)
    if ordered is None:
        return {"role": "assistant", "content": "nothing is ordered"}
    result = next((each for each in messages[ordered:] if each["role"] == "tool"), None)
    if result is not None:
        return {"role": "assistant", "content": f"the tool said: {text_of(result)}"}
    call, _ = json.JSONDecoder().raw_decode(text_of(messages[ordered]).rpartition(MARK)[2])
    function = {"name": call["tool"], "arguments": json.dumps(call["args"])}
    called = {"index": 0, "id": f"call_{len(messages)}", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [called]}


def text_of(message: dict[str, Any]) -> str:
    """Return a message's text, however it is wrapped."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


class Model(BaseHTTPRequestHandler):
    """Answers chat completions as a stream of two events."""

    def do_POST(self) -> None:
        """Answer one turn."""
        body = json.loads(self.rfile.read(min(int(self.headers["Content-Length"]), BODY_MAX)))
        said = next_word(body["messages"])
        finish = "tool_calls" if said.get("tool_calls") else "stop"
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        events = [
            {**head, "choices": [{"index": 0, "delta": said, "finish_reason": None}]},
            {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}], "usage": usage},
        ]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for event in events:
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own signature
        """Say nothing."""


@contextmanager
def serving() -> Iterator[int]:
    """Serve on a port of loopback while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
