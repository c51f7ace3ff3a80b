"""Ids: what each is made of, and that none is taken for another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molva.terms.ids import (
    AccountId,
    CommonRoom,
    ConversationId,
    direct_accounts,
    direct_id,
    group_label,
    is_direct,
    is_own_log,
    own_log_id,
    parse_group_label,
    parse_tag,
    tag,
)

ACCOUNTS = st.integers(1, 2**53 - 1).map(AccountId)


@given(ACCOUNTS, ACCOUNTS)
def test_a_direct_conversation_has_one_id_whoever_asks(one: AccountId, other: AccountId) -> None:
    id = direct_id(one, other)
    assert id == direct_id(other, one)
    assert direct_accounts(id) == (min(one, other), max(one, other))
    assert is_direct(id) and not is_own_log(id)


@given(ACCOUNTS)
def test_an_own_log_is_no_other_kind(account: AccountId) -> None:
    id = own_log_id(account)
    assert is_own_log(id) and not is_direct(id)
    assert int(id[1:]) == account


def test_a_room_is_no_other_kind() -> None:
    assert not is_direct(CommonRoom) and not is_own_log(CommonRoom)
    with pytest.raises(ValueError):
        direct_accounts(CommonRoom)
    with pytest.raises(ValueError):
        direct_accounts(ConversationId("@1"))


@given(st.integers(0, 2**53 - 1).map(AccountId))
def test_a_tag_is_read_as_it_was_written(account: AccountId) -> None:
    assert parse_tag(tag(account)) == account


@pytest.mark.parametrize("text", ["", "A", "-1", "1 ", "é", "٣", "1" * 12, "~"])
def test_what_is_no_tag_is_none(text: str) -> None:
    assert parse_tag(text) is None


@pytest.mark.parametrize("id", ["r0", "rx2k9", "r"])
def test_a_groups_label_is_read_as_it_was_written(id: str) -> None:
    label = group_label(ConversationId(id))
    assert label.startswith("#~") and parse_group_label(label) == id


@pytest.mark.parametrize("text", ["", "#", "#tea", "~2", "tea#~2", "@anna"])
def test_the_name_of_a_room_is_no_groups_label(text: str) -> None:
    assert parse_group_label(text) is None


def test_tags_are_short() -> None:
    assert tag(AccountId(35)) == "z"
    assert tag(AccountId(36)) == "10"
    assert len(tag(AccountId(2**53 - 1))) <= 11
