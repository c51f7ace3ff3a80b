"""Roles: one order, and no room without the three that each has."""

from itertools import pairwise

from molva.terms.roles import OPEN_KINDS, ROOM_ROLES, Role, RoomKind


def test_roles_stand_in_one_order_from_the_guest_to_the_owner() -> None:
    assert list(Role) == ["guest", "member", "moderator", "admin", "owner"]
    assert all(lower.rank < higher.rank for lower, higher in pairwise(Role))


def test_a_room_has_those_roles_that_are_not_of_the_server_alone() -> None:
    assert set(ROOM_ROLES) == set(Role) - {Role.GUEST, Role.ADMIN}
    assert list(ROOM_ROLES) == sorted(ROOM_ROLES, key=lambda role: role.rank)


def test_open_are_the_rooms_that_anybody_may_join() -> None:
    assert set(RoomKind) - OPEN_KINDS == {RoomKind.PRIVATE, RoomKind.GROUP}
