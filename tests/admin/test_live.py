"""What a running front answers is what the document says, not only what the fake answers."""

from __future__ import annotations

import aiohttp

from sipfront.admin.app import ROUTES
from sipfront.admin.route import JSON
from sipfront.demo.load import Load
from sipfront.demo.stage import Stage
from tests.admin.listed import errors


async def test_every_answer_of_a_running_front_has_the_shape_that_is_told() -> None:
    looks = [route for route in ROUTES if route.method == "GET" and not route.names]
    async with Stage() as stage:
        load = Load(stage, 8)
        load.start()
        token = (stage.folder / "token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        node = await stage.active()
        await node.kill()
        await stage.until(lambda status: status.get("active") != node.name, "a failover")
        seen = 0
        async with aiohttp.ClientSession(stage.admin, headers=headers) as session:
            for route in looks:
                told = route.all_answers()
                if told[200].media != JSON or any("default" not in s for s in route.query.values()):
                    continue
                async with session.get(route.path) as answer:
                    assert answer.status in told, (route.path, answer.status)
                    schema = told[answer.status].schema
                    assert schema is not None
                    assert errors(schema, await answer.json()) == [], route.path
                    seen += 1
            # Who asks for a trace says of whom.
            (trace,) = [route for route in ROUTES if route.private]
            async with session.get(trace.path, params={"name": "1001", "kind": "aor"}) as answer:
                found = await answer.json()
                assert answer.status == 200
                assert found["calls"]
                assert errors(trace.answers[200].schema or {}, found) == []
        await load.stop()
    assert seen >= 10
