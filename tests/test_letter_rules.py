"""What a letter of intent is worth to both sides, and what a scenario file may say of one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computemarket import cli
from computemarket.market.letters import (
    GiverView,
    TakerView,
    converts,
    giver_gain,
    taker_gain,
    walk_back_chance,
)

# -- gains ------------------------------------------------------------------------------------

GIVER = GiverView(1.0, 0.06, 0.2, 0.1, 0.0, 0.45, 0)
TAKER = TakerView(1.0, 12.0, 0.25, 0.2)
share = st.floats(0, 1)


@given(st.floats(-4, 3), st.floats(0, 3), share)
def test_a_better_mood_raises_what_the_giver_gains(mood, more, cash):
    low = GIVER._replace(mood=mood, cash_share=cash)
    assert giver_gain(low._replace(mood=mood + more)) >= giver_gain(low)


@given(share, share)
def test_a_giver_with_more_cash_gains_more(cash, more):
    assert giver_gain(GIVER._replace(cash_share=cash)) >= giver_gain(
        GIVER._replace(cash_share=cash + more)
    )


@given(st.integers(0, 40), st.integers(1, 40))
def test_late_milestones_cost_trust(late, more):
    assert giver_gain(GIVER._replace(months_late=late)) >= giver_gain(
        GIVER._replace(months_late=late + more)
    )


@given(st.floats(0, 2), st.floats(0, 2))
def test_a_dissatisfied_taker_gains_less(dissatisfaction, more):
    less = TAKER._replace(dissatisfaction=dissatisfaction + more)
    assert taker_gain(TAKER._replace(dissatisfaction=dissatisfaction)) >= taker_gain(less)


@given(st.floats(0, 100), st.floats(0, 100))
def test_a_taker_with_a_long_runway_needs_the_money_less(runway, more):
    assert taker_gain(TAKER._replace(runway_months=runway)) >= taker_gain(
        TAKER._replace(runway_months=runway + more)
    )


def test_chances_are_shares_that_follow_the_gain():
    assert converts(0) == 0.5
    gains = [-9.0, -0.3, -0.1, 0.0, 0.1, 0.3, 9.0]
    for rising in ([converts(g) for g in gains], [1 - walk_back_chance(g) for g in gains]):
        assert rising == sorted(rising)
        assert all(0 <= chance <= 1 for chance in rising)


# -- bad input --------------------------------------------------------------------------------

HEAD = "extends = 'duopoly'\n"
LETTER = "giver = 'Silica'\ntaker = 'Borealis'\nexpires = '2025-12'\n"
DUE = "[{amount_usd = 1e8, trigger = 'date', month = '2024-06'}]"
OPEN = HEAD + "[[interventions]]\nmonth = '2024-06'\nkind = 'open_talks'\n"
KILL = "[[interventions]]\nmonth = '2024-03'\nkind = 'kill'\nfirm = 'Borealis'\n"

BAD = {
    "unknown trigger": (
        HEAD + f"[[letters]]\n{LETTER}tranches = [{{amount_usd = 1e8, trigger = 'gw'}}]\n",
        ["letters.0.tranches.0.trigger", '"gw"', "'gw_deployed'"],
    ),
    "unknown event": (
        HEAD + f"[[letters]]\n{LETTER}"
        "tranches = [{amount_usd = 1e8, trigger = 'event', event = 'round_close'}]\n",
        ["letters.0.tranches.0.event", "'round_closed'"],
    ),
    "trigger without its level": (
        HEAD + f"[[letters]]\n{LETTER}tranches = [{{amount_usd = 1e8, trigger = 'arr'}}]\n",
        ["letters.0.tranches.0", "arr_usd alone"],
    ),
    "tranche before the letter": (
        OPEN + f"[interventions.letter]\n{LETTER}tranches = {DUE.replace('06', '05')}\n",
        ["interventions.0.letter.tranches.0.month", '"2024-05"', "not before the letter (2024-06)"],
    ),
    "no tranche": (HEAD + f"[[letters]]\n{LETTER}tranches = []\n", ["letters.0.tranches"]),
    "unknown giver": (
        HEAD + f"[[letters]]\n{LETTER.replace('Silica', 'Silca')}tranches = {DUE}\n",
        ["letters.0.giver", "'Silca'", "did you mean 'Silica'?"],
    ),
    "lender as giver": (
        HEAD + f"[[letters]]\n{LETTER.replace('Silica', 'Granite Credit')}tranches = {DUE}\n",
        ["letters.0.giver", "'Granite Credit'"],
    ),
    "talks with an unknown party": (
        OPEN + f"[interventions.letter]\n{LETTER.replace('Borealis', 'Boreals')}tranches = {DUE}\n",
        ["interventions.0.letter.taker", "'Boreals'", "did you mean 'Borealis'?"],
    ),
    "talks with the dead": (
        OPEN + f"[interventions.letter]\n{LETTER}tranches = {DUE}\n" + KILL,
        ["interventions.0", "dead 'Borealis'", "killed in 2024-03"],
    ),
    "talks about nothing": (OPEN, ["interventions.0", "exactly one of letter, round"]),
    "talks about two things": (
        OPEN + f"[interventions.letter]\n{LETTER}tranches = {DUE}\n"
        "[interventions.round]\nfirm = 'Aurora'\namount_usd = 1e8\ninvestors = ['Silica']\n",
        ["interventions.0", "exactly one"],
    ),
    "a letter to kill": (
        HEAD + KILL + f"[interventions.letter]\n{LETTER}tranches = {DUE}\n",
        ["interventions.0", "'kill', expected none of"],
    ),
    "unknown cloud": (
        OPEN + "[interventions.purchase]\nlab = 'Aurora'\nclouds = ['Delt']\n"
        "workload = 'training'\n",
        ["interventions.0.purchase.clouds", "'Delt'", "did you mean 'Delta'?"],
    ),
    "unknown investor": (
        OPEN + "[interventions.round]\nfirm = 'Aurora'\namount_usd = 1e8\ninvestors = ['Silca']\n",
        ["interventions.0.round.investors", "did you mean 'Silica'?"],
    ),
    "warrants of a cloud": (
        HEAD + "[[warrants]]\nissuer = 'Delta'\nholder = 'Aurora'\nshare = 0.1\ngw = 1\n"
        "issuer_value_usd = 1e9\nexpires = '2025-12'\n",
        ["warrants.0.issuer", "'Delta'", "a chipmaker"],
    ),
    "warrants on too much": (
        HEAD + "[[warrants]]\nissuer = 'Silica'\nholder = 'Aurora'\nshare = 1.5\ngw = 1\n"
        "issuer_value_usd = 1e9\nexpires = '2025-12'\n",
        ["warrants.0.share", "given 1.5"],
    ),
    "backstop that ends before it begins": (
        HEAD + "[[backstops]]\nguarantor = 'Silica'\ncloud = 'Delta'\nworkload = 'training'\n"
        "h100e = 1\nprice_usd_per_h100e_hour = 1\ngranted = '2024-06'\nexpires = '2024-05'\n",
        ["backstops.0.expires", "after the grant"],
    ),
    "letter changed mid-run": (
        HEAD + f"[[letters]]\n{LETTER}tranches = {DUE}\n[[interventions]]\nmonth = '2024-06'\n"
        "kind = 'set'\npath = 'letters.0.expires'\nvalue = '2024-07'\n",
        ["interventions.0.path", "read once"],
    ),
}


@pytest.mark.parametrize(("text", "parts"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_answered_by_one_line(tmp_path: Path, capsys, monkeypatch, text, parts):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as caught:
        cli.main(["run", "mine.toml", "--out", "out"])
    out, err = capsys.readouterr()
    assert caught.value.code == 2
    assert out == ""
    assert err.startswith("error: mine.toml")
    assert err.count("\n") == 1
    assert [part for part in parts if part not in err] == [], err
    assert not (tmp_path / "out").exists()
