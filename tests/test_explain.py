"""A firm's story: deals and refusals with their numbers, sums that add up, quiet months merged."""

from __future__ import annotations

import pytest

from computemarket.analysis.explain import story, tell
from computemarket.analysis.wording import h100e, listed, usd


def flow(month: int, payer: str, payee: str, purpose: str, amount_usd: int) -> dict:
    return {
        "month": month, "payer": payer, "payee": payee, "purpose": purpose,
        "amount_usd": amount_usd,
    }  # fmt: skip


def ada(month: int, **values: object) -> dict:
    return {"month": month, "firm": "Ada", "role": "lab", "runway_months": 10.0} | values


@pytest.fixture
def tables(build, row):
    return build(
        months=6,
        firms=[
            ada(0, cash_usd=90_000_000),
            ada(1, cash_usd=80_000_000),
            ada(2, cash_usd=70_000_000, runway_months=999.0),
            ada(3, cash_usd=4_000_000, runway_months=0.5, arrears_usd=2_500_000),
            ada(4, cash_usd=0, runway_months=0.0, arrears_usd=9_000_000),
            ada(5, cash_usd=0, runway_months=0.0, arrears_usd=9_000_000),
            {"month": 0, "firm": "Neo", "role": "cloud"},
        ],
        events=[
            row(0, "offer_refused", "Ada", counterparty="Neo", outcome="NO_ZONE", h100e=20_000.0,
                workload="training", buyer_reservation_usd=2.1, seller_reservation_usd=2.6,
                gap_usd=0.5, rounds=3, text="talks end"),
            row(3, "contract_signed", "Ada", counterparty="Neo", text="Ada signs 5 H100e with Neo",
                prepaid_share=0.2, termination_fee_share=0.4, exclusive=True, renewal=False,
                buyer_reservation_usd=2.4, seller_reservation_usd=2.0),
            row(3, "round_failed", "Ada", counterparty="Fund", text="Ada's round fails.",
                pre_money_usd=1e9, post_money_usd=1.1e9, dilution=0.09, tranches=2,
                reason="too few bids"),
            row(4, "default", "Ada", text="Ada defaults", amount_usd=9_000_000),
            row(4, "slip", "Neo", text="Neo is late"),
            row(5, "liquidation", "Ada", text="after the end"),
        ],
        flows=[
            flow(0, "world", "Ada", "services", 5_000_000),
            flow(1, "world", "Ada", "services", 6_000_000),
            flow(1, "Ada", "Neo", "compute", 16_000_000),
            flow(2, "Ada", "Neo", "compute", 10_000_000),
            flow(2, "Ada", "Old", "compute", 4_000_000),
            flow(2, "Ada", "world", "staff", 3_000_000),
            flow(2, "Ada", "world", "research", 2_000_000),
            flow(2, "Ada", "Fund", "interest", 1_000_000),
            flow(2, "Ada", "Ada", "compute", 77),
        ],
    )  # fmt: skip


@pytest.fixture
def lines(tables):
    return list(tell(tables, "Ada", "lab"))


def test_months_with_news_stand_alone_and_quiet_ones_are_merged(lines):
    starts = [line.split(":")[0] for line in lines if not line.startswith(" ")]
    assert starts == [
        "Ada (lab), 2024-01 to 2024-05", "2024-01", "2024-02 to 2024-03", "2024-04", "2024-05",
    ]  # fmt: skip


def test_a_refusal_gives_both_reservations_and_the_gap(lines):
    assert (
        "  - No deal between Ada and Neo on 20k H100e of training after 3 rounds (no package "
        "suits both): Ada would pay at most $2.10 per H100e-hour, Neo asks at least $2.60, "
        "a gap of $0.50."
    ) in lines


def test_money_adds_up_over_merged_months(lines):
    assert (
        "2024-02 to 2024-03: In $6M: services $6M. Out $36M: compute mostly to Neo $30M, "
        "staff $3M, research $2M, other $1M. Cash $70M, no net outflow."
    ) in lines


def test_terms_of_deals_and_rounds(lines):
    assert (
        "  - Ada signs 5 H100e with Neo; 20% prepaid; leaving costs 40% of what remains; "
        "exclusive; buyer would pay at most $2.40, seller wants at least $2.00."
    ) in lines
    assert (
        "  - Ada's round fails; $1B pre-money; $1.1B post-money; 9.0% dilution; 2 tranches; "
        "too few bids."
    ) in lines


def test_distress_and_the_end(lines):
    assert "  - Ada could not pay all that was due: $2.5M stayed open." in lines
    assert "  - Ada defaults." in lines
    assert not any("after the end" in line or "Neo is late" in line for line in lines)


def test_the_other_side_hears_of_it_too(tables):
    lines = list(tell(tables, "Neo", "cloud"))
    assert any("Ada signs 5 H100e" in line for line in lines)
    assert any("In $26M: compute from Ada $26M" in line for line in lines)


def test_what_the_words_say_is_not_said_again(build, row):
    tables = build(
        firms=[ada(0), {"month": 0, "firm": "MGX", "role": "investor"}],
        events=[
            row(0, "switch", "Ada", text="Ada moves from A to B (price)", from_="A", to="B",
                reason="price", forced=True),
            row(0, "round_closed", "Ada", counterparty="Fund", text="Ada raises $1B at $9B "
                "pre-money", pre_money_usd=9e9, post_money_usd=1e10, bids={"Fund": 1, "MGX": 2}),
        ],
    )  # fmt: skip
    lines = list(tell(tables, "Ada", "lab"))
    assert "  - Ada moves from A to B (price); forced by a default." in lines
    assert "  - Ada raises $1B at $9B pre-money; $10B post-money." in lines
    assert "  - Ada raises $1B at $9B pre-money; $10B post-money." in tell(
        tables, "MGX", "investor"
    )


def test_tranches_of_many_are_one_sentence(build, row):
    payers = {"A": 5_000_000, "B": 9_000_000, "C": 1_000_000, "D": 2_000_000, "E": 1_000_000}
    events = [
        row(0, "tranche_paid", "Ada", counterparty=name, amount_usd=usd, text=f"{name} pays")
        for name, usd in payers.items()
    ]
    lines = list(tell(build(firms=[ada(0)], events=events), "Ada", "lab"))
    assert lines[2:] == ["  - Tranches of $18M are paid by B ($9M), A ($5M), D ($2M) and 2 others."]
    alone = list(tell(build(firms=[ada(0)], events=events[:1]), "Ada", "lab"))
    assert alone[2:] == ["  - A pays."]


def test_an_event_without_words_or_numbers(build, row):
    tables = build(
        firms=[ada(0)],
        events=[
            row(0, "loan_signed", "Ada", counterparty="Fund", amount_usd=3_000_000),
            row(0, "offer_refused", "Ada", outcome="NO_CAPACITY"),
            row(0, "offer_refused", "Ada", outcome="NO_CAPACITY"),
            row(0, "switch", "Ada", from_="A", to="B", workload="overall", reason="price"),
        ],
    )
    lines = list(tell(tables, "Ada", "lab"))
    assert "  - Loan signed, Fund: $3M." in lines
    assert "  - Ada gets no offer of compute (2 times)." in lines
    assert "  - Switch; from A to B; reason: price." in lines


@pytest.mark.parametrize(("name", "nearest"), [("ada", "Ada"), ("Noe", "Neo")])
def test_an_unknown_firm_names_the_nearest_and_all(tables, name, nearest):
    with pytest.raises(ValueError, match=rf"did you mean '{nearest}'\? The firms are Ada and Neo"):
        tell(tables, name, "lab")


def test_an_unknown_firm_is_found_out_before_the_replay(made_up_scenario):
    with pytest.raises(ValueError, match="did you mean 'OpenAI'"):
        story(made_up_scenario, 1, "OpenIA")


def test_a_made_up_run_reads_for_each_role(run_tables):
    for name, role in (("OpenAI", "lab"), ("Azure", "cloud")):
        lines = list(tell(run_tables, name, role))
        assert lines[0].startswith(f"{name} ({role}), 2024-01")
        assert all(line.endswith(".") for line in lines[1:])
        assert not any("nan" in line or "None" in line for line in lines)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0"), (7, "$7"), (-15_300, "-$15k"), (999_960, "$1M"), (1_240_000_000, "$1.2B"),
        (12_400_000_000, "$12B"), (3.4e12, "$3.4T"), (-0.2, "$0"), (9.97e6, "$10M"),
    ],
)  # fmt: skip
def test_dollars(amount, text):
    assert usd(amount) == text


def test_other_words():
    assert h100e(45_300) == "45k H100e"
    assert h100e(1_234_000) == "1.2M H100e"
    assert listed(["A"]) == "A"
    assert listed(["A", "B", "C"]) == "A, B and C"
