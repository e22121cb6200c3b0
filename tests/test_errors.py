from spatialrag.errors import InputError


def test_what_came_is_shortened_in_its_middle():
    said = str(InputError("wrong", got="a" * 5000 + "z" * 5000))
    assert len(said) < 2100
    assert said.endswith("z" * 1000)
    assert "a … z" in said


def test_three_lines_at_most_follow_the_problem():
    said = str(InputError("wrong", expected="this", got="that", fix="do so"))
    assert said.splitlines() == [
        "wrong", "  expected: this", "  got:      that", "  fix:      do so",
    ]  # fmt: skip
