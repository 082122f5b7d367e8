"""The WebSocket that tells what changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

import earthcurator as ec
from earthcurator.models import Job
from earthcurator.web import live
from tests.web.conftest import Serve, Server


def listen(server: Server, scenario: Callable[[ClientConnection], Awaitable[Any]]) -> Any:
    """Run what one client does."""

    async def run() -> Any:
        async with connect(f"ws://127.0.0.1:{server.port}/api/v1/live") as socket:
            return await scenario(socket)

    return asyncio.run(run())


async def until(socket: ClientConnection, kind: str, **facts: object) -> dict[str, Any]:
    """The next message of this type that says so."""
    async with asyncio.timeout(60):  # on a busy machine the server rests between questions
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] == kind and facts.items() <= {**message, **message.get("job", {})}.items():
                return message


def test_hello_says_who_listens(server: Server) -> None:
    async def scenario(socket: ClientConnection) -> dict[str, Any]:
        return await until(socket, "hello")

    assert listen(server, scenario)["person"] == "local"


def test_a_job_is_told_as_it_changes(server: Server, project: ec.Project) -> None:
    async def scenario(socket: ClientConnection) -> None:
        await until(socket, "hello")
        job = Job(id="job-one", kind="export", parameters={"secret": 1}, created=datetime.now(UTC))
        await asyncio.to_thread(project.records.jobs.add, job)
        told = await until(socket, "job", state="waiting")
        assert told["job"]["id"] == "job-one"
        assert "parameters" not in told["job"]
        await asyncio.to_thread(project.records.jobs.cancel, "job-one")
        await until(socket, "job", state="cancelled")

    listen(server, scenario)


def test_a_task_is_told_when_its_counts_change_and_no_label_of_it(
    server: Server, project: ec.Project, chip_ids: list[str]
) -> None:
    task = project.tasks.create("Is it water?", classes=("yes", "no"), chips=chip_ids[:10])

    async def scenario(socket: ClientConnection) -> None:
        assert (await until(socket, "task", task=task.id))["counts"]["leased"] == 0
        await asyncio.to_thread(project.records.tasks.lease, task.id, "ann", 3, seconds=60)
        told = await until(socket, "task", task=task.id)
        assert told["counts"]["leased"] == 3
        assert set(told) == {"type", "task", "counts"}

    listen(server, scenario)


def test_everybody_is_told_what_is_published_from_any_thread(server: Server) -> None:
    async def scenario() -> list[dict[str, Any]]:
        address = f"ws://127.0.0.1:{server.port}/api/v1/live"
        async with connect(address) as first, connect(address) as second:
            await until(first, "hello")
            await until(second, "hello")
            await asyncio.to_thread(server.app.state.live.publish, {"type": "model", "version": 3})
            return [await until(first, "model"), await until(second, "model")]

    assert asyncio.run(scenario()) == [{"type": "model", "version": 3}] * 2


def test_who_may_not_look_is_told_so(serve: Serve, project: ec.Project) -> None:
    project.records.people.add("ann", "owner")

    async def scenario(socket: ClientConnection) -> None:
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401

    with serve() as server:
        listen(server, scenario)


def test_whose_token_was_revoked_hears_no_more(
    serve: Serve, project: ec.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CHECK_SECONDS", 0.2)
    owner = project.records.people.add("ann", "owner")
    secret = project.records.people.issue(owner.id, "token")
    (token,) = project.records.people.tokens(owner.id)

    async def scenario(port: int) -> int:
        headers = {"Authorization": f"Bearer {secret}"}
        async with connect(f"ws://127.0.0.1:{port}/api/v1/live", additional_headers=headers) as socket:
            assert (await until(socket, "hello"))["person"] == owner.id
            await asyncio.to_thread(project.records.people.revoke, token.id)
            async with asyncio.timeout(60):  # on a busy machine the server rests between questions
                await socket.wait_closed()
            assert socket.close_code is not None
            return socket.close_code

    with serve() as server:
        assert asyncio.run(scenario(server.port)) == 4401


def test_too_many_tabs_are_sent_away(server: Server) -> None:
    server.app.state.live._most = 2

    async def scenario() -> int | None:
        address = f"ws://127.0.0.1:{server.port}/api/v1/live"
        async with connect(address) as first, connect(address) as second:
            await until(first, "hello")
            await until(second, "hello")
            async with connect(address) as third:
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await third.recv()
            await asyncio.to_thread(server.app.state.live.publish, {"type": "model"})
            await until(first, "model")
        assert closed.value.rcvd is not None
        return closed.value.rcvd.code

    assert asyncio.run(scenario()) == 1013


def test_a_client_that_does_not_read_is_dropped_and_the_others_hear_all(server: Server) -> None:
    async def scenario() -> None:
        address = f"ws://127.0.0.1:{server.port}/api/v1/live"
        async with connect(address) as keen:
            await until(keen, "hello")
            deaf = await connect(address, max_queue=1)
            await until(deaf, "hello")
            text = "x" * 100_000
            for number in range(600):
                server.app.state.live.publish({"type": "model", "number": number, "text": text})
                await until(keen, "model", number=number)
            async with asyncio.timeout(60):  # on a busy machine the server rests between questions
                while len(server.app.state.live._listeners) > 1:
                    await asyncio.sleep(0.05)
            deaf.transport.abort()

    asyncio.run(scenario())


def test_what_clients_say_is_ignored(server: Server) -> None:
    async def scenario(socket: ClientConnection) -> None:
        await until(socket, "hello")
        await socket.send("hello?")
        await socket.send(b"\x00\xff")
        server.app.state.live.publish({"type": "model"})
        await until(socket, "model")

    listen(server, scenario)
