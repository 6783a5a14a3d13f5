"""Text recognition: an image -> words with their places. Offline, by the PP-OCRv6 models that the package rapidocr ships.

Only the weights of that package are used (Apache-2.0): its own code needs OpenCV, which is larger than all the rest, and what
it does there is little once the page is upright. The page is turned straight first, so that lines are level and boxes need no
corners. Source of both networks' inputs and outputs: Liao et al. 2019, differentiable binarization; Graves et al. 2006, CTC.
"""

import importlib.util
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ingest.loaders.layout import Word

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

REMEDY = "install text recognition (pip install --no-deps rapidocr==3.10.0), then ingest again"
_PACKAGE = "rapidocr"
_DETECTION, _RECOGNITION, _ORIENTATION = (
    "PP-OCRv6_det_small.onnx",
    "PP-OCRv6_rec_small.onnx",
    "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
)

Pixels = NDArray[np.uint8]  # (height, width, 3)
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels

_MIN_SIDE, _MAX_SIDE = 736, 1600  # what the detection sees; below and above it finds less, or takes longer and finds no more
_THRESHOLD, _MIN_SCORE = 0.3, 0.5
_UNCLIP = 1.6  # the network marks the core of a line: its box grows by area * this / perimeter
_MAX_LINES = 3000  # of one page
_LINE_HEIGHT, _MAX_LINE_WIDTH = 48, 3200
_BATCH_WIDTH = 8000  # pixels of all lines that are recognised at once
_MIN_CONFIDENCE = 0.5
_MAX_SKEW = 5.0  # degrees
_SKEW_PIXELS = 60_000
_VOTERS = 9


def is_installed() -> bool:
    """True where the models are there."""
    return _models() is not None


def read_image(image: Pixels) -> list[Word]:
    """Words of a page in colour (red, green, blue), whichever way it lies, in pixels of the page turned upright."""
    if min(image.shape[:2]) < 8:
        return []
    image = _straight(image)
    boxes = _lines(image)
    if sum(bottom - top > right - left for left, top, right, bottom in boxes) > len(boxes) / 2:
        image = np.ascontiguousarray(np.rot90(image))
        boxes = _lines(image)
    if _is_upside_down(image, boxes):
        image = np.ascontiguousarray(image[::-1, ::-1])
        boxes = _lines(image)
    return [word for box, line in zip(boxes, _read(image, boxes), strict=True) for word in _words(box, *line)]


@cache
def _models() -> Path | None:
    spec = importlib.util.find_spec(_PACKAGE)
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        folder = Path(place) / "models"
        if all((folder / name).is_file() for name in (_DETECTION, _RECOGNITION, _ORIENTATION)):
            return folder
    return None


@cache
def _session(name: str) -> "InferenceSession":
    import onnxruntime

    # What is kept for later runs is kept for each size of input anew: 1.4 GB after three dense pages, 0.6 GB without.
    options = onnxruntime.SessionOptions()
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(str((_models() or Path()) / name), options, providers=["CPUExecutionProvider"])


@cache
def _characters() -> list[str]:
    """What each class of the recognition stands for: none, the characters that the model names, the blank."""
    named = _session(_RECOGNITION).get_modelmeta().custom_metadata_map["character"].splitlines()
    return ["", *named, " "]


def _run(name: str, inputs: NDArray[np.float32]) -> Any:
    session = _session(name)
    return session.run(None, {session.get_inputs()[0].name: inputs})[0]


def _scaled(image: Pixels, width: int, height: int) -> Pixels:
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def _planes(image: Pixels) -> NDArray[np.float32]:
    """Pixels as the networks take them: (3, height, width), blue first, -1 to 1."""
    return np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1), dtype=np.float32) / 127.5 - 1.0


def _straight(image: Pixels) -> Pixels:
    """The page turned by the few degrees at which its rows of ink are the sharpest."""
    from PIL import Image

    angle = _skew(image)
    if abs(angle) < 0.15:
        return image
    turned = Image.fromarray(image).rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=(255, 255, 255))
    return np.asarray(turned)


def _skew(image: Pixels) -> float:
    """Degrees by which a page has to be turned against the clock, at most five either way."""
    step = max(1, max(image.shape[:2]) // 1200)
    grey = image[::step, ::step].mean(axis=2)
    ys, xs = np.nonzero(grey < (grey.min() + np.median(grey)) / 2)
    if len(ys) < 200:
        return 0.0
    every = max(1, len(ys) // _SKEW_PIXELS)
    ys, xs = ys[::every], xs[::every]

    def sharpness(angle: float) -> float:
        rows = ys - xs * np.tan(np.radians(angle))
        counts = np.bincount((rows - rows.min()).astype(int))
        return float(np.square(np.diff(counts.astype(float))).sum())

    coarse = max(np.arange(-_MAX_SKEW, _MAX_SKEW + 0.1, 0.5).tolist(), key=sharpness)
    fine = max(np.arange(coarse - 0.5, coarse + 0.51, 0.1).tolist(), key=sharpness)
    return fine if sharpness(fine) > 1.05 * sharpness(0.0) else 0.0


def _lines(image: Pixels) -> list[Box]:
    """Boxes of the lines of text, from top to bottom."""
    from scipy import ndimage

    high, wide = image.shape[:2]
    scale = min(max(1.0, _MIN_SIDE / min(high, wide)), _MAX_SIDE / max(high, wide))
    height, width = (max(32, round(side * scale / 32) * 32) for side in (high, wide))
    marked = _run(_DETECTION, _planes(_scaled(image, width, height))[None])[0, 0]
    labels, _ = ndimage.label(ndimage.binary_dilation(marked > _THRESHOLD, np.ones((2, 2))))
    boxes = []
    for rows, columns in ndimage.find_objects(labels)[:_MAX_LINES]:
        h, w = rows.stop - rows.start, columns.stop - columns.start
        core = marked[rows, columns]
        if min(h, w) < 3 or core[core > _THRESHOLD].mean() < _MIN_SCORE:
            continue
        grow = h * w * _UNCLIP / (2 * (h + w))
        left, right = (columns.start - grow) * wide / width, (columns.stop + grow) * wide / width
        top, bottom = (rows.start - grow) * high / height, (rows.stop + grow) * high / height
        boxes.append((max(0, int(left)), max(0, int(top)), min(wide, int(right) + 1), min(high, int(bottom) + 1)))
    return sorted(boxes, key=lambda box: (box[1], box[0]))


def _is_upside_down(image: Pixels, boxes: list[Box]) -> bool:
    """True where most of the longest lines stand on their heads."""
    longest = sorted(boxes, key=lambda box: box[0] - box[2])[:_VOTERS]
    votes = 0
    for left, top, right, bottom in longest:
        part = image[top:bottom, left : min(right, left + 4 * (bottom - top))]
        upright, turned = _run(_ORIENTATION, _planes(_scaled(part, 192, 48))[None])[0]
        votes += 1 if turned > upright else -1
    return votes > 0


def _read(image: Pixels, boxes: Sequence[Box]) -> list[tuple[NDArray[np.int64], NDArray[np.float32], float]]:
    """For each line the best class and its probability at each step from left to right, and the pixels that a step takes."""
    widths = [min(_MAX_LINE_WIDTH, max(16, round((box[2] - box[0]) * _LINE_HEIGHT / (box[3] - box[1])))) for box in boxes]
    read: dict[int, tuple[NDArray[np.int64], NDArray[np.float32], float]] = {}
    for batch in _batches(widths):
        wide = max(widths[index] for index in batch)
        inputs = np.zeros((len(batch), 3, _LINE_HEIGHT, wide), dtype=np.float32)
        for row, index in enumerate(batch):
            left, top, right, bottom = boxes[index]
            inputs[row, :, :, : widths[index]] = _planes(_scaled(image[top:bottom, left:right], widths[index], _LINE_HEIGHT))
        chances = _run(_RECOGNITION, inputs)
        for row, index in enumerate(batch):
            box = boxes[index]
            step = wide / chances.shape[1] * (box[2] - box[0]) / widths[index]
            read[index] = (chances[row].argmax(axis=1), chances[row].max(axis=1), step)
    return [read[index] for index in range(len(boxes))]


def _batches(widths: Sequence[int]) -> Iterator[list[int]]:
    """Lines of about the same width together."""
    batch: list[int] = []
    for index in sorted(range(len(widths)), key=widths.__getitem__):
        if batch and widths[index] * (len(batch) + 1) > _BATCH_WIDTH:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _words(box: Box, classes: NDArray[np.int64], chances: NDArray[np.float32], step: float) -> Iterator[Word]:
    """Words of a line where they stand; none where the network is not sure of the line."""
    is_new = np.concatenate(([True], classes[1:] != classes[:-1])) & (classes != 0)
    places = np.flatnonzero(is_new)
    if not len(places) or chances[places].mean() < _MIN_CONFIDENCE:
        return
    characters = _characters()
    left, top, right, bottom = box
    margin = (bottom - top) // 12  # the box is wider than the letters
    text, start, end = "", 0.0, 0.0
    for place in places:
        letter = characters[classes[place]]
        if letter.isspace():
            if text:
                yield Word(text, start, top + margin, end, bottom - margin)
            text = ""
            continue
        if not text:
            start = max(left, left + (place - 0.5) * step)
        text += letter
        end = min(right, left + (place + 1.5) * step)
    if text:
        yield Word(text, start, top + margin, end, bottom - margin)
