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
