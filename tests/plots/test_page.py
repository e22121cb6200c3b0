import matplotlib.pyplot as plt
import pandas as pd

from spatialrag.plots import page


def test_text_is_escaped_and_pictures_are_inside():
    figure = plt.figure()
    frame = pd.DataFrame({"a": [0.12345, None]}, index=["x<y", "z"])
    text = page.page(
        "A & B",
        [
            (
                "Part",
                [
                    page.paragraph("1 < 2"),
                    page.picture(figure, description="p"),
                    page.table(frame, index="row"),
                ],
            )
        ],
    )
    assert "A &amp; B" in text
    assert "1 &lt; 2" in text
    assert "x&lt;y" in text
    assert "0.123" in text
    assert "–" in text
    assert text.count('<img alt="p" src="data:image/png;base64,') == 1


def test_counts_long_texts_and_what_columns_are():
    long = ", ".join(f"slide{i} +0.123" for i in range(9))
    frame = pd.DataFrame({"n_constant": [7.0, 2.5], "slides": [long, "<x>"]}, ["a", "depth_oracle"])
    text = page.table(frame, index="row")
    assert "<td>7</td>" in text
    assert "<td>2.5</td>" in text
    assert long in text
    told = page.legend([frame])
    assert told.count("<dt>") == 3
    assert "<dt>depth_oracle</dt><dd>not a method" in told
