"""Two refusals tell a token bucket from a window, and how many requests each accepts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.http.learned_rate import LearnedRate
from source_rest_api.http.refusal_episodes import Episode, window


def of_bucket(rate: float, burst: float, length: float, wait: float) -> Episode:
    """Make the episode of a full token bucket."""
    return Episode(int(burst + rate * length), length, length, length + wait)


@given(st.floats(1, 100), st.floats(1, 100), st.floats(0.1, 10), st.floats(1.5, 10), st.floats(0.5, 60))
def test_the_bounds_hold_for_every_bucket(rate: float, burst: float, length: float, longer: float, wait: float) -> None:
    """The true rate lies between the bounds of an episode, and two of them give it."""
    first, second = of_bucket(rate, burst, length, wait), of_bucket(rate, burst, length * longer, wait)
    for each in (first, second):
        assert each.most >= rate - 1 / each.length
        assert each.least <= max(rate, burst / wait + rate)
        assert min(each.least, each.most) <= each.guess <= each.most
    computed = second.rate_beyond(first)
    assert not computed or computed == pytest.approx(rate, abs=1 / (second.length - first.length))


def test_a_window_accepts_the_same_number_in_any_time() -> None:
    """Its length is a usual one between the time that was refused and the time that was accepted again."""
    first, second = Episode(100, 0.6, 3.9, 5.3), Episode(100, 1.2, 4.8, 5.2)
    assert window(second, [first]) == 5.0
    assert second.rate_beyond(first) == 0.0


def test_an_unusual_window_must_be_known_well() -> None:
    """Without a usual length between the bounds, they have to be close."""
    assert window(Episode(100, 1.2, 6.5, 7.1), [Episode(100, 0.6, 6.4, 7.2)]) == pytest.approx(7.2)
    assert window(Episode(100, 1.2, 5.5, 7.1), [Episode(100, 0.6, 5.4, 7.2)]) == 0.0


@pytest.mark.parametrize(
    ("before", "latest"),
    [
        ([], Episode(100, 1.2, 4.8, 5.2)),
        ([Episode(100, 0.6, 3.9, 5.3)], Episode(140, 1.2, 4.8, 5.2)),
        ([Episode(10, 0.10, 0.2, 1.2)], Episode(9, 0.15, 0.2, 1.2)),
        ([Episode(100, 0.6, 3.9, 5.3), Episode(50, 1.0, 3.9, 5.3)], Episode(100, 1.2, 4.8, 5.2)),
    ],
    ids=["alone", "more in a longer time", "too few to tell", "not the latest"],
)
def test_what_is_no_window(before: list[Episode], latest: Episode) -> None:
    """Only what a token bucket would not do is a window."""
    assert window(latest, before) == 0.0


def test_a_window_is_filled_and_no_more() -> None:
    """All its requests are sent well before it ends, and the next one begins a window later."""
    rate = LearnedRate(0.0)
    for began, length in ((0.0, 0.5), (5.0, 1.0)):
        for number in range(50):
            rate.accept(began + number * length / 50, began + number * length / 50 + 0.05)
        rate.refused(began + length, began + length + 0.05, 5 - length)
        rate.close(began + 5)
        rate.turn(began + 5)
    turns = [rate.turn(10.2).at for _ in range(101)]
    assert turns[48] - turns[0] < 4
    assert 5 <= turns[51] - turns[0] < 5.5
    assert turns == sorted(turns)


def test_a_refusal_while_others_are_under_way_counts_once() -> None:
    """Requests that were sent before the first refusal became known say nothing new."""
    rate = LearnedRate(0.0)
    for number in range(20):
        rate.accept(number / 20, number / 20 + 0.05)
    for sent in (1.0, 1.01, 1.02):
        rate.refused(sent, 1.05, 1.0)
        assert rate.in_a_row == 1
    rate.close(2.0)
    turn = rate.turn(2.0)
    assert rate.is_valid(turn)
    rate.refused(turn.at, 2.05, 1.0)
    assert rate.in_a_row == 2
    assert not rate.is_valid(turn)


@given(
    st.lists(st.tuples(st.sampled_from(["ok", "no", "told", "turn", "used up"]), st.floats(0, 30)), max_size=60),
)
def test_whatever_happens_there_is_a_next_turn(events: list[tuple[str, float]]) -> None:
    """Turns are neither in the past nor beyond all reason, whatever the API does in whatever order."""
    now, rate = 0.0, LearnedRate(0.0)
    for event, seconds in events:
        if event == "ok":
            rate.accept(now, now + seconds)
        elif event == "turn":
            now = max(now + seconds, rate.until)
            assert now <= rate.turn(now).at <= now + 1e5
        elif event == "used up":
            rate.used_up(now, now + seconds, 1 + seconds)
        else:
            rate.refused(now, now + seconds, seconds if event == "told" else None)
            rate.close(now + 2 * seconds)
            now += seconds
