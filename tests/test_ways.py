"""The ways in which a model translates."""

from tfi2i.ways import BOTH, Way, input_only, paired


def test_outputs_of_ways_to_one_target_have_names_of_their_own():
    assert [way.output for way in (*BOTH, *paired(), *paired("b2a"))] == [
        *("fake_b", "fake_a", "fake_b", "fake_a")
    ]
    faces = [Way(f"to_{look}", "a", "a", has_truth=False) for look in ("old", "young")]
    assert [way.output for way in faces] == ["fake_to_old", "fake_to_young"]


def test_colours_may_change_where_an_image_is_an_input_alone():
    assert input_only(paired("b2a")) == "b"
    assert input_only(BOTH) is None
    assert input_only(()) is None
