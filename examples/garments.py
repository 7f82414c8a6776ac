"""Draw ten garments, one of each class of Fashion-MNIST, as a shop would show them: in colour, on white.

    python examples/garments.py garments
    python -m search predict fashion-mnist-cnn garments

None of them is of the data set, nor made after an image of it.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

SIZE = 400
WHITE = (255, 255, 255)
Points = list[tuple[float, float]]
Colour = tuple[int, int, int]


class Sketch:
    """A picture, drawn at twice its size so that edges are smooth. Coordinates go from 0 to 100."""

    def __init__(self) -> None:
        self._image = Image.new("RGB", (2 * SIZE, 2 * SIZE), WHITE)
        self._draw = ImageDraw.Draw(self._image)

    def shape(self, points: Points, colour: Colour, *, mirrored: bool = False) -> None:
        """Fill a polygon; `mirrored`: and its mirror image, as garments are."""
        self._draw.polygon(self._scaled(points), fill=colour)
        if mirrored:
            self._draw.polygon(self._scaled([(100 - x, y) for x, y in points]), fill=colour)

    def oval(self, box: tuple[float, float, float, float], colour: Colour) -> None:
        """Fill an ellipse inside left, top, right, bottom."""
        left, top, right, bottom = (value * 2 * SIZE / 100 for value in box)
        self._draw.ellipse((left, top, right, bottom), fill=colour)

    def line(self, points: Points, colour: Colour, width: float = 1.0) -> None:
        """Draw a line, such as a seam."""
        self._draw.line(self._scaled(points), fill=colour, width=round(width * 2 * SIZE / 100), joint="curve")

    def finished(self) -> Image.Image:
        """Return the picture."""
        return self._image.filter(ImageFilter.GaussianBlur(1)).resize((SIZE, SIZE), Image.Resampling.LANCZOS)

    @staticmethod
    def _scaled(points: Points) -> Points:
        return [(x * 2 * SIZE / 100, y * 2 * SIZE / 100) for x, y in points]


def t_shirt(sketch: Sketch) -> None:
    """Short sleeves, round neck."""
    red, dark = (190, 50, 45), (140, 30, 30)
    sketch.shape([(28, 12), (42, 8), (58, 8), (72, 12), (71, 94), (29, 94)], red)
    sketch.shape([(28, 12), (12, 34), (22, 42), (32, 32)], red, mirrored=True)
    sketch.oval((41, 3, 59, 16), WHITE)
    sketch.line([(29, 40), (31, 60)], dark, 0.6)


def trouser(sketch: Sketch) -> None:
    """Two straight legs."""
    blue, seam = (50, 75, 125), (30, 45, 85)
    sketch.shape([(35, 4), (65, 4), (68, 40), (66, 97), (53, 97), (50, 36), (47, 97), (34, 97), (32, 40)], blue)
    sketch.line([(35, 9), (65, 9)], seam, 1.2)
    sketch.line([(50, 9), (50, 34)], seam, 0.8)


def pullover(sketch: Sketch) -> None:
    """Long sleeves that hang beside the body, a closed front, ribs at hem and cuffs."""
    green, ribs = (95, 120, 85), (65, 88, 58)
    sketch.shape([(30, 12), (42, 9), (58, 9), (70, 12), (71, 92), (29, 92)], green)
    sketch.shape([(30, 12), (20, 20), (12, 88), (22, 90), (31, 42)], green, mirrored=True)
    sketch.shape([(40, 9), (43, 15), (57, 15), (60, 9)], ribs)
    sketch.shape([(29, 87), (71, 87), (71, 92), (29, 92)], ribs)
    sketch.shape([(12.6, 83), (12, 88), (22, 90), (22.6, 85)], ribs, mirrored=True)


def dress(sketch: Sketch) -> None:
    """Narrow, without sleeves, wider below."""
    violet, belt = (120, 60, 130), (80, 35, 90)
    sketch.shape([(40, 4), (44, 14), (56, 14), (60, 4), (60, 36), (70, 97), (30, 97), (40, 36)], violet)
    sketch.shape([(40, 35), (60, 35), (60.5, 39), (39.5, 39)], belt)


def coat(sketch: Sketch) -> None:
    """Long sleeves, a front that opens, collar and buttons."""
    brown, dark = (125, 95, 65), (70, 50, 35)
    sketch.shape([(30, 10), (42, 6), (58, 6), (70, 10), (73, 97), (27, 97)], brown)
    sketch.shape([(30, 10), (19, 18), (13, 84), (23, 86), (31, 44)], brown, mirrored=True)
    sketch.shape([(42, 6), (36, 10), (43, 30), (50, 20)], dark, mirrored=True)
    sketch.line([(50, 20), (50, 97)], dark, 1.0)
    for height in (38, 52, 66, 80):
        sketch.oval((52, height, 55, height + 3), dark)
    sketch.line([(33, 66), (43, 66)], dark, 1.0)
    sketch.line([(57, 66), (67, 66)], dark, 1.0)


def sandal(sketch: Sketch) -> None:
    """A sole with straps and gaps between them, from the side."""
    leather, sole = (165, 105, 60), (70, 45, 30)
    sketch.shape([(6, 70), (94, 60), (96, 66), (92, 74), (60, 76), (40, 78), (8, 78)], sole)
    sketch.shape([(14, 70), (26, 54), (36, 52), (30, 68)], leather)
    sketch.shape([(42, 67), (48, 50), (57, 48), (54, 66)], leather)
    sketch.line([(90, 62), (86, 40), (72, 36), (55, 50)], leather, 3.0)


def shirt(sketch: Sketch) -> None:
    """Long sleeves, a row of buttons, a pointed collar, stripes."""
    light, stripe, dark = (170, 190, 215), (120, 145, 185), (80, 100, 140)
    sketch.shape([(30, 11), (42, 7), (58, 7), (70, 11), (70, 94), (30, 94)], light)
    sketch.shape([(30, 11), (19, 19), (14, 82), (24, 84), (31, 42)], light, mirrored=True)
    for x in (34, 39, 44, 56, 61, 66):
        sketch.line([(x, 11), (x, 94)], stripe, 0.8)
    sketch.line([(50, 14), (50, 94)], dark, 0.8)
    sketch.shape([(42, 6), (38, 14), (46, 18), (50, 12)], dark, mirrored=True)
    for height in (24, 38, 52, 66, 80):
        sketch.oval((49, height, 51, height + 2), dark)


def sneaker(sketch: Sketch) -> None:
    """Low, from the side, with a light sole and laces."""
    grey, sole, laces = (85, 90, 100), (205, 205, 200), (235, 235, 235)
    sketch.shape([(8, 66), (10, 56), (30, 52), (52, 36), (62, 33), (70, 42), (88, 36), (93, 40), (94, 66)], grey)
    sketch.shape([(5, 64), (95, 64), (96, 72), (90, 75), (10, 75), (5, 72)], sole)
    for x, y in ((40, 46), (46, 42), (52, 38)):
        sketch.line([(x, y), (x + 7, y + 5)], laces, 1.6)


def bag(sketch: Sketch) -> None:
    """A body with a handle."""
    black, clasp = (60, 45, 50), (190, 160, 90)
    sketch.line([(32, 42), (33, 22), (42, 13), (58, 13), (67, 22), (68, 42)], black, 4.0)
    sketch.shape([(14, 40), (86, 40), (92, 88), (8, 88)], black)
    sketch.shape([(14, 40), (86, 40), (84, 56), (50, 62), (16, 56)], (85, 65, 72))
    sketch.oval((46, 57, 54, 65), clasp)


def ankle_boot(sketch: Sketch) -> None:
    """A shaft, a heel, from the side."""
    leather, dark = (95, 60, 40), (45, 30, 22)
    sketch.shape(
        [(52, 10), (88, 10), (90, 50), (92, 78), (8, 78), (8, 68), (18, 60), (40, 54), (52, 44)],
        leather,
    )
    sketch.shape([(7, 77), (93, 77), (93, 90), (74, 90), (72, 83), (7, 83)], dark)
    sketch.line([(62, 10), (63, 45)], dark, 1.0)


GARMENTS: dict[str, Callable[[Sketch], None]] = {
    "0-t-shirt-top": t_shirt,
    "1-trouser": trouser,
    "2-pullover": pullover,
    "3-dress": dress,
    "4-coat": coat,
    "5-sandal": sandal,
    "6-shirt": shirt,
    "7-sneaker": sneaker,
    "8-bag": bag,
    "9-ankle-boot": ankle_boot,
}


def draw(folder: Path) -> list[Path]:
    """Draw all of them into a folder, as PNG files, and return these."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, garment in GARMENTS.items():
        sketch = Sketch()
        garment(sketch)
        files.append(folder / f"{name}.png")
        sketch.finished().save(files[-1])
    return files


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the pictures go; it is made where there is none")
    print(*draw(parser.parse_args().folder), sep="\n")
