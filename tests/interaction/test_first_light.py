from tests.interaction.house import House


async def test_a_request_in_words_is_planned_approved_applied_and_verified_over_http(house: House) -> None:
    async with house.caller() as client:
        plan = await client.planned()
        print("\n".join(plan["lines"]))
        assert plan["state"] == "pending"
        refused = await client.post(f"/plans/{plan['id']}:apply")
        print(refused.json())
        assert refused.status_code == 409
        assert not house.effects
        decided = await client.post(f"/plans/{plan['id']}:decide", {"decision": "approve", "digest": plan["digest"]})
        assert decided.status_code == 200, decided.text
        started = await client.post(f"/plans/{plan['id']}:apply")
        assert started.status_code == 202
        await house.work()
        ended = await client.get(f"/executions/{started.json()['id']}")
        assert ended.json()["state"] == "succeeded"
        for path in (
            "/hub",
            "/me",
            "/twin",
            "/components",
            "/targets",
            "/resources",
            "/drift",
            "/workloads",
            "/plans",
            "/executions",
            "/deployments",
            "/events",
            "/audit",
            "/audit/head",
            "/audit/key",
            "/people",
            "/resources/local/container/web-1",
            "/resources/local/container/web-1/logs",
            "/resources/local/container/web-1/usage",
            "/workloads/local/web",
        ):
            got = await client.get(path)
            assert got.status_code == 200, (path, got.text)
        print((await client.http.get("/metrics")).text[-1500:])
        print((await client.http.get("/ready")).text)
        print((await client.http.get("/health")).text)
