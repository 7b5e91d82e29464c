"""How many sessions one account may hold open."""

from starlette.types import Message

from opstwin.server.mcp.shares import MAX_OF_ONE, SESSION_HEADER, Shares


async def opened(shares: Shares, account: str, session: str, now_s: float = 0.0, status: int = 200) -> None:
    async def send(_message: Message) -> None:
        return

    headers = [(SESSION_HEADER.encode(), session.encode())]
    await shares.opening(account, now_s, send)({"type": "http.response.start", "status": status, "headers": headers})


async def test_an_account_that_took_its_share_waits_and_others_do_not() -> None:
    shares = Shares(idle_s=1800)
    for number in range(MAX_OF_ONE):
        assert not shares.is_used_up("greedy", 0)
        await opened(shares, "greedy", f"s{number}")
    assert shares.is_used_up("greedy", 0)
    assert not shares.is_used_up("other", 0)


async def test_a_session_that_ended_or_was_idle_makes_room() -> None:
    shares = Shares(idle_s=1800)
    for number in range(MAX_OF_ONE):
        await opened(shares, "greedy", f"s{number}", now_s=number)
    shares.ended("greedy", "s5")
    assert not shares.is_used_up("greedy", 100)
    await opened(shares, "greedy", "again", now_s=100)
    assert shares.is_used_up("greedy", 100)
    shares.touched("greedy", "s0", 1700)
    assert not shares.is_used_up("greedy", 1802)


async def test_an_answer_that_opened_no_session_counts_for_nothing() -> None:
    shares = Shares(idle_s=1800)
    for number in range(MAX_OF_ONE + 1):
        await opened(shares, "greedy", f"s{number}", status=400)
    assert not shares.is_used_up("greedy", 0)
