"""Replies that are kept: the same version, the same request, and no more than there is room for."""

from __future__ import annotations

from fabricd.simulator.replies import Replies

MEBIBYTE = 1 << 20


def test_a_reply_is_found_until_the_version_is_another() -> None:
    replies: Replies[bytes, bytes] = Replies()
    assert replies.find(1, b"a") is None
    replies.keep(1, b"a", 1, b"answer")
    assert replies.find(1, b"a") == b"answer"
    assert replies.find(2, b"a") is None
    replies.keep(1, b"a", 1, b"late")  # worked out for a version that is not the last one any more
    assert replies.find(2, b"a") is None


def test_the_oldest_go_when_there_are_too_many_or_too_long_ones() -> None:
    replies: Replies[int, bytes] = Replies()
    replies.find(1, 0)
    for number in range(65):
        replies.keep(1, number, 8, b"short")
    assert (replies.find(1, 0), replies.find(1, 64)) == (None, b"short")
    for number in range(100, 104):
        replies.keep(1, number, 8, bytes(10 * MEBIBYTE))
    assert [replies.find(1, number) is not None for number in (64, 100, 101, 102, 103)] == [
        False, False, True, True, True,
    ]  # fmt: skip


def test_long_requests_and_replies_are_not_kept() -> None:
    replies: Replies[int, bytes] = Replies()
    replies.find(1, 0)
    replies.keep(1, 1, 5_000, b"short")
    replies.keep(1, 2, 8, bytes(33 * MEBIBYTE))
    assert (replies.find(1, 1), replies.find(1, 2)) == (None, None)
