"""Everything that can go wrong between a loop and the Runtime API, one named case each, for a loop in any language.

After each, the next invocation is answered rightly, or the process has left with a code and a word on stderr. No
invocation is answered twice, and none is lost in silence.
"""

import pytest

from tools.support.fake_api import ACCEPTED, HANG_UP, RESET, Loop, Reply, event, invocation_headers, reply

from .faults import (
    CHUNKED,
    CHUNKED_CUTS,
    CUTS,
    NONSENSE,
    REFUSALS,
    SIZED,
    TAKEN,
    TAKEN_IN_CHUNKS,
    Refusal,
    answered,
    assert_left,
    split_at,
)

FORMS = {
    "a result": ("ANSWER", 1),
    "an error": ("ANSWER", "fail"),
    "a stream": ("STREAM", 1),
    "a broken stream": ("STREAM", "fail"),
}
"""What is posted → the function that does so, and for which event."""


class ProtocolTests:
    """A subclass has functions in its loop's language."""

    ANSWER: str
    """Returns the event; raises a ValueError, "as asked", for ``fail``."""
    STREAM: str
    """Streams "begun " and the event as text, or raises the same after the first."""
    LARGE: str
    """Returns as many letters x as the event says."""
    FAILING: str
    """Raises a ValueError, "no", while it is loaded."""

    # --- messages in pieces --------------------------------------------------------------------------------------

    @pytest.mark.parametrize("message", [SIZED, CHUNKED], ids=["a sized event", "a chunked event"])
    def test_an_event_may_be_split_at_every_byte(self, loop: Loop, message: bytes) -> None:
        run = loop(self.ANSWER, *(split_at(message, place) for place in range(1, len(message))))
        assert run.results == [{"number": 1}] * (len(message) - 1)
        assert {request.connection for request in run.requests} == {1}
        assert run.stderr == ""

    @pytest.mark.parametrize("message", [TAKEN, TAKEN_IN_CHUNKS], ids=["sized", "chunked"])
    @pytest.mark.parametrize("code", ["ANSWER", "STREAM"], ids=["result", "stream"])
    def test_the_answer_to_a_post_may_be_split_at_every_byte(self, loop: Loop, code: str, message: bytes) -> None:
        places = range(1, len(message))
        run = loop(
            getattr(self, code),
            *(event(place, place) for place in places),
            posts=[split_at(message, place) for place in places],
        )
        assert answered(run) == [f"request-{place}" for place in places]
        assert {request.connection for request in run.requests} == {1}
        assert run.stderr == ""

    @pytest.mark.parametrize("message", [SIZED, CHUNKED], ids=["a sized event", "a chunked event"])
    def test_an_event_may_come_byte_by_byte(self, loop: Loop, message: bytes) -> None:
        run = loop(self.ANSWER, Reply(tuple(bytes([byte]) for byte in message)), event(2, 2))
        assert run.results == [{"number": 1}, 2]

    # --- /next: connections that end -----------------------------------------------------------------------------

    @pytest.mark.parametrize("ending", ["close", "reset"])
    @pytest.mark.parametrize("place", CUTS.values(), ids=list(CUTS))
    def test_an_event_that_is_cut(self, loop: Loop, place: int, ending: str) -> None:
        cut = Reply((SIZED[:place],), "reset" if ending == "reset" else "close")
        run = loop(self.ANSWER, cut, event(2, 2))
        if run.exit_code is None:  # A reset can overtake what was sent before it: then it was never seen to begin.
            assert ending == "reset"
            assert run.results == [2]
        else:
            assert_left(run)

    @pytest.mark.parametrize("place", CHUNKED_CUTS.values(), ids=list(CHUNKED_CUTS))
    def test_a_chunked_event_that_is_cut(self, loop: Loop, place: int) -> None:
        assert_left(loop(self.ANSWER, Reply((CHUNKED[:place],), "close"), event(2, 2)))

    @pytest.mark.parametrize("ending", [HANG_UP, RESET], ids=["closed", "reset"])
    def test_a_connection_that_ends_before_an_event_is_made_anew(self, loop: Loop, ending: Reply) -> None:
        run = loop(self.ANSWER, ending, event(1), ending, event(2, 2))
        assert run.results == [1, 2]

    # --- /next: answers that make no sense -----------------------------------------------------------------------

    @pytest.mark.parametrize("answer", NONSENSE.values(), ids=list(NONSENSE))
    def test_an_event_in_an_answer_with(self, loop: Loop, answer: bytes) -> None:
        assert_left(loop(self.ANSWER, Reply((answer,), "close"), event(2, 2)))

    @pytest.mark.parametrize("status", ["400 Bad Request", "403 Forbidden", "404 Not Found", "500 Error", "503 Busy"])
    def test_a_next_that_is_refused_with(self, loop: Loop, status: str) -> None:
        run = loop(self.ANSWER, Reply((reply(status, b"why"),)), event(2, 2))
        assert_left(run)
        assert f"the Runtime API answered {status[:3]}: why" in run.stderr

    @pytest.mark.parametrize("count", [1, 2, 3000])
    def test_interim_answers_before_an_event(self, loop: Loop, count: int) -> None:
        assert loop(self.ANSWER, Reply((b"HTTP/1.1 100 Continue\r\n\r\n" * count + SIZED,))).result == {"number": 1}

    @pytest.mark.parametrize("change", [str.lower, str.upper, str.title, str.swapcase])
    def test_headers_in_any_case(self, loop: Loop, change: object) -> None:
        assert callable(change)
        fields = {change(name): value for name, value in invocation_headers(invocation_id="try-1").items()}
        head = "".join(f"{name}:{value}\r\n" for name, value in {change("Content-Length"): "1", **fields}.items())
        run = loop(self.ANSWER, Reply((f"HTTP/1.1 200 OK\r\n{head}\r\n7".encode(),)))
        assert run.result == 7
        assert run.post.headers["lambda-runtime-invocation-id"] == "try-1"

    @pytest.mark.parametrize("line", [b"odd line", b"X-Odd: \xff", b": no name", b"X-Empty:"])
    def test_a_header_that_is_odd_is_passed_over(self, loop: Loop, line: bytes) -> None:
        odd = SIZED.replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n\r\n")
        assert loop(self.ANSWER, Reply((odd,))).result == {"number": 1}

    # --- POSTs: connections that end and answers that refuse -----------------------------------------------------

    @pytest.mark.parametrize("refusal", REFUSALS.values(), ids=list(REFUSALS))
    @pytest.mark.parametrize(("code", "asked"), FORMS.values(), ids=list(FORMS))
    def test_a_post_that_is(self, loop: Loop, code: str, asked: object, refusal: Refusal) -> None:
        run = loop(getattr(self, code), event(asked), event("next", 2), posts=[refusal.reply])
        assert answered(run) == ["request-1", "request-2"]
        assert run.posts[1].body in (b'"next"', b"begun next")
        assert run.posts[1].trailers == {}
        assert run.exit_code is None
        assert len(run.stderr.splitlines()) == 1
        assert "Runtime API: " in run.stderr
        # A reset may take with it an answer that was sent, so only the others have a wording to expect.
        assert refusal.said in run.stderr or refusal.reply.ending != "keep"

    @pytest.mark.parametrize("read", [0, 1, 65_536, 5_000_000])
    @pytest.mark.parametrize("ending", ["close", "reset"])
    def test_a_large_result_that_is_cut_while_it_is_sent(self, loop: Loop, read: int, ending: str) -> None:
        cut = Reply((), "reset" if ending == "reset" else "close", read=read)
        run = loop(self.LARGE, event(6_000_000), event(1, 2), posts=[cut])
        assert answered(run) == ["request-1", "request-2"]
        assert run.posts[1].json == "x"
        assert "POST /invocation/request-1/response" in run.stderr

    @pytest.mark.parametrize(
        "ending", [HANG_UP, RESET, Reply((reply("500 Error", b"why"),))], ids=["closed", "reset", "500"]
    )
    def test_an_init_error_that_nobody_takes_is_still_exit_1(self, loop: Loop, ending: Reply) -> None:
        run = loop(self.FAILING, posts=[ending])
        assert run.exit_code == 1
        assert len(run.posts) == 1
        assert "[ERROR] ValueError: no" in run.stdout

    def test_an_answer_that_comes_before_the_request_was_read_is_taken(self, loop: Loop) -> None:
        early = Reply((reply("202 Accepted", b"{}", {"Connection": "close"}),), "close", read=0)
        run = loop(self.ANSWER, event(1), event(2, 2), posts=[early])
        assert answered(run) == ["request-1", "request-2"]
        assert run.stderr == ""

    @pytest.mark.parametrize("count", [1, 2, 30])
    def test_each_invocation_has_one_answer_whatever_becomes_of_it(self, loop: Loop, count: int) -> None:
        posts = [HANG_UP, ACCEPTED, RESET, Reply((reply("413 Large", b"x"),))] * count
        numbers = range(1, 4 * count + 1)
        run = loop(self.ANSWER, *(event(number, number) for number in numbers), posts=posts)
        assert answered(run) == [f"request-{number}" for number in numbers]
        assert len(run.stderr.splitlines()) == 3 * count
