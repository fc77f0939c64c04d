"""The model itself: it must be able to fail, or the crash suite shows nothing."""

from __future__ import annotations

from model import ABSENT, Listed, Model, VersionModel, etag_of, etag_of_parts


def test_an_acknowledged_state_is_the_only_one_allowed() -> None:
    model = Model()
    model.attempt("k", "a").acknowledge()
    assert model.allowed("k") == {"a"}
    model.attempt("k", "b").acknowledge()
    assert model.allowed("k") == {"b"}
    assert model.settle("k", "a"), "a lost overwrite"
    assert Model().settle("k", "ghost"), "a key nobody wrote"


def test_an_unacknowledged_change_may_be_there_or_not() -> None:
    for etag, right in (("a", True), ("b", True), (ABSENT, False), ("c", False)):
        model = Model()
        model.attempt("k", "a").acknowledge()
        model.attempt("k", "b")
        assert (model.settle("k", etag) is None) == right, etag
        assert model.allowed("k") == {etag}, "what was found stays"


def test_changes_side_by_side_may_end_in_either_order() -> None:
    model = Model()
    first, second = model.attempt("k", "a"), model.attempt("k", ABSENT)
    second.acknowledge()
    first.acknowledge()
    assert model.allowed("k") == {"a", ABSENT}
    model.attempt("k", "c").acknowledge()
    assert model.allowed("k") == {"c"}


def test_bodies() -> None:
    model = Model()
    etag = model.knows(etag_of(b"body"), b"body")
    assert model.wrong_body(etag, b"body") is None
    assert model.wrong_body(etag, b"bod") and model.wrong_body("unknown", b"body")
    parts = [f'"{etag_of(part)}"' for part in (b"a", b"b")]
    assert etag_of_parts(parts) == "96e024ba2074fe77e8e965ba43a704be-2"


def test_versions_are_missed_when_lost_and_noticed_when_back() -> None:
    def model() -> VersionModel:
        made = VersionModel()
        made.attempt("k", "a").acknowledge("1")
        made.attempt("k", ABSENT).acknowledge("2")
        made.attempt("k", "c").acknowledge("3")
        return made

    one, two = Listed("1", "a", False), Listed("2", ABSENT, False)
    three = Listed("3", "c", True)
    assert model().settle({"k": [three, one, two]}) == []
    assert model().settle({"k": [three, two]}), "version 1 is lost"
    assert model().settle({"k": [one, three, two]}), "another order"
    assert model().settle({"k": [Listed("3", "x", True), one, two]}), "another ETag"
    assert model().settle({"k": [three, one, two, Listed("9", "z", False)]}), "from nowhere"
    removed = model()
    removed.removal("1").acknowledge()
    assert removed.settle({"k": [three, one, two]}), "version 1 is back"
    unsure = model()
    unsure.removal("1")
    assert unsure.settle({"k": [three, two]}) == []
    pending = model()
    pending.attempt("k", "d")
    assert pending.settle({"k": [Listed("4", "d", True), Listed("3", "c", False), one, two]}) == []
    assert pending.settle({"k": [three, one, two]}), "what was seen once stays"
