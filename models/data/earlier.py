"""What a picture's file was once taken to show. Studies that were begun so go on so; nothing else asks here."""

from typing import Final

from PIL import Image

from models.data.pictures import MODES, decoded

PNG: Final = b"\x89PNG\r\n\x1a\n"
DEPTH: Final = 24  # where a PNG tells its bits per channel


def shown(data: bytes) -> Image.Image:
    """Return a picture as it is stored, grey or RGB of 8 bits; what is transparent or deeper was refused.

    Raises what is `UNREADABLE`.
    """
    plain = _plain(decoded(data, formats=None))
    if plain.mode not in MODES.values() or (data.startswith(PNG) and data[DEPTH] > 8):
        raise ValueError(f"it is neither grey nor RGB of 8 bits without transparency (mode {plain.mode})")
    return plain


def _plain(image: Image.Image) -> Image.Image:
    """Return grey or RGB where that loses nothing, else the image as it is."""
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("P", "PA") or "transparency" in image.info:
        image = image.convert("LA" if image.mode == "L" else "RGBA")
    if image.mode in ("LA", "RGBA") and image.getchannel("A").getextrema() == (255, 255):
        return image.convert(image.mode.removesuffix("A"))
    return image
