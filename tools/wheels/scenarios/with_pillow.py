"""Draws text, turns, resizes and blurs, and goes through every common format."""

from io import BytesIO

from PIL import Image, ImageDraw, ImageFilter, ImageFont, features

picture = Image.new("RGB", (320, 200), "navy")
pen = ImageDraw.Draw(picture)
pen.ellipse((60, 20, 260, 180), fill="orange")
pen.text((110, 80), "Élan", font=ImageFont.load_default(32), fill="white")
assert picture.getpixel((160, 30)) == (255, 165, 0)
assert (255, 255, 255) in {color for _, color in picture.getcolors(10**5)}

for kind, exact in (
    ("PNG", True),
    ("TIFF", True),
    ("WEBP", False),
    ("JPEG", False),
    ("JPEG2000", False),
    ("AVIF", False),
):
    file = BytesIO()
    picture.save(file, kind)
    with Image.open(file) as again:
        again.load()
        assert again.size == picture.size
        assert max(abs(a - b) for a, b in zip(again.getpixel((5, 5)), (0, 0, 128), strict=True)) <= (0 if exact else 12)

small = picture.rotate(90, expand=True).resize((100, 160), Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(2))
assert small.size == (100, 160)
for feature in ("freetype2", "littlecms2", "libjpeg_turbo", "zlib"):
    assert features.check(feature), feature
